"""Manifests that users name, read without trusting them."""

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from lhotse import CutSet, Recording
from lhotse.cut import Cut, MixedCut

__all__ = ["check_cut", "read_cuts"]


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
    tracks = cut.tracks if isinstance(cut, MixedCut) else ()
    parts = [track.cut for track in tracks] or [cut]
    _check_times(name, [track.offset for track in tracks], "an offset")
    for part in parts:
        times = [part.start, part.duration]
        for sup in getattr(part, "supervisions", ()):
            times += [sup.start, sup.duration]
        _check_times(name, times, "a start or duration")
        if not allow_commands:
            for recording in _recordings(part):
                _check_sources(name, recording)
    return cut


def _check_times(name: str, times: list, what: str) -> None:
    for time in times:
        number = isinstance(time, int | float) and not isinstance(time, bool)
        if not (number and math.isfinite(time)):
            raise ValueError(
                f"{name} has {what} of {time!r}, which is no time in seconds; "
                "correct the manifest"
            )


def _recordings(part: Cut) -> Iterator[Recording]:
    found = [getattr(part, "recording", None)]
    for value in (getattr(part, "custom", None) or {}).values():
        found.append(value)
    yield from (one for one in found if isinstance(one, Recording))


def _check_sources(name: str, recording: Recording) -> None:
    for source in recording.sources:
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
        cuts = CutSet.from_file(path)
        first = next(iter(cuts), None)
    except Exception as error:
        raise ValueError(
            f"{path} is no manifest of cuts ({error}); Lhotse's CutSet."
            "to_file writes one"
        ) from error
    if first is not None and not isinstance(first, Cut):
        raise ValueError(
            f"{path} holds {type(first).__name__}, not cuts; make them with "
            "`lhotse cut simple`"
        )
    check = partial(check_cut, allow_commands=allow_commands, where=str(path))
    return cuts.map(check)
