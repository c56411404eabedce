"""Clips whose caption leaves open what they sound like; references tell it.

"A low pulsing sound" may be a bell, a buzz or a hiss: the caption names pitch
and pattern, a reference of the same timbre carries the rest. So whether a
model listens to its reference can be measured.
"""

import io
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from lhotse import CutSet, Recording, RecordingSet, SupervisionSet
from lhotse.cut import Cut

from lhotse_recipes.building.corpus import ordered_map, process_pool
from lhotse_recipes.fingerprint import Stamp
from lhotse_recipes.io import save_manifests, write_atomically, write_jsonl
from lhotse_recipes.references import POLICIES, cut_references
from lhotse_recipes.schema import caption, event
from lhotse_recipes.soundscapes.procedural import ProceduralBank
from lhotse_recipes.soundscapes.synthesis import PATTERNS, REGISTERS, TIMBRES

__all__ = ["caption_of", "prepare_styles"]

PARTS = {"train": 1500, "valid": 150, "test": 150}
NAME = "styles"
# Events lie at -20 dB full scale.
NOISE_DB = (-40.0, -30.0)
LATEST_ONSET = 0.3

# Part of what identifies written clips: raise it when the sounds change.
_VERSION = 1
_CLIP, _REFERENCE = 0, 1


def caption_of(register: str, pattern: str) -> str:
    """
    What is said about a clip: all but the timbre.

    :param register: word for the pitch.
    :param pattern: word for what becomes of it.
    :return: the sentence.

    >>> caption_of("low", "pulsing")
    'a low pulsing sound'
    """
    return f"a {register} {pattern} sound"


def prepare_styles(
    output_dir: str | Path,
    clips: Mapping[str, int] | None = None,
    seed: int = 0,
    *,
    seconds: float = 2.56,
    ref_policy: str = "other_clip_same_event",
    ref_seconds: float = 1.0,
    refs_per_clip: int = 4,
    pool: int = 40,
    patterns: Sequence[str] = PATTERNS,
    num_jobs: int = 1,
) -> dict[str, dict[str, Any]]:
    """
    Write clips of single synthesised events, or find them written.

    The result has the form of :func:`lhotse_recipes.prepare_serst`: clips know
    the ids of their references in ``custom["references"]``; the label of an
    event and of a reference is its timbre. No variant of a sound occurs twice.

    :param output_dir: gets audio and
        ``styles_{recordings,supervisions,cuts,references}_<part>``.
    :param clips: part → number of clips; parts are train, valid and test.
    :param seed: of all sounds.
    :param seconds: length of a clip.
    :param ref_policy: "other_clip_same_event": sounds of the same timbre, of
        any pitch and pattern, that are in no clip; "same_clip": the beginning
        of the clip's own event.
    :param ref_seconds: length of a reference; several sounds in a row, where
        one is too short.
    :param refs_per_clip: references of each clip, where they are others.
    :param pool: references of each timbre in a part.
    :param patterns: which patterns there are.
    :param num_jobs: processes.
    :return: part → ``{"recordings", "supervisions", "cuts", "references"}``.
    :raises ValueError: an unknown policy, part or pattern, or the folder holds
        clips of other parameters.
    """
    clips = dict(PARTS if clips is None else clips)
    strange = [part for part in clips if part not in PARTS]
    if strange:
        raise ValueError(f"part {strange[0]!r}: choose from {', '.join(PARTS)}")
    if ref_policy not in POLICIES:
        raise ValueError(
            f"ref_policy {ref_policy!r}: choose from {', '.join(POLICIES)}"
        )
    if not (seconds > LATEST_ONSET and ref_seconds > 0):
        raise ValueError(
            f"seconds {seconds} must be above {LATEST_ONSET}, ref_seconds "
            f"{ref_seconds} above 0"
        )
    if not 0 < refs_per_clip <= pool:
        raise ValueError(
            f"refs_per_clip {refs_per_clip} must be from 1 to pool, {pool}"
        )
    patterns = list(patterns)
    if not patterns or not set(patterns) <= set(PATTERNS):
        raise ValueError(
            f"patterns {patterns}: choose some of {', '.join(PATTERNS)}"
        )
    folder = Path(output_dir).absolute()
    wanted = {
        "version": _VERSION,
        "clips": clips,
        "seed": seed,
        "seconds": seconds,
        "ref_policy": ref_policy,
        "ref_seconds": ref_seconds,
        "refs_per_clip": refs_per_clip,
        "pool": pool,
        "patterns": patterns,
    }
    stamp = Stamp(folder / f"{NAME}.json", wanted)
    if stamp.refuse_other("clips", "remove it or choose another folder"):
        return {part: _read(folder, part) for part in clips}
    workers = process_pool(num_jobs) if num_jobs > 1 else nullcontext()
    with workers as executor:
        prepared = {
            part: _prepare(folder, part, number, wanted, executor)
            for part, number in clips.items()
        }
    for part, manifests in prepared.items():
        references = manifests["references"]
        kept = {k: v for k, v in manifests.items() if k != "references"}
        save_manifests(folder, NAME, part, **kept)
        write_jsonl(_path(folder, "references", part), references)
    stamp.write()
    return prepared


