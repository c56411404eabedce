"""Times and names as text files hold them."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lhotse.cut import Cut
from lhotse.supervision import AlignmentItem
from tqdm import tqdm

from lhotse_recipes.clips import Annotation, Clip, clip_id
from lhotse_recipes.formats.cuts import clips_of
from lhotse_recipes.names import file_name, refuse_alike
from lhotse_recipes.outputs import write_atomically
from lhotse_recipes.replacing import replacing

__all__ = [
    "alignment_from",
    "alignment_rows",
    "export_each",
    "seconds",
    "single_line",
]


def seconds(time: float) -> str:
    """
    A time with as many digits as it needs, but at least three.

    :param time: seconds.
    :return: text that is read as the same time.

    >>> seconds(0.5), seconds(1 / 3)
    ('0.500', '0.33333333')
    """
    long = f"{time:.8f}"
    return long[:-5] + long[-5:].rstrip("0")


def single_line(text: str) -> str:
    """
    Refuse text that would break a table.

    :param text: a name or label.
    :return: the same.
    :raises ValueError: it holds a tab or line break, or blanks at an end.
    """
    if not text or text != text.strip() or len(text.splitlines()) > 1:
        wrong = True
    else:
        wrong = "\t" in text
    if wrong:
        raise ValueError(
            f"{text!r} cannot stand in a table of one line per event; rename "
            "it without tabs, line breaks and surrounding blanks"
        )
    return text


def alignment_rows(one: Annotation) -> dict[str, list[list]]:
    """
    When the words of speech are said, as plain data.

    :param one: what is said.
    :return: kind → rows of symbol, start and duration in seconds, and score.

    >>> hello = [AlignmentItem("hello", 0.5, 0.25, None)]
    >>> said = Annotation("speech", "hello", alignment={"word": hello})
    >>> alignment_rows(said)
    {'word': [['hello', 0.5, 0.25, None]]}
    """
    return {
        kind: [
            [item.symbol, item.start, item.duration, item.score]
            for item in items
        ]
        for kind, items in one.alignment.items()
    }


def alignment_from(where: str, rows: Any) -> dict[str, list[AlignmentItem]]:
    """
    The same from plain data.

    :param where: "file: place", for messages.
    :param rows: what :func:`alignment_rows` gave; None is nothing.
    :return: kind → items.
    :raises ValueError: it is something else.
    """
    try:
        return {
            str(kind): [
                AlignmentItem(
                    str(symbol),
                    float(start),
                    float(duration),
                    None if score is None else float(score),
                )
                for symbol, start, duration, score in items
            ]
            for kind, items in (rows or {}).items()
        }
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            f"{where}: an alignment has rows of symbol, start, duration and "
            f"score ({error}); export it again"
        ) from error


def export_each(
    cuts: Iterable[Cut],
    output_dir: str | Path,
    suffix: str,
    text_of: Callable[[Clip], str],
) -> list[Path]:
    """
    Write one file per cut, called like its audio.

    :param cuts: a CutSet.
    :param output_dir: folder, made when missing.
    :param suffix: of the files.
    :param text_of: a clip's file.
    :return: the files.
    :raises ValueError: there is a file of that name that was not written by
        us, or was edited since; or two names would be one file.
    """
    named = {
        Path(output_dir) / file_name(clip_id(clip.name), suffix): clip
        for clip in clips_of(cuts)
    }
    refuse_alike(output_dir, [path.name for path in named])
    with replacing(output_dir, named):
        for path, clip in tqdm(
            named.items(), desc=f"writing {suffix}", unit=" files", delay=1
        ):
            with write_atomically(path) as file:
                file.write(text_of(clip))
    return list(named)
