"""Files that appear whole or not at all, and reports of what was left out."""

import codecs
import copy
import csv
import gzip
import json
import math
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from lhotse_recipes.outputs import write_atomically, write_together

__all__ = [
    "PrepareReport",
    "quoted",
    "read_rows",
    "read_text",
    "save_manifests",
    "unquoted",
    "write_atomically",
    "write_json",
    "write_jsonl",
]

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def write_json(path: str | Path, value: Any, indent: int | None = 1) -> None:
    """
    Write JSON that every reader takes: numbers that are none become null.

    :param path: the file, which appears whole or not at all.
    :param value: dicts, lists, texts, numbers, None.
    :param indent: spaces; None: all in one line.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "results.json"
    >>> write_json(path, {"PSDS1_unseen": float("nan")}, None)
    >>> path.read_text()
    '{"PSDS1_unseen": null}'
    """
    with write_atomically(path) as file:
        json.dump(
            _finite(value),
            file,
            indent=indent,
            ensure_ascii=False,
            allow_nan=False,
        )


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return value


def write_jsonl(path: str | Path, items: Iterable[Any]) -> None:
    """
    Write Lhotse manifest items (or dicts) to ``.jsonl`` or ``.jsonl.gz``.

    The same items give the same bytes: the gzip header holds neither time
    nor name. Where a recording's path leads to a file from here only, it is
    written in full, so that the manifest serves from every folder.

    :param path: the file; compressed when it ends in ``.gz``.
    :param items: dicts, or objects with ``to_dict()``.
    """
    with write_atomically(path, "wb") as file:
        _write_items(file, items, str(path).endswith(".gz"))


def _write_items(raw: IO[bytes], items: Iterable[Any], packed: bool) -> None:
    if packed:
        with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as file:
            _write_lines(file, items)
    else:
        _write_lines(raw, items)


def _write_lines(file: Any, items: Iterable[Any]) -> None:
    for item in items:
        row = item if isinstance(item, dict) else item.to_dict()
        if any(_local_sources(row)):
            row = copy.deepcopy(row)
            for source in _local_sources(row):
                source["source"] = os.path.abspath(source["source"])
        file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")


