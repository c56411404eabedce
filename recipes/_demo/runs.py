"""What the recipes' demonstrations share.

Authors
 * The speechbrain-opensed contributors 2026
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import soundfile as sf
import torch
from lhotse import CutSet

from lhotse_recipes.schema import trim_events
from lhotse_recipes.soundscapes import ProceduralBank, simulate_soundscapes

__all__ = ["fresh_recording", "logged_curve", "run_recipe", "timeline_table"]

# Without these the C library gives memory back after each step of training,
# to ask for it again in the next.
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
}

Spans = Iterable[tuple[float, float, str]]


def run_recipe(
    script: Path, hparams: Path, output: Path, overrides: Sequence[str] = ()
) -> None:
    """Runs a recipe as a user would, as fast as this CPU can.

    Arguments
    ---------
    script : Path
        Its train.py.
    hparams : Path
        Its YAML.
    output : Path
        Where it writes.
    overrides : sequence of str
        Further options.

    Raises
    ------
    subprocess.CalledProcessError
        If it fails.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> _ = (folder / "train.py").write_text("import sys; print(sys.argv[2])")
    >>> run_recipe(folder / "train.py", folder / "x.yaml", folder / "out")
    """
    # Training is then twice as fast.
    precision = "bf16" if torch.cpu._is_avx512_bf16_supported() else "fp32"
    subprocess.run(
        [
            sys.executable,
            script,
            hparams,
            f"--output_folder={output}",
            f"--precision={precision}",
            f"--eval_precision={precision}",
            *overrides,
        ],
        check=True,
        env={**KEEP_MEMORY, **os.environ},
    )


def fresh_recording(
    path: Path, phrases: Sequence[str], seed: int, **options
) -> list[tuple[float, float, str]]:
    """Writes a mixture of made-up sounds that are in no part of the data.

    Arguments
    ---------
    path : Path
        The wav file; the sounds go into a folder beside it.
    phrases : sequence of str
        The sounds.
    seed : int
        Of sounds and mixture: another one than that of the data.
    **options
        Of `simulate_soundscapes`.

    Returns
    -------
    list of (float, float, str)
        Its events: onset and offset in seconds, phrase.

    Example
    -------
    >>> path = getfixture("tmp_path") / "fresh.wav"
    >>> len(fresh_recording(path, ["low steady tone"], 1, repeats=(1, 1)))
    1
    """
    sounds = ProceduralBank(seed=seed)
    written = sounds.write(
        path.with_suffix(""), per_phrase=1, num_backgrounds=1, phrases=phrases
    )
    (cut,) = simulate_soundscapes(
        CutSet.from_cuts(written["events"]),
        written["backgrounds"],
        num_clips=1,
        seed=seed,
        **{
            "events_per_clip": (len(phrases), len(phrases)),
            "repeats": (1, 2),
            "snr": (10.0, 20.0),
            **options,
        },
    )
    wave = cut.load_audio()[0]
    sf.write(path, wave / abs(wave).max(), cut.sampling_rate)
    return [(e.start, e.end, e.text) for e in trim_events(cut)]


def logged_curve(log: Path, name: str) -> list[tuple[float, float]]:
    """A number by epoch, from a recipe's log.

    Arguments
    ---------
    log : Path
        Its train_log.txt.
    name : str
        What the log calls the number, such as `valid loss`.

    Returns
    -------
    list of (float, float)
        Epoch and number.

    Example
    -------
    >>> log = getfixture("tmp_path") / "train_log.txt"
    >>> _ = log.write_text("epoch: 1, lr: 0.1 - valid loss: 2.5, valid x: 3")
    >>> logged_curve(log, "valid loss")
    [(1.0, 2.5)]
    """
    pattern = rf"^epoch: (\d+).*[ ,]{re.escape(name)}: ([^\s,]+)"
    found = re.findall(pattern, log.read_text(), re.MULTILINE)
    return [(float(epoch), float(value)) for epoch, value in found]


def timeline_table(
    phrases: Sequence[str], mixed: Spans, detected: Spans
) -> str:
    """When sounds were mixed and when they were detected, side by side.

    Arguments
    ---------
    phrases : sequence of str
        The sounds, a line each.
    mixed : iterable of (float, float, str)
        Onset, offset, phrase.
    detected : iterable of (float, float, str)
        The same.

    Returns
    -------
    str
        The lines.

    Example
    -------
    >>> print(timeline_table(["buzz"], [(0, 1, "buzz")], [(0.1, 1.2, "buzz")]))
      buzz                 0.00-1.00                    0.10-1.20
    """

    def spans(events, phrase):
        return ", ".join(
            f"{a:.2f}-{b:.2f}" for a, b, p in events if p == phrase
        )

    mixed, detected = list(mixed), list(detected)
    return "\n".join(
        f"  {phrase:20} {spans(mixed, phrase):28} {spans(detected, phrase)}"
        for phrase in phrases
    )
