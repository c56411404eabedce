"""Your own recordings of single sound events, by folder or by table.

A bank is a folder ``label/*.wav|flac|ogg|mp3``, or a csv with the columns
``path`` and ``label`` and, if known, ``split`` and ``group`` (or
``group_id``): what was cut from one original recording forms a group, and no
group crosses splits, which are made class by class. Each recording becomes a
cut with one event that spans its sounding part.
"""

import math
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from lhotse import Recording, RecordingSet, SupervisionSegment

from lhotse_recipes.building.corpus import (
    AUDIO_SUFFIXES,
    finish_part,
    open_recording,
    ordered_map,
)
from lhotse_recipes.io import PrepareReport, read_rows
from lhotse_recipes.schema import event
from lhotse_recipes.sound import inspect_audio, read_blocks
from lhotse_recipes.sound.finding import walk_files
from lhotse_recipes.splits import fold_parts, stratified_parts
from lhotse_recipes.vocabulary import Vocabulary

__all__ = ["prepare_event_bank", "sounding_part"]

_SPLITS = {"train": 0.7, "valid": 0.1, "test": 0.2}
_FRAME_SECONDS = 0.01
_BLOCK = 1 << 18


@dataclass(frozen=True)
class _Item:
    id: str
    path: str
    label: str
    group: str
    split: str


@dataclass(frozen=True)
class _Refusal:
    reason: str
    what: str


def prepare_event_bank(
    source: str | Path,
    output_dir: str | Path | None = None,
    audio_root: str | Path | None = None,
    *,
    vocabulary: str | Path | Vocabulary | None = None,
    splits: Mapping[str, float] | None = None,
    seed: int = 0,
    folds: int | None = None,
    fold: int = 1,
    trim_db: float = 40.0,
    silence_dbfs: float = -70.0,
    strict: bool = False,
    num_jobs: int = 1,
    executor: Executor | None = None,
) -> dict[str, dict[str, Any]]:
    """
    Turn labelled recordings of single events into manifests.

    :param source: folder with one folder per label, or a csv table with the
        columns path, label and optionally split, group (or group_id).
    :param output_dir: where manifests, reports and the vocabulary go; nothing
        is written when it is None.
    :param audio_root: what the csv's paths are relative to; the csv's own
        folder by default.
    :param vocabulary: table label → phrase (columns label, phrase), or the
        name of a shipped one; without it a phrase is the label without
        underscores.
    :param splits: part → share of each class, where the csv has no split
        column; train 0.7, valid 0.1, test 0.2 by default. The same recordings
        and seed give the same parts; new ones of a class may move others.
    :param seed: another seed, another assignment to parts.
    :param folds: for cross-validation, instead of splits: divide into so many
        folds, 3 or more.
    :param fold: the fold that is the test part, from 1; the next one is the
        validation part.
    :param trim_db: what is this many dB below the loudest moment, at either
        end, is no part of the event.
    :param silence_dbfs: recordings whose loudest moment (10 ms) lies below
        this level are refused as silent.
    :param strict: raise at the first unusable recording instead of reporting.
    :param num_jobs: threads that read audio.
    :param executor: any concurrent.futures executor, used instead of threads.
    :return: part → ``{"recordings", "supervisions", "cuts"}``.
    :raises ValueError: a group in two splits, an unknown label, an id that
        occurs twice, a malformed row or bad shares.
    """
    source = Path(source)
    shares = dict(_SPLITS if splits is None else splits)
    _check_shares(shares)
    items, ignored = _read_items(source, audio_root)
    if folds is not None and splits is not None:
        raise ValueError("give either splits or folds")
    if folds is None and fold != 1:
        raise ValueError(f"fold {fold} has no effect without folds")
    if audio_root is not None and source.is_dir():
        raise ValueError(
            f"audio_root {audio_root} has no effect: {source} is a folder, "
            "and no table of paths"
        )
    if any(item.split for item in items):
        if folds is not None:
            raise ValueError(
                f"{source} has a split column: remove it to make folds"
            )
    else:
        items = _divided(items, shares, seed, folds, fold)
    table = _vocabulary_for(source, items, vocabulary)
    used = list(dict.fromkeys(item.split for item in items))
    # A table with names of its own for its splits replaces ours.
    parts = list(shares) if set(used) <= set(shares) else used
    reports = {part: PrepareReport("event-bank", part) for part in parts}
    found: dict[str, list] = {part: [] for part in parts}
    examine = partial(_examine, trim_db=trim_db, silence_dbfs=silence_dbfs)
    results = ordered_map(
        examine,
        items,
        num_jobs,
        executor=executor,
        desc="event-bank: reading audio",
    )
    for item, result in zip(items, results, strict=True):
        if not isinstance(result, _Refusal):
            found[item.split].append((item, *result))
        elif strict:
            raise ValueError(
                f"{result.what} ({result.reason}); replace or remove it"
            )
        else:
            reports[item.split].drop(result.reason, result.what)
    for path, reason in ignored.items():
        reports[parts[0]].drop(reason, path)
    _say_untested(items, found)
    prepared = {}
    for part in parts:
        report = reports[part]
        report.coverage = (
            len(found[part]),
            sum(item.split == part for item in items),
        )
        _note_labels(report, items, found[part])
        prepared[part] = finish_part(
            report,
            RecordingSet.from_recordings(r for _, r, _ in found[part]),
            [_event(table, *row) for row in found[part]],
            table.name,
            True,
            output_dir=output_dir,
        )
    if output_dir is not None:
        table.save(Path(output_dir) / f"{table.name}.csv")
    return prepared