def _local_sources(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Files of a cut's or recording's that are named from this folder."""
    tracks, custom = row.get("tracks"), row.get("custom")
    for track in tracks if isinstance(tracks, list) else ():
        yield from _local_sources(track["cut"])
    held = list(custom.values()) if isinstance(custom, dict) else []
    for one in (row, row.get("recording"), *held):
        sources = one.get("sources") if isinstance(one, dict) else None
        for source in sources if isinstance(sources, list) else ():
            if (
                isinstance(source, dict)
                and source.get("type") == "file"
                and not os.path.isabs(source["source"])
                and os.path.exists(source["source"])
            ):
                yield source


def save_manifests(
    output_dir: str | Path,
    prefix: str,
    part: str,
    recordings: Iterable[Any],
    supervisions: Iterable[Any],
    cuts: Iterable[Any],
) -> dict[str, Path]:
    """
    Write the three manifests of one part of a corpus, all or none.

    :param output_dir: folder, made when missing.
    :param prefix: name of the corpus, e.g. ``"audioset-strong"``.
    :param part: e.g. ``"train"``.
    :param recordings: RecordingSet.
    :param supervisions: SupervisionSet.
    :param cuts: CutSet.
    :return: kind of manifest → file
        ``<prefix>_{recordings,supervisions,cuts}_<part>.jsonl.gz``.
    """
    manifests = {
        "recordings": recordings,
        "supervisions": supervisions,
        "cuts": cuts,
    }
    paths = {
        kind: Path(output_dir) / f"{prefix}_{kind}_{part}.jsonl.gz"
        for kind in manifests
    }
    with write_together(paths.values()) as files:
        for file, items in zip(files, manifests.values(), strict=True):
            _write_items(file, items, packed=True)
    return paths


def read_rows(
    path: str | Path,
    columns: Sequence[str],
    delimiter: str | None = None,
    encoding: str = "utf-8",
) -> Iterator[tuple[str, dict[str, str]]]:
    """
    Read a table with a header, naming file and line of whatever is wrong.

    :param path: csv, or tsv when its name ends in ``.tsv`` or ``.txt``; either
        may be gzipped (``.csv.gz``).
    :param columns: columns that must be there; others are passed through.
    :param delimiter: overrides the one chosen by the file's name.
    :param encoding: of the text; a byte order mark overrides it.
    :return: pairs of ``"file:line"`` and the row as a dict.
    :raises ValueError: a column is missing, a row has another length or the
        text another encoding.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such table")
    opener = gzip.open if path.suffix == ".gz" else open
    if delimiter is None:
        suffix = Path(path.stem if opener is gzip.open else path).suffix
        delimiter = "\t" if suffix in (".tsv", ".txt") else ","
    # Quotes inside cells mean nothing in the tab-separated tables of sound
    # corpora; spreadsheets put them around whole cells.
    with open(path, "rb") as file:
        if file.read(2) in _UTF16:
            encoding = "utf-16"
    quoting: Any = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    with opener(path, "rt", encoding=_codec(encoding), newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, quoting=quoting)
        try:
            plain = unquoted if delimiter == "\t" else str
            header = [plain(name.strip()) for name in next(reader, [])]
            missing = [name for name in columns if name not in header]
            if missing:
                raise ValueError(
                    f"{path}:1: no column {', '.join(map(repr, missing))}; the "
                    f"header must have {', '.join(columns)}, this one has "
                    f"{', '.join(header) or 'nothing'}"
                )
            for fields in reader:
                where = f"{path}:{reader.line_num}"
                if not fields:
                    continue
                if len(fields) != len(header):
                    raise ValueError(
                        f"{where}: {len(fields)} fields where the header has "
                        f"{len(header)}; correct or remove the line"
                    )
                yield where, dict(zip(header, map(plain, fields), strict=True))
        except UnicodeDecodeError as error:
            line = _undecodable_line(path, encoding)
            raise ValueError(
                _undecodable(path, line, encoding, error)
            ) from error
        except (
            csv.Error,
            gzip.BadGzipFile,
            EOFError,
            zlib.error,
        ) as error:
            raise ValueError(
                f"{path}: not a text table ({error}); give a whole csv or tsv "
                "file in UTF-8"
            ) from error


def unquoted(cell: str) -> str:
    """
    A cell without the quotes that spreadsheets put around it.

    :param cell: of a table without quotes of its own.
    :return: the text inside, where the cell begins and ends with a quote and
        quotes inside are doubled; otherwise the cell as it is.

    >>> unquoted('"Male speech, man speaking"'), unquoted('say "cheese"')
    ('Male speech, man speaking', 'say "cheese"')
    >>> unquoted('"a ""dog"" barks"'), unquoted('"a" or "b"')
    ('a "dog" barks', '"a" or "b"')
    """
    inner = cell.strip()[1:-1]
    if cell.strip() != f'"{inner}"' or '"' in inner.replace('""', ""):
        return cell
    return inner.replace('""', '"')


def quoted(cell: str) -> str:
    """
    A cell so written that :func:`unquoted` gives it back.

    :param cell: any text of one line.
    :return: in quotes where it would lose its own otherwise.

    >>> quoted("dog"), unquoted(quoted('"dog"'))
    ('dog', '"dog"')
    """
    if unquoted(cell) == cell:
        return cell
    return '"' + cell.replace('"', '""') + '"'


def read_text(path: str | Path, encoding: str = "utf-8") -> str:
    """
    Read a text file, naming file and line of what is no text.

    :param path: the file.
    :param encoding: of the text; a byte order mark overrides it.
    :return: the text, line ends as they are.
    :raises ValueError: the text has another encoding.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    if not (path.is_file() or path.is_fifo()):
        raise ValueError(f"{path} is a folder or a device: name a text file")
    data = path.read_bytes()
    if data.startswith(_UTF16):
        encoding = "utf-16"
    try:
        return data.decode(_codec(encoding))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(_undecodable(path, line, encoding, error)) from error


def _codec(encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
    except LookupError as error:
        raise ValueError(
            f"{encoding!r} is no encoding; use one such as 'utf-8', 'latin-1' "
            "or 'utf-16'"
        ) from error
    return "utf-8-sig" if name == "utf-8" else name


def _undecodable(
    path: Path, line: int, encoding: str, error: UnicodeDecodeError
) -> str:
    return (
        f"{path}:{line}: not a text in {encoding} ({error.reason}); if it is "
        "text, name its encoding, such as encoding='latin-1'"
    )


def _undecodable_line(path: Path, encoding: str) -> int:
    """Readers read ahead, and fail before they come to the line."""
    opener = gzip.open if path.suffix == ".gz" else open
    decoder = codecs.getincrementaldecoder(encoding)()
    number = 0
    with opener(path, "rb") as file:
        for line in file:
            number += 1
            try:
                decoder.decode(line)
            except UnicodeDecodeError:
                break
    return number


@dataclass
class PrepareReport:
    """
    What a preparation kept, changed and left out, and why.

    :param prefix: name of the corpus.
    :param part: part of the corpus.
    :param counts: name → number, e.g. ``{"events": 12}``.
    :param dropped: reason → items left out for it.
    :param coverage: audio files found and expected, where that is known.
    :param ids: ids of the recordings that were kept.
    :param notes: remark → items it is about, e.g. labels without audio.
    :param warnings: sentences about what can hardly be meant.

    >>> report = PrepareReport("corpus", "test", coverage=(2, 3))
    >>> report.count("events", 5)
    >>> report.drop("missing audio", "clip-3")
    >>> print(report.summary())
    corpus test: audio for 2 of 3 clips (66.7 %); events 5; dropped: missing \
audio 1 (clip-3)
    """

    prefix: str
    part: str
    counts: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, list[str]] = field(default_factory=dict)
    coverage: tuple[int, int] | None = None
    ids: list[str] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def count(self, name: str, number: int = 1) -> None:
        """
        Add to a count.

        :param name: what is counted.
        :param number: how many.
        """
        self.counts[name] = self.counts.get(name, 0) + number

    def drop(self, reason: str, item: str) -> None:
        """
        Note that an item was left out.

        :param reason: why, e.g. ``"missing audio"``.
        :param item: its id or file, with the cause where there is one.
        """
        self.dropped.setdefault(reason, []).append(str(item))

    def note(self, remark: str, item: str) -> None:
        """
        Note something about an item that was kept.

        :param remark: what is worth knowing.
        :param item: which item.
        """
        self.notes.setdefault(remark, []).append(str(item))

    def warn(self, sentence: str) -> None:
        """
        Say that the annotation can hardly be meant as it is.

        :param sentence: what is odd and what to do about it.
        """
        self.warnings.append(sentence)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data, every dropped item named."""
        found, expected = self.coverage or (None, None)
        return {
            "prefix": self.prefix,
            "part": self.part,
            "coverage": {"found": found, "expected": expected},
            "counts": self.counts,
            "warnings": self.warnings,
            "notes": self.notes,
            "dropped": {
                reason: {"count": len(items), "items": items}
                for reason, items in self.dropped.items()
            },
            "ids": self.ids,
        }

    def save(self, output_dir: str | Path) -> Path:
        """
        Write ``<prefix>_report_<part>.json``.

        :param output_dir: folder.
        :return: the file.
        """
        path = Path(output_dir) / f"{self.prefix}_report_{self.part}.json"
        with write_atomically(path) as file:
            json.dump(self.to_dict(), file, indent=1, ensure_ascii=False)
            file.write("\n")
        return path

    def summary(self) -> str:
        """For the screen: coverage, counts, what was dropped, warnings."""
        parts = []
        if self.coverage is not None:
            found, expected = self.coverage
            share = 100 * found / expected if expected else 0.0
            parts.append(
                f"audio for {found} of {expected} clips ({share:.1f} %)"
            )
        parts += [f"{name} {number}" for name, number in self.counts.items()]
        parts += [_listed(*noted) for noted in self.notes.items()]
        dropped = [_listed(*left_out) for left_out in self.dropped.items()]
        if dropped:
            parts.append(f"dropped: {', '.join(dropped)}")
        name = f"{self.prefix} {self.part}"
        lines = [f"{name}: {'; '.join(parts) or 'nothing'}"]
        lines += [f"{name}: WARNING: {one}" for one in self.warnings]
        return "\n".join(lines)


def _listed(what: str, items: list[str]) -> str:
    more = ", …" if len(items) > 3 else ""
    return f"{what} {len(items)} ({', '.join(items[:3])}{more})"
