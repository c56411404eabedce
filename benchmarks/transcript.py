#!/usr/bin/env python3
"""Speech and sounds at once: what each costs the other.

Real utterances are mixed with real sounds, at several levels of the speech
over the sounds. The recogniser is a Whisper model of faster-whisper, the
detector any. The table has the share of wrong words with and without sounds,
and PSDS1 of the sounds with and without speech: the same sounds at the same
moments.

> python benchmarks/transcript.py --speech DATA/asr/manifest.csv \\
>     --sounds DATA/events.csv --labels DATA/event_labels.csv \\
>     --detector DIR --whisper DIR

`--speech` has the columns path, kind, transcript; `--sounds` path, label,
split; `--labels` label, phrase. Paths are relative to the folder of their
table.
"""

import argparse
import csv
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
from speechbrain.utils.metric_stats import ErrorRateStats

from speechbrain_opensed.evaluation.speech_lines import hear_speech
from speechbrain_opensed.inference import SoundEventDetector
from speechbrain_opensed.metrics import compute_psds

RATE = 16000
LEAD, TAIL, SHORTEST = 1.0, 1.0, 10.0
SOUNDS = 2
# What is this many dB below a sound's loudest moment is no part of it.
TRIM = 40.0


@dataclass
class Scene:
    """An utterance, and sounds around and under it."""

    words: str
    speech: np.ndarray
    sounds: np.ndarray
    events: list

    def mixed(self, level):
        """The mixture; `level` is that of the speech over the sounds, dB."""
        if level is None:
            return self.speech
        if level == "alone":
            return self.sounds
        gain = loudness(self.speech) / loudness(self.sounds)
        return self.speech + gain * 10 ** (-level / 20) * self.sounds


def rows_of(path):
    """The rows of a table, whose paths become whole."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if "path" in row:
            row["path"] = str(Path(path).parent / row["path"])
    return rows


def speech_of(path):
    """(samples, transcript) of utterances with a transcript.

    The manifest lies in a folder that its paths begin with.
    """
    found = []
    for row in rows_of(path):
        file = Path(row["path"])
        if not file.exists():
            file = Path(path).parent.parent / file.relative_to(
                Path(path).parent
            )
        if row["kind"] == "speech" and row["transcript"]:
            found.append((read(file), row["transcript"]))
    return found


def read(path):
    """Samples of a file of the right rate, one channel."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    if rate != RATE:
        raise ValueError(f"{path} has {rate} Hz: resample it to {RATE}")
    return samples.mean(1)


def loudness(samples):
    """Level of what is not silent."""
    heard = samples[np.abs(samples) > 1e-4]
    return float(np.sqrt(np.mean(heard**2))) if len(heard) else 1e-4


def trimmed(samples):
    """A sound without the silence at its ends."""
    blocks = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    levels = np.sqrt((blocks**2).mean(1))
    loud = np.flatnonzero(levels > levels.max() * 10 ** (-TRIM / 20))
    return samples[loud[0] * 160 : (loud[-1] + 1) * 160]


