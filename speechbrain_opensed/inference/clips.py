"""Cut out what was found.

Authors
 * The speechbrain-opensed contributors 2026
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import soundfile

from lhotse_recipes.names import file_name, refuse_alike
from lhotse_recipes.outputs import rewrite_folder
from lhotse_recipes.sound import inspect_audio, read_part, writing_sound
from speechbrain_opensed.inference.lookup import Hit

__all__ = ["save_moments"]

_BLOCK = 2**18
_LIST = "moments.json"


def save_moments(
    folder: str | Path, found: Iterable[tuple[str, Sequence[Hit]]]
) -> int:
    """Write the sound of each moment, at its own rate, with all channels.

    Arguments
    ---------
    folder : str or Path
        Where to; what was written there this way before is replaced.
    found : iterable of (str, sequence of Hit)
        What was looked for, and what was found.

    Returns
    -------
    int
        How many files were written, beside `moments.json`, which tells what
        they are.

    Raises
    ------
    FileNotFoundError
        If a recording is no longer there.
    ValueError
        If one was changed so that a moment is no longer in it, or two files
        would be one.

    Example
    -------
    >>> import tempfile
    >>> import numpy as np
    >>> folder = Path(tempfile.mkdtemp())
    >>> soundfile.write(folder / "a.wav", np.zeros((8000, 2)), 8000)
    >>> hit = Hit(str(folder / "a.wav"), 0.25, 0.5, 0.9, 0.8)
    >>> save_moments(folder / "out", [("dog", [hit])])
    1
    >>> soundfile.info(folder / "out" / "dog 001 a 0.25.wav").duration
    0.25
    """
    told = []
    wanted = [
        (_name(phrase, place, hit), phrase, hit)
        for phrase, hits in found
        for place, hit in enumerate(hits, 1)
    ]
    refuse_alike(folder, [name for name, _, _ in wanted])
    with rewrite_folder(folder, _LIST) as temporary:
        for name, phrase, hit in wanted:
            with writing_sound(Path(folder) / name):
                _cut(hit, temporary / name)
            told.append({"file": name, "query": phrase, **asdict(hit)})
        text = json.dumps(told, indent=1, ensure_ascii=False)
        (temporary / _LIST).write_text(text, encoding="utf-8")
    return len(told)


def _name(phrase, place, hit):
    stem = Path(hit.path).stem
    return file_name(f"{phrase} {place:03d} {stem} {hit.onset:.2f}", ".wav")


def _cut(hit, path):
    info = inspect_audio(hit.path)
    first = round(hit.onset * info.sample_rate)
    count = round((hit.offset - hit.onset) * info.sample_rate)
    if first >= info.frames:
        raise ValueError(
            f"{hit.path} ends before {hit.onset:.2f} s, where it was indexed: "
            "run `opensed index` again"
        )
    with soundfile.SoundFile(
        path, "w", info.sample_rate, info.channels, "PCM_16"
    ) as file:
        for block in read_part(info, _BLOCK, first, count):
            # What is beyond full scale would wrap around.
            file.write(block.clip(-1, 1))
