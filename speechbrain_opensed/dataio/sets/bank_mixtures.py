"""Mixtures for training and tests from a bank of single sounds.

Authors
 * The speechbrain-opensed contributors 2026
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lhotse import CutSet
from lhotse.utils import fastcopy

from lhotse_recipes.building.corpus import (
    AUDIO_SUFFIXES,
    find_files,
    read_recordings,
)
from lhotse_recipes.corpora.event_bank import prepare_event_bank
from lhotse_recipes.io import PrepareReport
from lhotse_recipes.schema import label_of
from lhotse_recipes.soundscapes import ProceduralBank, simulate_soundscapes
from lhotse_recipes.vocabulary import Entry, Vocabulary
from speechbrain_opensed.dataio.sets.few_shot import read_labels

__all__ = ["mix_bank", "mix_recordings", "mix_procedural", "split_backgrounds"]

PARTS = ("train", "valid", "test")
NAME = "mixtures"
logger = logging.getLogger(__name__)


def mix_recordings(
    source: str | Path,
    output_folder: str | Path,
    text_encoder: Any,
    *,
    backgrounds: str | Path | None = None,
    vocabulary: str | Path | None = None,
    audio_root: str | Path | None = None,
    min_test_recordings: int = 1,
    folds: int | None = None,
    fold: int = 1,
    **options: Any,
) -> Vocabulary:
    """Mixes labelled recordings of single sounds.

    Labels that the text encoder has no embedding for are left out and
    counted; labels that share one are one class, named as the encoder names
    it, for a detector cannot tell apart what is asked in the same words.

    Arguments
    ---------
    source : str or Path
        Folder `label/*.wav`, or csv with path, label, (split, group).
    output_folder : str or Path
        Where manifests, vocabulary and reports go.
    text_encoder : TextEncoder
        What the detector will be asked with.
    backgrounds : str or Path, optional
        Folder of recordings to mix into; None: coloured noise.
    vocabulary : str or Path, optional
        Table label to phrase.
    audio_root : str or Path, optional
        What the csv's paths are relative to.
    min_test_recordings : int
        Classes with fewer recordings in the test part are not tested.
    folds, fold : int, optional
        For cross-validation, see `prepare_event_bank`.
    **options
        Of :func:`mix_bank`.

    Returns
    -------
    Vocabulary
        The classes.

    Raises
    ------
    ValueError, FileNotFoundError
        As `prepare_event_bank` and `mix_bank` do.

    Example
    -------
    >>> from speechbrain_opensed.lobes.text.encoders import HashTextEncoder
    >>> mix_recordings("nowhere", "results", HashTextEncoder())
    Traceback (most recent call last):
    FileNotFoundError: nowhere: no such folder or csv table
    """
    prepared = prepare_event_bank(
        source,
        Path(output_folder) / "bank",
        audio_root=audio_root,
        vocabulary=vocabulary,
        folds=folds,
        fold=fold,
    )
    report = PrepareReport(NAME, "labels")
    bank: dict[str, CutSet] = {}
    phrases: dict[str, str] = {}
    for part in PARTS:
        cuts = []
        for cut in prepared.get(part, {}).get("cuts", ()):
            (event,) = cut.supervisions
            name = text_encoder.canonical(event.text)
            if name is None:
                report.drop("no text embedding", f"{event.text}: {cut.id}")
                continue
            phrases.setdefault(name, event.text)
            cuts.append(_relabelled(cut, name, phrases[name]))
        bank[part] = cuts
    found = [label_of(cut.supervisions[0]) for cut in bank["test"]]
    tested = [x for x in phrases if found.count(x) >= min_test_recordings]
    report.count("classes", len(phrases))
    report.count("tested classes", len(tested))
    for name in sorted(set(phrases) - set(tested)):
        report.note(
            f"not tested, with fewer than {min_test_recordings} test "
            "recordings",
            name,
        )
    report.save(output_folder)
    print(report.summary())
    table = Vocabulary(
        NAME, tuple(Entry(name, phrases[name]) for name in sorted(phrases))
    )
    return mix_bank(
        bank,
        split_backgrounds(backgrounds),
        table,
        output_folder,
        tested=tested,
        **options,
    )


def mix_procedural(
    output_folder: str | Path,
    seed: int = 0,
    variants: Mapping[str, int] | None = None,
    num_jobs: int = 1,
    **options: Any,
) -> Vocabulary:
    """Mixes synthesised sounds; no variant of a sound is in two parts.

    Arguments
    ---------
    output_folder : str or Path
        Where audio, manifests and vocabulary go.
    seed : int
        Of sounds and mixtures.
    variants : mapping, optional
        Part to the number of variants of each phrase.
    num_jobs : int
        Processes.
    **options
        Of :func:`mix_bank`.

    Returns
    -------
    Vocabulary
        The classes.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> table = mix_procedural(
    ...     folder,
    ...     variants={"train": 1, "test": 1},
    ...     num_clips={"train": 2, "test": 2},
    ... )
    >>> len(table), sorted(p.name for p in folder.glob("*cuts*"))
    (75, ['mixtures_cuts_test.jsonl.gz', 'mixtures_cuts_train.jsonl.gz'])
    """
    variants = variants or {"train": 16, "valid": 2, "test": 4}
    sounds = ProceduralBank(seed=seed)
    bank, backgrounds = {}, {}
    for part, number in variants.items():
        # Far enough apart to make any number of variants.
        written = sounds.write(
            Path(output_folder) / "bank" / part,
            per_phrase=number,
            num_backgrounds=10,
            num_jobs=num_jobs,
            first_variant=10_000 * PARTS.index(part),
        )
        bank[part] = list(written["events"])
        backgrounds[part] = written["backgrounds"]
    table = Vocabulary.from_labels(sounds.phrases, NAME)
    return mix_bank(
        bank,
        backgrounds,
        table,
        output_folder,
        seed=seed,
        num_jobs=num_jobs,
        **options,
    )


def mix_bank(
    bank: Mapping[str, Sequence],
    backgrounds: Mapping[str, CutSet | None],
    vocabulary: Vocabulary,
    output_folder: str | Path,
    num_clips: Mapping[str, int],
    *,
    seed: int = 0,
    held_out: Collection[str] | str | Path = (),
    shots: int = 0,
    tested: Collection[str] | None = None,
    shuffle_labels: bool = False,
    num_jobs: int = 1,
    **simulation: Any,
) -> Vocabulary:
    """Writes mixtures of a bank's parts, and the vocabulary.

    Arguments
    ---------
    bank : mapping from str to sequence of Cut
        Part (train, valid, test) to cuts with one event each.
    backgrounds : mapping from str to CutSet
        Part to what the events are mixed into; None: coloured noise.
    vocabulary : Vocabulary
        The classes.
    output_folder : str or Path
        Gets `mixtures_cuts_<part>.jsonl.gz`, `mixtures.csv` and reports.
    num_clips : mapping from str to int
        Part to the number of mixtures.
    seed : int
        Of all choices.
    held_out : collection of str, str or Path
        Classes that training does not hear: they are in the test alone; or a
        file with one per line.
    shots : int
        Recordings of each held-out class that training does hear.
    tested : collection of str, optional
        Classes in the test mixtures; all by default.
    shuffle_labels : bool
        Whether training recordings swap their labels: a control that has to
        fail.
    num_jobs : int
        Processes.
    **simulation
        Of `simulate_soundscapes`: events_per_clip, repeats, snr, ...

    Returns
    -------
    Vocabulary
        The same.

    Raises
    ------
    ValueError
        If a held-out class is unknown, or a part has no recording.

    Example
    -------
    >>> table = Vocabulary.from_labels(["Bark"], "mixtures")
    >>> mix_bank({}, {}, table, ".", {}, held_out=["Meow"])
    Traceback (most recent call last):
    ValueError: 'Meow' is not in the vocabulary mixtures; it has 1 labels ...
    """
    held_out = read_labels(held_out, vocabulary)
    if shots and not held_out:
        raise ValueError("shots without held-out classes: name them")
    rng = np.random.default_rng(seed)
    vocabulary.save(Path(output_folder) / f"{NAME}.csv")
    for part, number in num_clips.items():
        cuts = list(bank.get(part, ()))
        if part == "test" and tested is not None:
            cuts = [c for c in cuts if label_of(c.supervisions[0]) in tested]
        elif part != "test":
            cuts = _heard(cuts, set(held_out), shots, rng)
        if part == "train" and shuffle_labels:
            cuts = _shuffled(cuts, rng)
        if not cuts:
            raise ValueError(
                f"the bank has no recording for the part {part!r}: give more "
                "recordings, or a csv with a split column"
            )
        simulate_soundscapes(
            CutSet.from_cuts(cuts),
            backgrounds.get(part),
            number,
            seed=seed + PARTS.index(part),
            vocabulary=NAME,
            output_dir=output_folder,
            prefix=NAME,
            part=part,
            num_jobs=num_jobs,
            **simulation,
        )
    return vocabulary


def split_backgrounds(folder: str | Path | None) -> dict[str, CutSet | None]:
    """Every fifth background for validation and test, the rest to train.

    Arguments
    ---------
    folder : str, Path or None
        Folder of recordings. Fewer than five serve all parts.

    Returns
    -------
    dict
        Part to CutSet, or to None without a folder.

    Raises
    ------
    FileNotFoundError
        If there is no recording.

    Example
    -------
    >>> split_backgrounds(None)
    {'train': None, 'valid': None, 'test': None}
    """
    if folder is None:
        return dict.fromkeys(PARTS)
    paths = sorted(find_files(folder, AUDIO_SUFFIXES))
    if not paths:
        raise FileNotFoundError(
            f"{folder}: no backgrounds; give a folder of recordings"
        )
    report = PrepareReport(NAME, "backgrounds")
    names = [Path(path).stem for path in paths]
    if len(set(names)) < len(names):
        names = [Path(p).relative_to(folder).as_posix() for p in paths]
    recordings = read_recordings(dict(zip(names, paths, strict=True)), report)
    cuts = list(CutSet.from_manifests(recordings=recordings))
    logger.info(report.summary())
    spared = cuts[::5] if len(cuts) >= 5 else cuts
    rest = [c for i, c in enumerate(cuts) if i % 5] if len(cuts) >= 5 else cuts
    return {
        part: CutSet.from_cuts(rest if part == "train" else spared)
        for part in PARTS
    }


def _relabelled(cut, label: str, phrase: str):
    (event,) = cut.supervisions
    custom = {**(event.custom or {}), "label": label}
    return fastcopy(
        cut, supervisions=[fastcopy(event, text=phrase, custom=custom)]
    )


def _heard(cuts: list, held_out: set, shots: int, rng) -> list:
    """What training may hear: everything, of held-out classes `shots`."""
    kept: list = []
    spared: dict[str, list] = {}
    for cut in cuts:
        label = label_of(cut.supervisions[0])
        if label in held_out:
            spared.setdefault(label, []).append(cut)
        else:
            kept.append(cut)
    for label in sorted(spared):
        order = rng.permutation(len(spared[label]))[:shots]
        kept += [spared[label][i] for i in order]
    return kept


def _shuffled(cuts: list, rng) -> list:
    names = [(label_of(e), e.text) for c in cuts for e in c.supervisions]
    order = rng.permutation(len(cuts))
    return [
        _relabelled(cut, *names[i]) for cut, i in zip(cuts, order, strict=True)
    ]
