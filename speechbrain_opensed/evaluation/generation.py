"""Score a folder of generated sounds against real ones.

Authors
 * The speechbrain-opensed contributors 2026
"""

import csv
import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from lhotse_recipes.sound import READABLE, mono_blocks
from speechbrain_opensed.metrics.generation.encoding import AudioEncoder
from speechbrain_opensed.metrics.generation.stats import GenerationStats

__all__ = ["evaluate_generation", "find_sounds", "read_prompts"]

logger = logging.getLogger(__name__)


def evaluate_generation(
    generated: str | Path,
    real: str | Path | None = None,
    styles: str | Path | None = None,
    *,
    prompts: Mapping[str, str] | None = None,
    encoders: Mapping[str, AudioEncoder] | None = None,
    paired: bool = True,
    seed: int = 0,
    progress: bool = False,
) -> dict[str, float]:
    """Score the sound files of a folder.

    Each file is heard alone, at each encoder's rate: what is near it in a
    folder has no influence.

    Arguments
    ---------
    generated : str or Path
        Folder of generated sounds.
    real : str or Path, optional
        Folder of real ones; for `paired` scores a generated clip has the
        name of its real one.
    styles : str or Path, optional
        Folder of the references that styles were to follow, named like the
        generated clips.
    prompts : mapping of str to str, optional
        From the name of each generated clip, without its ending, to what
        was asked for.
    encoders : mapping of str to AudioEncoder
        Judges by their names.
    paired : bool
        Whether divergences from the real clip of the same name are wanted.
    seed : int
        Of all draws.
    progress : bool
        Whether to show bars.

    Returns
    -------
    dict of str to float
        See :class:`~speechbrain_opensed.metrics.generation.GenerationStats`.

    Raises
    ------
    FileNotFoundError
        If a folder is missing.
    ValueError
        If a folder is empty, a partner or a prompt is missing, or a file
        cannot be used.

    Example
    -------
    >>> import tempfile, soundfile
    >>> from speechbrain_opensed.metrics.generation.encoding import (
    ...     RandomEncoder,
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in "abc":
    ...         noise = np.random.rand(8000)
    ...         soundfile.write(f"{folder}/{name}.wav", noise, 16000)
    ...     encoders = {"random": RandomEncoder(dim=2)}
    ...     scores = evaluate_generation(folder, folder, encoders=encoders)
    >>> round(scores["FD_random"], 6), abs(scores["KL_random"]) < 1e-4
    (0.0, True)
    """
    stats = GenerationStats(encoders or {}, paired=paired, seed=seed)
    folders = {"generated": generated, "real": real, "style": styles}
    files = {
        role: find_sounds(folder)
        for role, folder in folders.items()
        if folder is not None
    }
    if prompts is not None:
        _need(files["generated"], prompts, "prompts")
    if styles is not None:
        _need(files["generated"], files["style"], str(styles))
        files["style"] = {
            name: files["style"][name] for name in files["generated"]
        }
    if real is not None and paired:
        _need(files["generated"], files["real"], str(real))
    for role, paths in files.items():
        for name, path in tqdm(
            paths.items(), desc=role, unit="file", disable=not progress
        ):
            waves: dict[int, torch.Tensor] = {}
            for judge, encoder in stats.encoders.items():
                rate = encoder.sample_rate
                if rate not in waves:
                    wave = np.concatenate(list(mono_blocks(path, rate)))
                    waves[rate] = torch.from_numpy(wave)[None]
                asked = None
                if role == "generated" and prompts is not None:
                    asked = [prompts[name]]
                stats.append(
                    [name], waves[rate], role, prompts=asked, encoder=judge
                )
    return stats.summarize()


def _need(names, partners, where):
    missing = sorted(set(names) - set(partners))
    if missing:
        raise ValueError(
            f"{len(missing)} of {len(names)} generated clips are not in "
            f"{where}: {missing[:3]}; name what belongs together alike, or "
            "leave that score out"
        )


def find_sounds(folder: str | Path) -> dict[str, Path]:
    """The sound files in a folder by their names without endings.

    Arguments
    ---------
    folder : str or Path
        Where to look, folders in it not included.

    Returns
    -------
    dict of str to Path
        Sorted by name.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If it holds no sound, or two of one name.

    Example
    -------
    >>> find_sounds("nowhere")
    Traceback (most recent call last):
    FileNotFoundError: no folder nowhere: give one with sound files
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"no folder {folder}: give one with sound files"
        )
    found: dict[str, Path] = {}
    passed_over = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in READABLE:
            passed_over.append(path.name)
            continue
        if path.stem in found:
            raise ValueError(
                f"{found[path.stem]} and {path} have one name: remove one"
            )
        found[path.stem] = path
    if not found:
        raise ValueError(
            f"{folder} holds no sound file ({', '.join(READABLE)})"
        )
    if passed_over:
        logger.warning(
            "%s: %d entries are no sound files and were passed over: %s%s",
            folder,
            len(passed_over),
            ", ".join(passed_over[:5]),
            " ..." if len(passed_over) > 5 else "",
        )
    return found


def read_prompts(path: str | Path) -> dict[str, str]:
    """What was asked for, from a table.

    Arguments
    ---------
    path : str or Path
        CSV file with the columns `name`, of the sound file with or without
        its ending, and `text`.

    Returns
    -------
    dict of str to str
        From the name without ending to the text.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a column or a text is missing, or a name comes twice.

    Example
    -------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = Path(folder) / "prompts.csv"
    ...     _ = table.write_text("name,text\\na.wav,a dog barks\\n")
    ...     read_prompts(table)
    {'a': 'a dog barks'}
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no table of prompts at {path}")
    prompts: dict[str, str] = {}
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        missing = {"name", "text"} - set(rows.fieldnames or ())
        if missing:
            raise ValueError(
                f"{path} has no column {sorted(missing)}: it has "
                f"{rows.fieldnames}"
            )
        for row in rows:
            name, text = row["name"] or "", (row["text"] or "").strip()
            if name.lower().endswith(READABLE):
                name = Path(name).stem
            if not text or name in prompts:
                raise ValueError(
                    f"{path}, line {rows.line_num}: "
                    f"{name!r} has no text or comes twice"
                )
            prompts[name] = text
    return prompts
