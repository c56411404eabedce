"""What any speech recogniser heard, as lines with times.

Authors
 * The speechbrain-opensed contributors 2026
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["SpeechLine", "hear_speech"]

# A pause of this length ends a line where a recogniser gives only words.
_PAUSE = 0.8


@dataclass(frozen=True)
class SpeechLine:
    """One utterance.

    Arguments
    ---------
    onset, offset : float
        Start and end in seconds.
    text : str
        What was said.
    speaker : str or None
        Who said it.
    words : tuple of (float, float, str)
        Each word with its times; empty where the recogniser gives none.

    Example
    -------
    >>> SpeechLine(0.5, 1.0, "come here").text
    'come here'
    """

    onset: float
    offset: float
    text: str
    speaker: str | None = None
    words: tuple[tuple[float, float, str], ...] = ()


def hear_speech(path: Any, asr: Any, duration: float) -> list[SpeechLine]:
    """Transcribe a sound file with any of the usual recognisers.

    A recogniser without times (EncoderASR, EncoderDecoderASR) gives one line
    over the whole recording.

    Arguments
    ---------
    path : str or Path
        The file.
    asr : object or None
        SpeechBrain's EncoderASR, EncoderDecoderASR or WhisperASR; Hugging
        Face's pipeline for speech recognition; faster-whisper's WhisperModel;
        or a function from a path to (start, end, text) or (start, end, text,
        speaker). None: nobody speaks.
    duration : float
        Length of the recording in seconds; lines end there at the latest.

    Returns
    -------
    list of SpeechLine
        Lines with a text, by onset.

    Raises
    ------
    ValueError
        If it is no recogniser, or gives times that are no spans.

    Example
    -------
    >>> hear_speech("a.wav", lambda path: [(0.0, 1.5, " Hello. ")], 2.0)
    [SpeechLine(onset=0.0, offset=1.5, text='Hello.', speaker=None, words=())]
    """

    def clip(times):
        return [min(max(0.0, float(time)), duration) for time in times]

    lines = []
    for line in _reader(asr)(str(path), asr, duration):
        text = " ".join(line.text.split())
        if not text:
            continue
        if not (
            math.isfinite(line.onset)
            and math.isfinite(line.offset)
            and line.onset <= line.offset
        ):
            raise ValueError(
                f"{path}: the recogniser puts {text!r} between {line.onset} "
                f"and {line.offset} s: give start and end in seconds"
            )
        onset, offset = clip((line.onset, line.offset))
        words = tuple((*clip(word[:2]), word[2]) for word in line.words)
        lines.append(SpeechLine(onset, offset, text, line.speaker, words))
    return sorted(lines, key=lambda line: (line.onset, line.offset))


def _reader(asr: Any) -> Callable[[str, Any, float], Iterable[SpeechLine]]:
    if asr is None:
        return lambda path, asr, duration: []
    if hasattr(asr, "transcribe_file"):
        return _speechbrain
    if hasattr(asr, "transcribe"):
        return _faster_whisper
    if getattr(asr, "task", None) == "automatic-speech-recognition":
        return _hugging_face
    if callable(asr):
        return _function
    raise ValueError(
        f"{type(asr).__name__} is no speech recogniser: give one of "
        "SpeechBrain, a Hugging Face pipeline, a faster-whisper model or a "
        "function from a path to (start, end, text)"
    )


def _speechbrain(path, asr, duration):
    found = asr.transcribe_file(path)
    if isinstance(found, str):
        return [SpeechLine(0.0, duration, found)]
    return [SpeechLine(one.start, one.end, one.words or "") for one in found]


def _faster_whisper(path, asr, duration):
    segments, _ = asr.transcribe(path, word_timestamps=True)
    for one in segments:
        words = tuple(
            (float(word.start), float(word.end), word.word.strip())
            for word in one.words or ()
        )
        yield SpeechLine(one.start, one.end, one.text, words=words)


def _hugging_face(path, asr, duration):
    kind = getattr(asr, "type", "seq2seq_whisper")
    # Only Whisper knows segments, and other sequence models no times at all.
    if kind == "seq2seq":
        return [SpeechLine(0.0, duration, asr(path)["text"])]
    by_word = kind.startswith("ctc")
    found = asr(path, return_timestamps="word" if by_word else True)
    spans = [
        (
            *(
                default if time is None else float(time)
                for time, default in zip(
                    chunk["timestamp"], (0.0, duration), strict=True
                )
            ),
            chunk["text"].strip(),
        )
        for chunk in found["chunks"]
    ]
    if by_word:
        return list(_join_words(spans))
    return [SpeechLine(*span) for span in spans]


def _function(path, asr, duration):
    for span in asr(path):
        if len(span) not in (3, 4):
            raise ValueError(
                f"{path}: the recogniser gave {span!r}: give (start, end, "
                "text) or (start, end, text, speaker)"
            )
        yield SpeechLine(*span)


def _join_words(words: Sequence[tuple[float, float, str]]):
    line: list[tuple[float, float, str]] = []
    for word in words:
        if line and word[0] - line[-1][1] > _PAUSE:
            yield _line(line)
            line = []
        line.append(word)
    if line:
        yield _line(line)


def _line(words):
    text = " ".join(word for _, _, word in words)
    return SpeechLine(words[0][0], words[-1][1], text, words=tuple(words))
