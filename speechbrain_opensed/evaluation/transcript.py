"""One timeline of what was said and what else was to be heard.

Authors
 * The speechbrain-opensed contributors 2026
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lhotse import SupervisionSegment, SupervisionSet

from lhotse_recipes.clips import Annotation, Clip
from lhotse_recipes.formats.textgrid import textgrid_text
from lhotse_recipes.schema import event
from lhotse_recipes.sound import inspect_audio
from speechbrain_opensed.evaluation import subtitles
from speechbrain_opensed.evaluation.speech_lines import SpeechLine, hear_speech
from speechbrain_opensed.inference.events import (
    SoundEvent,
    merge_close_events,
)
from speechbrain_opensed.inference.formats import write

__all__ = ["Timeline", "rich_transcript"]

# A sound that is heard alone for less is shown with the speech.
_ALONE = 0.5


@dataclass(frozen=True)
class Timeline:
    """Speech and sounds of a recording.

    JSON, TextGrids and supervisions hold all of it; captions only what is
    worth one.

    Arguments
    ---------
    path : str
        The recording.
    duration : float
        Its length in seconds.
    speech : tuple of SpeechLine
        What was said, by onset.
    sounds : tuple of SoundEvent
        What was found, by onset.
    min_score : float
        Sounds whose best score is lower get no caption.
    min_duration : float
        Nor do shorter ones; seconds.
    merge_gap : float
        The same sound again within so many seconds gets no caption of its
        own.

    Example
    -------
    >>> rain = SoundEvent("rain", 0.0, 1.5, 0.9)
    >>> timeline = Timeline("a.wav", 3.0, (), (rain,))
    >>> print(timeline.to_srt(), end="")
    1
    00:00:00,000 --> 00:00:01,500
    [rain]
    """

    path: str
    duration: float
    speech: tuple[SpeechLine, ...] = ()
    sounds: tuple[SoundEvent, ...] = ()
    min_score: float = 0.0
    min_duration: float = 0.3
    merge_gap: float = 1.0

    def captioned(self) -> list[SoundEvent]:
        """The sounds that are worth a caption."""
        good = [one for one in self.sounds if one.score >= self.min_score]
        joined = merge_close_events(good, self.merge_gap)
        return [one for one in joined if one.duration >= self.min_duration]

    def cues(self) -> list[subtitles.Cue]:
        """The captions, by time, none of which overlap."""
        alone, under = [], []
        for one in self.captioned():
            span = self._alone(one)
            if span is None:
                under.append((one.onset, one.offset, one.phrase))
            else:
                alone.append((*span, one.phrase))
        return subtitles.lay_out(self.speech, alone, under)

    def to_vtt(self, path: str | Path | None = None) -> str:
        """WebVTT as text, also in a file where one is named."""
        return _keep(subtitles.to_vtt(self.cues()), path)

    def to_srt(self, path: str | Path | None = None) -> str:
        """SubRip as text, also in a file where one is named."""
        return _keep(subtitles.to_srt(self.cues()), path)

    def to_json(self, path: str | Path | None = None) -> str:
        """All lines and sounds with times, speakers, words and scores.

        A sound is `under_speech` where it is not heard alone for at least
        half a second.
        """
        entries = [
            {"kind": "speech", **asdict(line)} for line in self.speech
        ] + [
            {
                "kind": "event",
                "onset": one.onset,
                "offset": one.offset,
                "text": one.phrase,
                "score": one.score,
                "under_speech": self._alone(one) is None,
            }
            for one in self.sounds
        ]
        entries.sort(key=lambda entry: (entry["onset"], entry["offset"]))
        found = {
            "path": self.path,
            "duration": self.duration,
            "entries": entries,
        }
        text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
        return _keep(text, path)

    def to_textgrid(self, path: str | Path | None = None) -> str:
        """Praat's TextGrid: a tier per speaker and one per sound.

        Those of speech are called `speech: <speaker>`, so that they are read
        back as what they are.
        """
        clip = Clip(self.path, self.path, duration=self.duration)
        clip.annotations += [
            Annotation(
                "speech",
                line.text,
                onset=line.onset,
                offset=line.offset,
                speaker=line.speaker,
            )
            for line in self.speech
            if line.offset - line.onset >= 0.001
        ]
        clip.annotations += [
            Annotation("event", one.phrase, one.phrase, one.onset, one.offset)
            for one in self.sounds
        ]
        return _keep(textgrid_text(clip), path)

    def to_supervisions(
        self, recording_id: str | None = None
    ) -> SupervisionSet:
        """Lhotse supervisions of the kinds `speech` and `event`.

        Arguments
        ---------
        recording_id : str, optional
            Their recording; the file's name without suffix where not given.

        Returns
        -------
        SupervisionSet
            Ids end in `-s0`, `-s1`, ... and `-e0`, `-e1`, ...
        """
        name = Path(self.path).stem if recording_id is None else recording_id
        said = [
            SupervisionSegment(
                id=f"{name}-s{number}",
                recording_id=name,
                start=line.onset,
                duration=round(line.offset - line.onset, 8),
                text=line.text,
                speaker=line.speaker,
                custom={"kind": "speech"},
            )
            for number, line in enumerate(self.speech)
        ]
        heard = [
            event(
                name,
                number,
                one.onset,
                one.offset,
                one.phrase,
                one.phrase,
                confidence=one.score,
            )
            for number, one in enumerate(self.sounds)
        ]
        return SupervisionSet.from_segments([*said, *heard])

    def _alone(self, sound: SoundEvent) -> tuple[float, float] | None:
        """Where a sound is first heard without speech; None: under it."""
        position, covered = sound.onset, False
        for line in self.speech:
            if line.offset <= position or line.onset >= sound.offset:
                continue
            covered = True
            if line.onset - position >= _ALONE:
                return position, line.onset
            position = max(position, line.offset)
        if not covered or sound.offset - position >= _ALONE:
            return position, sound.offset
        return None


def _keep(text, path):
    if path is not None:
        write(path, text)
    return text


def rich_transcript(
    audio: str | Path,
    detector: Any,
    asr: Any,
    phrases: Sequence[str],
    *,
    threshold: float | Mapping[str, float] | None = 0.5,
    min_score: float = 0.0,
    min_duration: float = 0.3,
    merge_gap: float = 1.0,
    **settings: Any,
) -> Timeline:
    """Transcribe speech and find sounds in one recording.

    Arguments
    ---------
    audio : str or Path
        The file.
    detector : SoundEventDetector
        Finds the sounds.
    asr : object or None
        Hears the words: SpeechBrain's, Hugging Face's or faster-whisper's
        recogniser, or a function; see :func:`hear_speech`. None: sounds only.
    phrases : sequence of str
        Sounds to look for; without any there is speech only.
    threshold : float, dict of phrase to float or None
        Score above which a frame belongs to a sound.
    min_score, min_duration, merge_gap : float
        What is worth a caption; see :class:`Timeline`.
    **settings : dict
        Further arguments of `detector.detect_file`.

    Returns
    -------
    Timeline
        With writers for captions and annotations.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    ValueError
        If the file cannot be used or an argument makes no sense.

    Example
    -------
    >>> import numpy as np, soundfile, tempfile
    >>> hear = lambda path: [(0.0, 1.0, "Is anybody there?", "Ann")]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     soundfile.write(f"{folder}/a.wav", np.zeros(16000), 16000)
    ...     timeline = rich_transcript(f"{folder}/a.wav", None, hear, [])
    >>> print(timeline.to_vtt(), end="")
    WEBVTT
    <BLANKLINE>
    00:00:00.000 --> 00:00:01.000
    Ann: Is anybody there?
    """
    duration = inspect_audio(audio).duration
    sounds: Sequence[SoundEvent] = ()
    if phrases:
        found = detector.detect_file(audio, phrases, threshold, **settings)
        sounds = found.events
    return Timeline(
        str(audio),
        duration,
        tuple(hear_speech(audio, asr, duration)),
        tuple(sounds),
        min_score,
        min_duration,
        merge_gap,
    )