def scenes(speech, sounds, phrase_of, draws, seed):
    """Each utterance so many times, with other sounds."""
    rng = np.random.default_rng(seed)
    found = []
    for samples, words in speech:
        for _ in range(draws):
            length = max(SHORTEST, LEAD + len(samples) / RATE + TAIL)
            canvas = np.zeros(round(length * RATE), np.float32)
            said, heard = canvas.copy(), canvas.copy()
            at = round(LEAD * RATE)
            said[at : at + len(samples)] = samples
            labels = rng.choice(sorted(sounds), SOUNDS, replace=False)
            events = []
            for label in labels:
                sound = trimmed(read(rng.choice(sounds[label])))
                sound = sound[: len(canvas) // 2] / loudness(sound)
                onset = int(rng.integers(0, len(canvas) - len(sound)))
                heard[onset : onset + len(sound)] += 0.05 * sound
                times = onset / RATE, (onset + len(sound)) / RATE
                events.append((*times, phrase_of[label]))
            found.append(Scene(words, said, heard, events))
    return found


def plain(text):
    """Words as transcripts of corpora write them."""
    return re.sub(r"[^A-Z' ]", " ", text.upper().replace("-", " ")).split()


def word_errors(found, level, asr, folder):
    """Per cent of the words that are wrong."""
    stats = ErrorRateStats()
    path = folder / "scene.wav"
    for number, scene in enumerate(found):
        wave = scene.mixed(level)
        soundfile.write(path, wave / max(1.0, np.abs(wave).max()), RATE)
        lines = hear_speech(path, asr, len(wave) / RATE)
        said = [word for line in lines for word in plain(line.text)]
        stats.append([number], [said], [plain(scene.words)])
    return stats.summarize("error_rate")


def sounds_found(found, level, detector, phrases):
    """PSDS1 of the sounds."""
    scores, truth, durations = {}, {}, {}
    for number, scene in enumerate(found):
        wave = scene.mixed(level)
        wave = wave / max(1.0, np.abs(wave).max())
        name = str(number)
        scores[name] = detector.detect((wave, RATE), phrases).scores
        truth[name], durations[name] = scene.events, len(wave) / RATE
    hop = detector.spec.hop_seconds
    return compute_psds(scores, truth, durations, phrases, hop).psds


def understood(detector, phrase):
    """Whether a detector with a table of words knows these."""
    try:
        detector.embed([phrase])
    except ValueError:
        return False
    return True


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("speech", "sounds", "labels", "detector", "whisper"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--split", default="test")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--least", type=int, default=2)
    parser.add_argument(
        "--levels", type=float, nargs="+", default=[20, 10, 5, 0]
    )
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    from faster_whisper import WhisperModel

    torch.set_num_threads(1)
    phrase_of = {r["label"]: r["phrase"] for r in rows_of(args.labels)}
    by_label = {}
    for row in rows_of(args.sounds):
        if row["split"] == args.split:
            by_label.setdefault(row["label"], []).append(row["path"])
    by_label = {k: v for k, v in by_label.items() if len(v) >= args.least}
    detector = SoundEventDetector.from_source(args.detector, {"device": "cpu"})
    known = {k for k in by_label if understood(detector, phrase_of[k])}
    if known != set(by_label):
        print(f"{len(by_label) - len(known)} kinds that it has no words for")
    by_label = {k: v for k, v in by_label.items() if k in known}
    speech = speech_of(args.speech)
    found = scenes(speech, by_label, phrase_of, args.draws, args.seed)
    phrases = sorted({e[2] for scene in found for e in scene.events})
    asr = WhisperModel(
        args.whisper, "cpu", compute_type="int8", cpu_threads=1,
        local_files_only=True,
    )  # fmt: skip
    print(
        f"{len(speech)} utterances, {sum(len(plain(w)) for _, w in speech)} "
        f"words, in {len(found)} scenes with {len(phrases)} kinds of sounds"
    )
    print(f"{'':24}{'WER, %':>8}{'PSDS1':>8}")
    # As many draws of the same utterance are the same where nothing else is.
    once = found[:: args.draws]
    with tempfile.TemporaryDirectory() as folder:
        errors = word_errors(once, None, asr, Path(folder))
        print(f"{'speech alone':24}{errors:8.1f}", flush=True)
        alone = sounds_found(found, "alone", detector, phrases)
        print(f"{'sounds alone':24}{'':8}{alone:8.3f}", flush=True)
        for level in args.levels:
            errors = word_errors(found, level, asr, Path(folder))
            psds = sounds_found(found, level, detector, phrases)
            name = f"both, speech {level:+g} dB"
            print(f"{name:24}{errors:8.1f}{psds:8.3f}", flush=True)


if __name__ == "__main__":
    main()
