"""Audacity's label tracks: one line of onset, offset and label per event.

https://manual.audacityteam.org/man/importing_and_exporting_labels.html
"""

from collections.abc import Iterable
from pathlib import Path

from lhotse.cut import Cut

from lhotse_recipes.clips import Clip, ClipTable
from lhotse_recipes.formats.text import export_each, seconds, single_line
from lhotse_recipes.io import quoted, read_text, unquoted

__all__ = ["audacity_text", "export_audacity", "read_audacity"]


def read_audacity(
    path: str | Path, table: ClipTable, encoding: str = "utf-8"
) -> None:
    r"""
    Read the label track of the recording that is called like it.

    Lines that begin with a backslash tell the frequencies of the label above;
    they are passed over. Decimal commas, which Audacity writes in some
    countries, are understood.

    :param path: ``.txt``.
    :param table: gets the clip.
    :param encoding: of the text.
    :raises ValueError: a malformed line, named by file and line.
    """
    path = Path(path)
    table.clip(f"{path}:1", path.stem, new=True)
    for number, line in enumerate(read_text(path, encoding).splitlines(), 1):
        where = f"{path}:{number}"
        if not line.strip():
            continue
        if line.startswith("\\"):
            table.report.count("lines of frequencies passed over")
            continue
        fields = line.split("\t")
        if len(fields) != 3:
            raise ValueError(
                f"{where}: {len(fields)} fields, not onset, offset and label "
                "parted by tabs; export the label track again"
            )
        onset, offset = (field.replace(",", ".") for field in fields[:2])
        table.event(where, path.stem, onset, offset, unquoted(fields[2]))


def audacity_text(clip: Clip) -> str:
    """
    A clip's label track.

    :param clip: the clip.
    :return: one line per event.

    >>> from lhotse_recipes.clips import Annotation
    >>> clip = Clip("yard", "yard.wav")
    >>> clip.annotations += [Annotation("event", "dog", "Dog", 0.5, 1.25)]
    >>> audacity_text(clip)
    '0.500\\t1.250\\tDog\\n'
    """
    return "".join(
        f"{seconds(one.onset)}\t{seconds(one.offset)}\t"
        f"{quoted(single_line(one.label))}\n"
        for one in clip.of_kind("event")
    )


def export_audacity(cuts: Iterable[Cut], output_dir: str | Path) -> list[Path]:
    """
    Write a label track per cut.

    It holds times and labels; not phrases, confidences, tags and captions.

    :param cuts: a CutSet.
    :param output_dir: folder of the ``.txt`` files.
    :return: the files.
    """
    return export_each(cuts, output_dir, ".txt", audacity_text)