def sounding_part(
    samples: np.ndarray, sampling_rate: int, trim_db: float = 40.0
) -> tuple[float, float, float]:
    """
    Where a recording sounds, by the energy of 10 ms frames.

    :param samples: [time] or [time, channel].
    :param sampling_rate: Hz.
    :param trim_db: frames this far below the loudest are silence when they
        lie before the first or after the last louder one.
    :return: onset and offset in seconds, level of the loudest frame in dBFS
        (−inf for digital silence, and then the whole recording).

    >>> tone = np.sin(np.arange(8000) * 0.1)
    >>> silence = np.zeros(4000)
    >>> samples = np.concatenate([silence, tone, silence])
    >>> onset, offset, level = sounding_part(samples, 8000)
    >>> onset, offset, round(level)
    (0.5, 1.5, -3)
    """
    length = len(samples)
    power = np.square(samples, dtype=np.float64)
    if power.ndim == 2:
        power = power.max(axis=1)
    size = max(1, round(_FRAME_SECONDS * sampling_rate))
    starts = np.arange(0, length, size)
    frames = np.add.reduceat(power, starts) / size
    # A last frame of few samples would be judged by chance.
    frames[-1] = power[-size:].mean()
    loudest = float(frames.max())
    if loudest == 0.0:
        return 0.0, length / sampling_rate, -math.inf
    active = np.flatnonzero(frames >= loudest * 10 ** (-trim_db / 10))
    onset = starts[active[0]] / sampling_rate
    offset = min(starts[active[-1]] + size, length) / sampling_rate
    return float(onset), float(offset), 10 * math.log10(loudest)


def _check_shares(shares: Mapping[str, float]) -> None:
    total = sum(shares.values())
    if min(shares.values(), default=-1) < 0 or not math.isclose(total, 1.0):
        raise ValueError(
            f"splits {shares}: shares must not be negative and must sum to 1, "
            f"not {total:g}"
        )


def _divided(
    items: list[_Item],
    shares: Mapping[str, float],
    seed: int,
    folds: int | None,
    fold: int,
) -> list[_Item]:
    labels_of: dict[str, list[str]] = {}
    for item in items:
        labels_of.setdefault(item.group, []).append(item.label)
    if folds is None:
        parts = stratified_parts(labels_of, shares, seed)
    else:
        parts = fold_parts(labels_of, folds, fold, seed)
    return [replace(item, split=parts[item.group]) for item in items]


def _say_untested(items: list[_Item], found: Mapping[str, list]) -> None:
    """Before all else: of what there is nothing to test with."""
    if "test" not in found:
        return
    labels = sorted({item.label for item in items})
    tested = {item.label for item, *_ in found["test"]}
    lacking = [label for label in labels if label not in tested]
    if lacking:
        print(
            f"event-bank: {len(lacking)} of {len(labels)} labels have no test "
            f"recording: {', '.join(lacking)}"
        )


def _read_items(
    source: Path, audio_root: str | Path | None
) -> tuple[list[_Item], dict[str, str]]:
    """What is in a folder or table, and what of it is passed over, and why."""
    if not source.exists():
        raise FileNotFoundError(f"{source}: no such folder or csv table")
    if source.is_dir():
        items, ignored = _items_of_folder(source)
    else:
        root = source.parent if audio_root is None else Path(audio_root)
        items, ignored = _items_of_table(source, root), {}
    if not items:
        raise FileNotFoundError(
            f"{source}: no labelled recordings; a folder must look like "
            f"label/*{'|*'.join(AUDIO_SUFFIXES)}, a csv needs rows"
        )
    _refuse_same_ids(items)
    return items, ignored


