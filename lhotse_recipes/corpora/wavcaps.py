"""WavCaps: 400 000 recordings with captions that a language model wrote.

Mei et al., "WavCaps: a ChatGPT-assisted weakly-labelled audio captioning
dataset" (TASLP 2024), https://github.com/XinhaoMei/WavCaps; captions for
academic use only, audio of FreeSound, BBC Sound Effects, SoundBible and
AudioSet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from lhotse_recipes.building.corpus import ReadingOptions
from lhotse_recipes.building.fetch import fetch_tables
from lhotse_recipes.clips import ClipTable, clip_id
from lhotse_recipes.importing import Part, choose, find_tables, prepare_parts
from lhotse_recipes.io import PrepareReport
from lhotse_recipes.json_files import read_json

__all__ = ["download_wavcaps", "prepare_wavcaps", "read_wavcaps"]

_SOURCE = "https://huggingface.co/datasets/cvssp/WavCaps"
_AGAIN = "fetch it again"
_TABLES = f"{_SOURCE}/resolve/main/json_files"


@dataclass(frozen=True)
class _Source:
    name: str
    folder: str  # of the tables, where they are offered
    tables: tuple[str, ...]


_SOURCES = {
    "audioset": _Source(
        "AudioSet", "AudioSet_SL", ("as_final.json", "audioset_sl.json")
    ),
    "bbc": _Source(
        "BBC_Sound_Effects",
        "BBC_Sound_Effects",
        ("bbc_final.json", "bbc_sound_effects.json"),
    ),
    "freesound": _Source(
        "FreeSound", "FreeSound", ("fsd_final.json", "freesound.json")
    ),
    "soundbible": _Source(
        "SoundBible", "SoundBible", ("sb_final.json", "soundbible.json")
    ),
}


def prepare_wavcaps(
    corpus_dir: str | Path,
    output_dir: str | Path | None = None,
    parts: str | Sequence[str] = "auto",
    *,
    annotations_dir: str | Path | None = None,
    blacklist: str | Path | None = None,
    encoding: str = "utf-8",
    **options: Unpack[ReadingOptions],
) -> dict[str, dict[str, Any]]:
    """
    Make manifests of WavCaps, a part per source.

    A recording's id is the source and its number there, ``freesound-1234``:
    numbers alone occur in several sources.

    :param corpus_dir: folder of the audio (and the tables). Audio of sources
        that share a number is told apart by a folder called FreeSound,
        SoundBible and so on.
    :param output_dir: where manifests and reports go; nothing is written when
        it is None.
    :param parts: "audioset", "bbc", "freesound", "soundbible" or several;
        "auto" takes those whose table is there.
    :param annotations_dir: folder of the tables, if another.
    :param blacklist: the authors' JSON of ids to leave out, so that no test
        clip of another corpus is trained on.
    :param encoding: of the tables.
    :param options: those of :class:`ReadingOptions`.
    :return: part → ``{"recordings", "supervisions", "cuts"}``.
    :raises FileNotFoundError: no table, or no audio at all.
    :raises ValueError: a malformed table, or an id that occurs twice.
    """
    tables = find_tables(
        annotations_dir or corpus_dir,
        {part: source.tables for part, source in _SOURCES.items()},
        _SOURCE,
    )
    banned = (
        {}
        if blacklist is None
        else read_json(blacklist, dict, encoding, _AGAIN)
    )
    if not isinstance(banned, dict):
        raise ValueError(f"{blacklist}: not a blacklist of source → ids")
    made = []
    for part in choose(parts, list(tables), list(_SOURCES)):
        clips = ClipTable(PrepareReport("wavcaps", part))
        read_wavcaps(tables[part], clips, banned, encoding)
        near = _SOURCES[part].name
        if part == "audioset":
            near = "AudioSet_SL"
        made.append(Part(clips.report, clips.clips, near=near))
    return prepare_parts(
        made,
        corpus_dir,
        output_dir=output_dir,
        **options,
    )


def read_wavcaps(
    path: str | Path,
    table: ClipTable,
    blacklist: Mapping[str, Sequence[str]] | None = None,
    encoding: str = "utf-8",
) -> None:
    """
    Read one of the tables.

    :param path: JSON whose ``data`` is a list of id, caption and duration.
    :param table: gets the clips; its report's part names the source.
    :param blacklist: source → ids that are left out, and counted.
    :param encoding: of the text.
    :raises ValueError: a malformed table, or an id that occurs twice.
    """
    path, part = Path(path), table.report.part
    banned = {
        clip_id(str(one))
        for one in (blacklist or {}).get(_SOURCES[part].name, ())
    }
    try:
        rows = read_json(path, dict, encoding, _AGAIN)["data"]
        for number, row in enumerate(rows, 1):
            where = f"{path}: entry {number}"
            plain = clip_id(str(row["id"]))
            if plain in banned:
                table.report.drop("on the blacklist", plain)
                continue
            name = f"{part}-{plain}"
            clip = table.clip(where, name, new=True)
            clip.aliases = (plain,)
            clip.duration = row["duration"]
            table.caption(where, name, row["caption"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path}: no table of WavCaps (lacks or misplaces {error}); get "
            f"it from {_SOURCE}"
        ) from error


def download_wavcaps(
    target_dir: str | Path = ".", force_download: bool = False
) -> Path:
    """
    Fetch the tables of captions; the audio, 800 GB, lies beside them there.

    :param target_dir: the folder ``WavCaps`` is made here.
    :param force_download: fetch again what is there.
    :return: the folder.
    :raises OSError: no connection, or one that ended early; call it again to
        go on.
    """
    urls = [
        f"{_TABLES}/{one.folder}/{one.tables[0]}" for one in _SOURCES.values()
    ]
    return fetch_tables(urls, target_dir, "WavCaps", force_download)