def _prepare(folder, part, number, wanted, executor):
    bank = ProceduralBank(seed=wanted["seed"])
    desc = f"{NAME} {part}: synthesising"
    # Every phrase as often as any other, up to one.
    rng = np.random.default_rng([wanted["seed"], _CLIP, _first(part)])
    patterns = wanted["patterns"]
    every = [p for p in bank.phrases if p.split(" ")[1] in patterns]
    phrases: list[str] = []
    while len(phrases) < number:
        phrases += [every[k] for k in rng.permutation(len(every))]
    phrases = phrases[:number]
    make = partial(_make_clip, bank, folder, part, wanted["seconds"])
    cuts = list(
        ordered_map(
            make, list(enumerate(phrases)), 1, executor=executor, desc=desc
        )
    )
    length = wanted["ref_seconds"]
    references = []
    if wanted["ref_policy"] == "same_clip":
        for cut in cuts:
            (own,) = cut_references(cut, length, pad=True).cuts
            references.append(own)
            cut.custom["references"] = [own.id]
    else:
        items = [(t, k) for t in TIMBRES for k in range(wanted["pool"])]
        make = partial(_make_reference, bank, folder, part, length, patterns)
        references = list(
            ordered_map(make, items, 1, executor=executor, desc=desc)
        )
        for cut in cuts:
            own = [one for one in references if one.label == cut.style]
            drawn = rng.permutation(len(own))[: wanted["refs_per_clip"]]
            cut.custom["references"] = [own[k].id for k in drawn]
    recordings = {cut.recording.id: cut.recording for cut in cuts}
    return {
        "recordings": RecordingSet.from_recordings(recordings.values()),
        "supervisions": SupervisionSet.from_segments(
            sup for cut in cuts for sup in cut.supervisions
        ),
        "cuts": CutSet.from_cuts(cuts),
        "references": CutSet.from_cuts(references),
    }


def _make_clip(bank, folder, part, seconds, item) -> Cut:
    """One event at the beginning of a clip, over faint noise."""
    number, phrase = item
    register, pattern, timbre = phrase.split(" ")
    rng = np.random.default_rng([bank.seed, _CLIP, _first(part), number])
    sound = bank.synthesize(phrase, _first(part) + number)
    total = round(seconds * bank.sampling_rate)
    onset = round(rng.uniform(0, LATEST_ONSET) * bank.sampling_rate)
    sound = sound[: total - onset]
    wave = bank.background(_first(part) + number, seconds)[:total]
    wave = wave * np.float32(10 ** (rng.uniform(*NOISE_DB) / 20))
    wave[onset : onset + len(sound)] += sound
    name = f"{NAME}-{part}-{number:05d}"
    cut = _write(folder / part / f"{name}.flac", name, wave, bank.sampling_rate)
    start, end = (k / bank.sampling_rate for k in (onset, onset + len(sound)))
    cut.supervisions = [
        event(name, 0, start, end, phrase, timbre),
        caption(name, 0, cut.duration, caption_of(register, pattern)),
    ]
    cut.custom = {"style": timbre, "events_complete": True}
    return cut


def _make_reference(bank, folder, part, seconds, patterns, item) -> Cut:
    """Sounds of one timbre in a row, as long as is wanted."""
    timbre, number = item
    index = TIMBRES.index(timbre)
    rng = np.random.default_rng(
        [bank.seed, _REFERENCE, _first(part), index, number]
    )
    total = round(seconds * bank.sampling_rate)
    pieces: list[np.ndarray] = []
    variant = _first(part) + len(PARTS) * _STEP + 100 * number
    while sum(map(len, pieces)) < total:
        words = rng.choice(list(REGISTERS)), rng.choice(patterns), timbre
        pieces.append(bank.synthesize(" ".join(words), variant + len(pieces)))
    wave = np.concatenate(pieces)[:total]
    name = f"{NAME}-{part}-{timbre}-{number:03d}"
    cut = _write(folder / part / f"{name}.flac", name, wave, bank.sampling_rate)
    cut.custom = {"label": timbre, "phrase": f"a {timbre} sound", "clip": name}
    return cut


_STEP = 1_000_000


def _first(part: str) -> int:
    """Number of a part's first variant."""
    return _STEP * list(PARTS).index(part)


def _write(path: Path, name: str, samples: np.ndarray, rate: int) -> Cut:
    encoded = io.BytesIO()
    soundfile.write(encoded, samples, rate, format="FLAC")
    with write_atomically(path, "wb") as file:
        file.write(encoded.getvalue())
    cut = Recording.from_file(path, recording_id=name).to_cut()
    cut.id = name
    return cut


def _path(folder: Path, kind: str, part: str) -> Path:
    return folder / f"{NAME}_{kind}_{part}.jsonl.gz"


def _read(folder: Path, part: str) -> dict[str, Any]:
    kinds = {
        "recordings": RecordingSet,
        "supervisions": SupervisionSet,
        "cuts": CutSet,
        "references": CutSet,
    }
    return {
        kind: cls.from_file(_path(folder, kind, part))
        for kind, cls in kinds.items()
    }
