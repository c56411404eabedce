"""Manifests that users name, read without trusting them."""

import math
from collections.abc import Iterable, Iterator, Sized
from pathlib import Path
from typing import Any

from lhotse import CutSet, Recording, SupervisionSegment
from lhotse.cut import Cut, MixedCut
from lhotse.lazy import Dillable, LazyManifestIterator
from lhotse.serialization import deserialize_item

from lhotse_recipes.json_files import read_json, read_json_lines

__all__ = ["check_cut", "num_cuts", "read_cuts"]

# Times in manifests are rounded, and other tools count samples otherwise.
_TOLERANCE = 0.05

# As Lhotse calls them.
_SOURCES = ("file", "url", "command", "memory", "shar")


def check_cut(cut: Cut, allow_commands: bool = False, where: str = "") -> Cut:
    """
    Refuse a cut that would run a program or fetch something, or has no times.

    :param cut: any cut.
    :param allow_commands: let its audio come from shell commands and from
        addresses on the net, which a manifest may name.
    :param where: the manifest that it is in, for the message.
    :return: the same cut.
    :raises ValueError: names the cut and what is wrong.

    >>> from lhotse.testing.dummies import dummy_cut
    >>> check_cut(dummy_cut(0, with_data=True)).id
    'dummy-mono-cut-0000'
    """
    if not isinstance(cut, Cut):
        raise ValueError(f"{where or 'the cuts'} hold a {type(cut).__name__}")
    name = f"{where}: cut {cut.id}" if where else f"cut {cut.id}"
    if not (isinstance(cut.id, str) and cut.id.strip()):
        raise ValueError(
            f"{where or 'the cuts'} hold a cut whose id is {cut.id!r}: give "
            "each a text of its own"
        )
    tracks = cut.tracks if isinstance(cut, MixedCut) else ()
    parts = [track.cut for track in tracks] or [cut]
    _check_times(name, [track.offset for track in tracks], "an offset")
    for part in parts:
        _check_times(name, [part.start, part.duration], "a start or duration")
        _check_span(name, part)
        for sup in _supervisions(name, part):
            _check_supervision(name, sup)
        for recording in _recordings(part):
            _check_sources(name, recording, allow_commands)
    return cut


def _check_times(name: str, times: list, what: str) -> None:
    for time in times:
        number = isinstance(time, int | float) and not isinstance(time, bool)
        if not (number and math.isfinite(time)):
            raise ValueError(
                f"{name} has {what} of {time!r}, which is no time in seconds; "
                "correct the manifest"
            )


def _check_span(name: str, part: Cut) -> None:
    """A cut is a part of its recording, within what rounding does."""
    if part.start < 0 or part.duration <= 0:
        raise ValueError(
            f"{name} begins at {part.start} s and lasts {part.duration} s: "
            "correct the manifest"
        )
    recording = getattr(part, "recording", None)
    if isinstance(recording, Recording):
        rate = recording.sampling_rate
        if isinstance(rate, bool) or not isinstance(rate, int) or rate < 1:
            raise ValueError(
                f"{name} has a recording of {rate!r} samples per second: "
                "correct the manifest"
            )
        _check_times(name, [recording.duration], "a recording's duration")
        behind = part.start + part.duration - recording.duration
        if behind > _TOLERANCE + 1 / recording.sampling_rate:
            raise ValueError(
                f"{name} ends {behind:.3f} s behind its recording, which "
                f"lasts {recording.duration} s: correct the manifest"
            )


def _supervisions(name: str, part: Cut) -> list[SupervisionSegment]:
    found = getattr(part, "supervisions", [])
    if not isinstance(found, list):
        raise ValueError(
            f"{name} has supervisions of type {type(found).__name__}: it "
            "takes a list"
        )
    return found


def _check_supervision(name: str, sup: SupervisionSegment) -> None:
    name = f"{name}, supervision {sup.id}"
    _check_times(name, [sup.start, sup.duration], "a start or duration")
    if sup.duration < 0:
        raise ValueError(f"{name} lasts {sup.duration} s: correct the manifest")
    custom = sup.custom if sup.custom is not None else {}
    if not isinstance(custom, dict):
        raise ValueError(f"{name} has a custom {custom!r}: it takes a mapping")
    for what, value in (("text", sup.text), ("label", custom.get("label"))):
        if not (value is None or isinstance(value, str)):
            raise ValueError(
                f"{name} has the {what} {value!r}, of type "
                f"{type(value).__name__}: write a text"
            )
    if custom.get("kind") in ("event", "tag") and not (
        sup.text or custom.get("label")
    ):
        raise ValueError(
            f"{name} is an {custom['kind']} without text or label: name what "
            "is heard"
        )


def _recordings(found: Any) -> Iterator[Recording]:
    """All recordings of a cut, and those in what is custom, at any depth."""
    if isinstance(found, Recording):
        yield found
    elif isinstance(found, Cut):
        sups = getattr(found, "supervisions", None) or []
        yield from _recordings(getattr(found, "recording", None))
        yield from _recordings(getattr(found, "custom", None))
        yield from _recordings([one.custom for one in sups])
    elif isinstance(found, dict | list | tuple):
        values = found.values() if isinstance(found, dict) else found
        for value in values:
            yield from _recordings(value)


