"""Corpora whose clips have classes but no times: what their recipes share.

A recipe says which clips there are, from the corpus's own tables or names.
Where a folder holds the tables of PALM (Hanif et al., EMNLP 2024,
https://huggingface.co/MahiA), ``train.csv`` and ``test.csv`` with the columns
path and classname, those are used instead.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from lhotse_recipes.building.corpus import (
    AUDIO_SUFFIXES,
    ReadingOptions,
    find_files,
)
from lhotse_recipes.clips import ClipTable
from lhotse_recipes.importing import Part, prepare_parts
from lhotse_recipes.io import PrepareReport, read_rows, read_text
from lhotse_recipes.splits import split_of_group
from lhotse_recipes.vocabulary import Vocabulary

__all__ = [
    "DividedOptions",
    "Tagged",
    "TaggedOptions",
    "prepare_divided",
    "prepare_tagged",
    "read_fields",
    "tagged_by_name",
]

_PALM = re.compile(r"(train|test)(?:_(\d+))?\.csv")
_SHARES = {"train": 0.8, "test": 0.2}
_SPLITS = ("auto", "official", "palm")


class TaggedOptions(ReadingOptions, total=False):
    """
    What every corpus of tagged clips takes besides.

    :param splits: "official", "palm", or "auto": PALM's train.csv and test.csv
        where they are.
    """

    splits: str


class DividedOptions(TaggedOptions, total=False):
    """
    What corpora without official parts take besides.

    :param shares: part → share of what is divided; train 0.8, test 0.2.
    :param seed: another seed, another division.
    """

    shares: Mapping[str, float] | None
    seed: int


@dataclass(frozen=True)
class Tagged:
    """
    A clip as a table or its own name describes it.

    :param file: path or name of the audio, as the corpus writes it.
    :param labels: its classes, in any spelling that the vocabulary knows.
    :param part: part of the corpus.
    :param where: what to name in errors, ``"file:line"``.
    :param custom: further fields of its cut, such as fold or speaker.
    :param refusal: why to leave it out, if so.
    """

    file: str
    labels: tuple[str, ...]
    part: str
    where: str
    custom: Mapping[str, Any] = field(default_factory=dict)
    refusal: str = ""


def prepare_tagged(
    prefix: str,
    corpus_dir: str | Path,
    vocabulary: Vocabulary,
    official: Callable[[Path], Iterable[Tagged]],
    *,
    output_dir: str | Path | None = None,
    splits: str = "auto",
    complete_parts: Sequence[str] = (),
    **options: Unpack[ReadingOptions],
) -> dict[str, dict[str, Any]]:
    """
    Make manifests of a corpus of tagged clips.

    Tags say what is heard, not what is absent: ``events_complete`` is False
    but for ``complete_parts``.

    :param prefix: of the manifests.
    :param corpus_dir: folder of the corpus.
    :param vocabulary: its classes.
    :param official: gives the clips as the corpus itself describes them.
    :param output_dir: where manifests, reports and the vocabulary go.
    :param splits: ``"official"``, ``"palm"``, or ``"auto"``: PALM's tables
        where they are.
    :param complete_parts: parts in which every class was listened for.
    :param options: those of :class:`ReadingOptions`.
    :return: part → ``{"recordings", "supervisions", "cuts"}``.
    :raises FileNotFoundError: no table, or no audio of any clip.
    :raises ValueError: a malformed row, an unknown class, or a clip twice.
    """
    if splits not in _SPLITS:
        raise ValueError(f"splits {splits!r}: choose from {', '.join(_SPLITS)}")
    rows = [] if splits == "official" else _palm(corpus_dir)
    if splits == "palm" and not rows:
        raise FileNotFoundError(
            f"{corpus_dir}: no train.csv or test.csv with the columns path "
            "and classname below it; get them from "
            "https://huggingface.co/MahiA or use the official splits"
        )
    rows = rows or list(official(Path(corpus_dir)))
    if all(row.refusal for row in rows):
        raise FileNotFoundError(
            f"{corpus_dir}: no clip of {prefix} below it; "
            + (f"{rows[0].file}: {rows[0].refusal}" if rows else "is it empty?")
        )
    tables: dict[str, ClipTable] = {}
    for row in rows:
        if row.part not in tables:
            report = PrepareReport(prefix, row.part)
            tables[row.part] = ClipTable(report, vocabulary)
        table = tables[row.part]
        if row.refusal:
            table.report.drop(row.refusal, row.file)
            continue
        clip = table.clip(row.where, row.file, new=True)
        clip.custom.update(row.custom)
        for label in row.labels:
            table.tag(row.where, row.file, label)
    prepared = prepare_parts(
        [
            Part(table.report, table.clips, part in complete_parts)
            for part, table in tables.items()
        ],
        corpus_dir,
        vocabulary.name,
        output_dir=output_dir,
        **options,
    )
    if output_dir is not None:
        vocabulary.save(Path(output_dir) / f"{vocabulary.name}.csv")
    return prepared


def prepare_divided(
    prefix: str,
    corpus_dir: str | Path,
    vocabulary: Vocabulary,
    name: re.Pattern[str],
    group_of: Callable[[str, Mapping[str, str]], str],
    *,
    classes: Mapping[str, str] | None = None,
    output_dir: str | Path | None = None,
    shares: Mapping[str, float] | None = None,
    seed: int = 0,
    **options: Unpack[TaggedOptions],
) -> dict[str, dict[str, Any]]:
    """
    Make manifests of clips that only their names describe, divided by groups.

    :param prefix: of the manifests.
    :param corpus_dir: folder of the audio.
    :param vocabulary: the classes.
    :param name: see :func:`tagged_by_name`.
    :param group_of: what stays in one part, from the path and the groups of
        the name.
    :param classes: see :func:`tagged_by_name`; the labels themselves when None.
    :param output_dir: where manifests, reports and the vocabulary go.
    :param shares: part → share; train 0.8, test 0.2.
    :param seed: another seed, another division.
    :param options: those of :class:`TaggedOptions`.
    :return: part → ``{"recordings", "supervisions", "cuts"}``.
    :raises FileNotFoundError: no audio of any clip.
    """
    parts = dict(_SHARES if shares is None else shares)
    known = classes or {one: one for one in vocabulary.labels}
    return prepare_tagged(
        prefix,
        corpus_dir,
        vocabulary,
        lambda corpus: tagged_by_name(
            corpus,
            name,
            known,
            list(parts),
            lambda *clip: split_of_group(group_of(*clip), parts, seed),
        ),
        output_dir=output_dir,
        **options,
    )


def tagged_by_name(
    corpus_dir: str | Path,
    name: re.Pattern[str],
    classes: Mapping[str, str],
    parts: Sequence[str],
    part_of: Callable[[str, Mapping[str, str]], str],
) -> list[Tagged]:
    """
    Clips as their names describe them, for corpora without a table.

    :param corpus_dir: folder of the audio.
    :param name: pattern of a path below it, without suffix, with the group
        ``cls``; further groups become fields of the cut.
    :param classes: what that group may be, in lower case → label.
    :param parts: all parts, in order.
    :param part_of: the part, from the path and the groups.
    :return: the clips by part. Audio with another name, or of another class,
        is refused and hence reported.
    """
    clips = []
    for path in find_files(corpus_dir, AUDIO_SUFFIXES):
        inner = Path(path).relative_to(corpus_dir).as_posix()
        match = name.fullmatch(inner.rpartition(".")[0])
        found = match.groupdict() if match else {}
        label = classes.get(found.pop("cls", "").lower())
        if label is None:
            refusal = "its name says no class"
            clips.append(Tagged(inner, (), parts[0], path, {}, refusal))
        else:
            part = part_of(inner, found)
            clips.append(Tagged(inner, (label,), part, path, found))
    return sorted(clips, key=lambda clip: parts.index(clip.part))


def read_fields(
    path: str | Path, columns: Sequence[str], delimiter: str = ","
) -> Iterator[tuple[str, dict[str, str]]]:
    """
    Read a table without a header, naming file and line of what is wrong.

    :param path: the table; lines that begin with ``#`` are passed over.
    :param columns: what its columns are; rows must have that many fields.
    :param delimiter: between fields.
    :return: pairs of ``"file:line"`` and the row as a dict.
    :raises ValueError: a row of another length, or text that is not UTF-8.
    """
    lines = read_text(path).splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = next(csv.reader([line], delimiter=delimiter))
        if len(fields) != len(columns):
            raise ValueError(
                f"{path}:{number}: {len(fields)} fields instead of "
                f"{len(columns)} ({', '.join(columns)}); correct or remove "
                "the line"
            )
        stripped = map(str.strip, fields)
        yield f"{path}:{number}", dict(zip(columns, stripped, strict=True))


def _palm(corpus_dir: str | Path) -> list[Tagged]:
    """The clips of PALM's tables; none where there are no such tables."""
    tables: dict[Any, Any] = {}
    for path in map(Path, find_files(corpus_dir, (".csv",))):
        match = _PALM.fullmatch(path.name)
        if match is None:
            continue
        split, fold = match.groups()
        key = (int(fold or 0), split != "train")
        if key in tables:
            raise ValueError(
                f"{tables[key]} and {path}: two tables of one part; keep one"
            )
        tables[key] = path
    # With folds, the tables without a number repeat one of them.
    numbered = [one for one in tables.items() if one[0][0]]
    return [
        Tagged(row["path"], (row["classname"],), path.stem, where)
        for _, path in sorted(numbered or tables.items())
        for where, row in read_rows(path, ["path", "classname"])
    ]