def _items_of_folder(root: Path) -> tuple[list[_Item], dict[str, str]]:
    items, ignored = [], {}
    for path in walk_files(root):
        inner = Path(path).relative_to(root)
        if inner.suffix.lower() not in AUDIO_SUFFIXES:
            ignored[path] = "no sound by its suffix"
            continue
        if len(inner.parts) == 1:
            ignored[path] = "not in the folder of a label"
            continue
        name = "__".join(inner.with_suffix("").parts)
        items.append(_Item(name, path, inner.parts[0], name, ""))
    return items, ignored


def _items_of_table(table: Path, root: Path) -> list[_Item]:
    items: list[_Item] = []
    seen: dict[str, tuple[str, str]] = {}
    for where, row in read_rows(table, ["path", "label"]):
        path, label = row["path"].strip(), row["label"].strip()
        if not path or not label:
            raise ValueError(f"{where}: empty path or label; complete the row")
        name = "__".join(Path(path).with_suffix("").parts).lstrip("/_")
        group = row.get("group") or row.get("group_id") or name
        if "split" not in row:
            split = ""
        elif row["split"].strip():
            split = row["split"].strip()
        else:
            raise ValueError(
                f"{where}: empty split; fill it or remove the whole column"
            )
        before = seen.setdefault(group, (split, where))
        if before[0] != split:
            raise ValueError(
                f"{where}: the group {group!r} is in {split} here and in "
                f"{before[0]} at {before[1]}; recordings of one group must "
                "share a split"
            )
        items.append(_Item(name, str(root / path), label, group, split))
    return items


def _refuse_same_ids(items: list[_Item]) -> None:
    of_id: dict[str, list[str]] = {}
    for item in items:
        of_id.setdefault(item.id, []).append(item.path)
    double = [paths for paths in of_id.values() if len(paths) > 1]
    if double:
        named = "; ".join(" and ".join(paths) for paths in double[:5])
        raise ValueError(
            f"{len(double)} recordings occur twice: {named}; keep one of each "
            "(the file name without suffix is the id)"
        )


def _vocabulary_for(
    source: Path, items: list[_Item], vocabulary: Any
) -> Vocabulary:
    labels = sorted({item.label for item in items})
    if vocabulary is None:
        return Vocabulary.from_labels(labels, source.stem)
    if not isinstance(vocabulary, Vocabulary):
        vocabulary = Vocabulary.load(vocabulary)
    unknown = [label for label in labels if label not in vocabulary]
    if unknown:
        raise ValueError(
            f"{source}: {len(unknown)} labels are not in the vocabulary "
            f"{vocabulary.name}: {', '.join(unknown[:10])}; add them to the "
            "table with a phrase"
        )
    return vocabulary


def _examine(
    item: _Item, trim_db: float, silence_dbfs: float
) -> tuple[Recording, tuple[float, float]] | _Refusal:
    try:
        recording = open_recording(item.id, item.path)
    except ValueError as error:
        return _Refusal("unreadable audio", str(error))
    try:
        info = inspect_audio(item.path)
        blocks = list(read_blocks(info, _BLOCK, finite=False))
    except ValueError as error:
        return _Refusal("unreadable audio", str(error))
    samples, rate = np.concatenate(blocks), info.sample_rate
    if not np.isfinite(samples).all():
        return _Refusal("NaN or infinite samples", item.path)
    onset, offset, level = sounding_part(samples, rate, trim_db)
    if level < silence_dbfs:
        return _Refusal("silent", f"{item.path}: {level:.1f} dBFS at most")
    return recording, (onset, min(offset, recording.duration))


def _event(
    table: Vocabulary,
    item: _Item,
    recording: Recording,
    span: tuple[float, float],
) -> SupervisionSegment:
    entry = table.entry(item.label)
    mono = recording.num_channels == 1
    sound = event(
        item.id,
        0,
        *span,
        entry.phrase,
        entry.label,
        mid=entry.mid,
        channel=0 if mono else recording.channel_ids,
    )
    sound.custom["group"] = item.group
    return sound


def _note_labels(
    report: PrepareReport, items: list[_Item], found: list[tuple]
) -> None:
    here = {item.label for item, *_ in found}
    report.count("labels", len(here))
    for label in sorted({item.label for item in items} - here):
        report.note("labels without a recording here", label)