def _check_sources(
    name: str, recording: Recording, allow_commands: bool
) -> None:
    for source in recording.sources:
        if source.type not in _SOURCES:
            raise ValueError(
                f"{name} has a source of type {source.type!r}: choose from "
                f"{', '.join(_SOURCES)}"
            )
        if allow_commands:
            continue
        text = source.source if isinstance(source.source, str) else ""
        if source.type == "command" or text.startswith("pipe:"):
            what = f"would run the command {text[:80]!r}"
        elif source.type == "url" or "://" in text:
            what = f"would fetch {text[:80]!r}"
        else:
            continue
        raise ValueError(
            f"{name} {what}; where you trust the manifest, say so with "
            "--allow-commands, in Python with allow_commands=True"
        )


def read_cuts(path: str | Path, allow_commands: bool = False) -> CutSet:
    """
    Open a manifest of cuts, lazily; each is checked when it is read.

    :param path: ``.jsonl``, ``.jsonl.gz`` or another format of Lhotse.
    :param allow_commands: see :func:`check_cut`.
    :return: the cuts.
    :raises FileNotFoundError: there is no such file.
    :raises ValueError: it is no manifest of cuts; while reading, what
        :func:`check_cut` refuses.

    >>> import tempfile
    >>> from lhotse.testing.dummies import dummy_cut
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     CutSet.from_cuts([dummy_cut(0)]).to_file(f"{folder}/c.jsonl")
    ...     len(read_cuts(f"{folder}/c.jsonl", allow_commands=True).to_eager())
    1
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no manifest {path}; check the path")
    try:
        lines = path.name.endswith((".jsonl", ".jsonl.gz"))
        if path.name.endswith(".json"):
            cuts = CutSet.from_dicts(read_json(path, list))
        else:
            cuts = CutSet(_Lines(path)) if lines else CutSet.from_file(path)
        first = next(iter(cuts), None)
        if lines and first is None:
            raise ValueError("it is empty")
    except Exception as error:
        why = str(error)
        if why.startswith(f"{path}:"):
            raise ValueError(why) from error
        raise ValueError(
            f"{path} is no manifest of cuts ({why}); Lhotse's CutSet."
            "to_file writes one"
        ) from error
    if first is not None and not isinstance(first, Cut):
        raise ValueError(
            f"{path} holds {type(first).__name__}, not cuts; make them with "
            "`lhotse cut simple`"
        )
    return CutSet(_Checked(cuts, path, allow_commands))


class _Lines(LazyManifestIterator):
    """Lhotse's lazy manifest, by the one reader of JSON lines."""

    def __iter__(self) -> Iterator[Any]:
        for where, row in read_json_lines(self.path):
            try:
                yield deserialize_item(row)
            except Exception as error:
                raise ValueError(
                    f"{where}: no item of a manifest "
                    f"({type(error).__name__}: {error}); write it anew"
                ) from error


class _Checked(Dillable):
    """The cuts of a manifest, each checked, no two of one id."""

    def __init__(self, cuts: CutSet, path: Path, allow_commands: bool):
        self.cuts, self.path = cuts, path
        self.allow_commands = allow_commands

    def __iter__(self) -> Iterator[Cut]:
        seen: set[int] = set()
        number = 0
        cuts = iter(self.cuts)
        while True:
            try:
                cut = next(cuts)
            except StopIteration:
                return
            except ValueError as error:
                if str(error).startswith(f"{self.path}"):
                    raise
                raise self._unreadable(number, error) from error
            except Exception as error:
                raise self._unreadable(number, error) from error
            number += 1
            check_cut(cut, self.allow_commands, str(self.path))
            # Numbers in place of names: a million of them fit anywhere.
            key = hash(cut.id)
            if key in seen:
                raise ValueError(
                    f"{self.path} holds two cuts {cut.id!r}, the second is "
                    f"item {number}: give each an id of its own"
                )
            seen.add(key)
            yield cut

    def _unreadable(self, number: int, error: Exception) -> ValueError:
        return ValueError(
            f"{self.path} cannot be read behind item {number} "
            f"({type(error).__name__}: {error}): write it anew"
        )

    def __len__(self) -> int:
        try:
            return len(self.cuts)
        except (EOFError, OSError) as error:
            raise ValueError(
                f"{self.path} is damaged ({error}): write it anew"
            ) from error


def num_cuts(cuts: Iterable[Cut]) -> int | None:
    """
    How many cuts there are, where that is known without reading them.

    :param cuts: any cuts.
    :return: their number, or None.

    >>> num_cuts([]), num_cuts(iter([]))
    (0, None)
    """
    if isinstance(cuts, CutSet):
        return None if cuts.is_lazy else len(cuts)
    return len(cuts) if isinstance(cuts, Sized) else None
