"""What `opensed generate` does beside one sound from one text.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from speechbrain_opensed.commands.options import load_detector

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["named_files", "read_timeline", "tell_events", "write_page"]


def read_timeline(
    timeline: str | None,
    truth: Path | None,
    check: str | None,
    report: Path | None,
    settings: Mapping[str, Any],
) -> list | None:
    """The cues of a timeline, after what makes no sense beside it is refused.

    Arguments
    ---------
    timeline : str or None
        Cues, or the name of a file of them.
    truth, check, report
        Options of the command.
    settings : mapping
        Those of the generator.

    Returns
    -------
    list of Cue or None
        None if there is no timeline.

    Raises
    ------
    ValueError
        If options do not go together, or a cue is not understood.

    Example
    -------
    >>> read_timeline("dog at 2", None, None, None, {})
    [Cue(phrase='dog', onset=2.0, offset=None)]
    """
    if timeline is None:
        for name, value in (("truth", truth), ("check", check)):
            if value is not None:
                raise ValueError(f"--{name} has no effect without --timeline")
        return None
    for name in ("init_audio", "fill"):
        if name in settings:
            raise ValueError(
                f"--{name.replace('_', '-')} has no effect beside --timeline: "
                "its sounds are generated one by one"
            )
    if report is not None:
        raise ValueError(
            "--report has no effect beside --timeline: it compares one sound "
            "with and without references"
        )
    from speechbrain_opensed.inference.timeline import read_cues

    path = Path(timeline)
    is_file = len(timeline) < 200 and "\n" not in timeline and path.is_file()
    return read_cues(path if is_file else timeline)


def tell_events(
    placed: Sequence,
    out: Path,
    seconds: float,
    *,
    truth: Path | None = None,
    check: str | None = None,
    device: str | None = None,
) -> None:
    """Prints where the sounds are, and whether a detector hears them.

    Arguments
    ---------
    placed : sequence of SoundEvent
        What was put where.
    out : Path
        The sound file.
    seconds : float
        Its length.
    truth : Path, optional
        Table to write.
    check : str, optional
        Detector.
    device : str, optional
        Where it runs.

    Example
    -------
    >>> from speechbrain_opensed.inference import SoundEvent
    >>> event = SoundEvent("dog", 2.0, 2.5, 1.0)
    >>> tell_events([event], Path("out.wav"), 5.0)
         2.00    2.50  dog
    """
    from speechbrain_opensed.inference.detection import Detection
    from speechbrain_opensed.inference.timeline import compare_events

    phrases = list(dict.fromkeys(event.phrase for event in placed))
    for event in placed:
        click.echo(f"  {event.onset:7.2f} {event.offset:7.2f}  {event.phrase}")
    if truth is not None:
        scores = np.zeros((1, len(phrases)), dtype=np.float32)
        Detection(
            *(sorted(placed), scores, phrases, str(out), seconds, seconds)
        ).to_tsv(truth)
    if check is not None:
        found = load_detector(check, device).detect(str(out), phrases)
        click.echo(compare_events(placed, found.events).table())


def named_files(paths: Sequence[str]) -> dict[str, str]:
    """Files by their names, and by their paths where two are called alike.

    Arguments
    ---------
    paths : sequence of str
        The files.

    Returns
    -------
    dict of str to str
        Name to path, in their order.

    Example
    -------
    >>> named_files(["a/dog.wav", "b/dog.wav", "b/cat.wav"])
    {'a/dog.wav': 'a/dog.wav', 'b/dog.wav': 'b/dog.wav', 'cat.wav': 'b/cat.wav'}
    """
    count = Counter(Path(path).name for path in dict.fromkeys(paths))
    return {
        Path(path).name if count[Path(path).name] == 1 else path: path
        for path in paths
    }


def write_page(
    report: Path,
    text: str,
    references: Sequence[str],
    waves: Mapping[str, "Tensor"],
    rate: int,
) -> None:
    """A page with the references, and what was made with and without them.

    Arguments
    ---------
    report : Path
        The page.
    text : str
        What was asked for.
    references : sequence of str
        Sound files.
    waves : mapping of str to torch.Tensor
        What each is to what was generated.
    rate : int
        Of the waves, in Hz.

    Example
    -------
    >>> import torch
    >>> page = getfixture("tmp_path") / "page.html"
    >>> write_page(page, "rain", [], {"generated": torch.rand(800)}, 8000)
    >>> "rain" in page.read_text()
    True
    """
    from speechbrain_opensed.inference.references import load_reference
    from speechbrain_opensed.plotting.listening_page import (
        Take,
        Trial,
        write_listening_page,
    )

    def takes(sounds):
        return [Take(name, w.numpy(), rate) for name, w in sounds.items()]

    styles = {
        name: load_reference(path, rate, 10.0)
        for name, path in named_files(references).items()
    }
    trial = Trial(text, takes(waves), takes(styles))
    write_listening_page(report, [trial], "Generated sound")
