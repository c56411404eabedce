"""`opensed listen`: find sounds while they are heard.

Authors
 * The speechbrain-opensed contributors 2026
"""

import json
import queue
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
import numpy as np

from speechbrain_opensed.commands.options import (
    detection_options,
    load_detector,
    model_options,
    phrase_options,
    read_phrases,
    read_settings,
    read_thresholds,
)
from speechbrain_opensed.commands.standard_input import (
    raw_blocks,
    raw_options,
)

__all__ = ["listen"]

_COLUMNS = ("time", "onset", "offset", "event_label", "score")
# How often a microphone gives what it has heard, in seconds.
_BLOCK_SECONDS = 0.1


@click.command(short_help="Find sounds at a microphone or in a pipe, live.")
@click.argument("source", required=False, type=click.Choice(["-"]))
@phrase_options
@model_options()
@detection_options
@raw_options
@click.option(
    "--microphone",
    metavar="NAME|NUMBER",
    help="Which one; default: the system's. `python -m sounddevice` lists "
    "them.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    help="Stop after so long; default: at Ctrl-C or at the end of the pipe.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["tsv", "jsonl"]),
    default="tsv",
    help="jsonl is for programs.",
)
def listen(
    source: str | None,
    queries: tuple[str, ...],
    queries_file: Path | None,
    model: str,
    device: str | None,
    precision: str,
    thresholds: tuple[str, ...],
    rate: int | None,
    raw_format: str | None,
    raw_channels: int | None,
    microphone: str | None,
    seconds: float | None,
    format_name: str,
    **settings: Any,
) -> None:
    """Print queried sounds as they become final, a line for each.

    It hears the microphone, or with SOURCE - bare samples on standard input,
    for example of a camera:

    \b
    ffmpeg -i rtsp://camera -f s16le -ac 1 -ar 16000 - |
        opensed listen - --rate 16000 -q "dog barking" --model DIR
    """
    if source == "-" and rate is None:
        raise ValueError("standard input needs the --rate of its samples")
    if source == "-" and microphone is not None:
        raise ValueError("name either - or a --microphone")
    if source is None and (rate or raw_format or raw_channels):
        raise ValueError("--rate and --raw-... are for standard input: name -")
    phrases = read_phrases(queries, queries_file)
    settings = read_settings(settings, phrases)
    levels = read_thresholds(thresholds, phrases)
    hear: Callable[[], Any]
    if source == "-":
        assert rate is not None, "asked for above"

        def hear():
            return _standard_input(raw_format or "s16le", raw_channels or 1)

    else:
        recorder = load_recorder()
        number, rate = find_microphone(recorder, microphone)

        def hear():
            return microphone_blocks(recorder, number, rate)

    detector = load_detector(model, device, precision)
    stream = detector.stream(
        phrases, rate, threshold=levels, keep_scores=False, **settings
    )
    writer = _LineWriter(format_name)
    try:
        with hear() as blocks:
            writer.begin()
            for block in blocks:
                if seconds is not None:
                    left = round(seconds * rate - stream.duration * rate)
                    block = block[:left]
                writer.write(stream.feed(block))
                if seconds is not None and stream.duration >= seconds:
                    break
    except KeyboardInterrupt:
        click.echo(f"heard {stream.duration:.1f} s", err=True)
    if stream.duration:
        writer.write(stream.finish())


class _LineWriter:
    """Prints events at once, with the time of day at which they began."""

    def __init__(self, format_name):
        self._format, self._begun = format_name, datetime.now()

    def begin(self):
        self._begun = datetime.now()
        if self._format == "tsv":
            click.echo("\t".join(_COLUMNS))

    def write(self, events):
        for event in events:
            clock = self._begun + timedelta(seconds=event.onset)
            clock = clock.isoformat(timespec="milliseconds")
            if self._format == "tsv":
                times = f"{event.onset:.3f}\t{event.offset:.3f}"
                row = (clock, times, event.phrase, f"{event.score:.4f}")
                click.echo("\t".join(row))
            else:
                row = {
                    "time": clock,
                    "phrase": event.phrase,
                    "onset": event.onset,
                    "offset": event.offset,
                    "score": event.score,
                }
                click.echo(json.dumps(row, ensure_ascii=False))
        sys.stdout.flush()


@contextmanager
def _standard_input(raw_format, channels):
    from speechbrain_opensed.inference.sources import as_samples

    yield (
        as_samples(block).mean(axis=1, dtype=np.float32)
        for block in raw_blocks(sys.stdin.buffer, raw_format, channels)
    )


def load_recorder() -> Any:
    """The library that hears microphones.

    Returns
    -------
    module
        sounddevice.

    Raises
    ------
    ImportError
        If it, or the system's PortAudio, is missing: what to install.

    Example
    -------
    >>> load_recorder.__name__
    'load_recorder'
    """
    try:
        import sounddevice
    except ImportError as error:
        raise ImportError(
            "listening needs sounddevice: pip install "
            "'speechbrain-opensed[listen]'; or pipe samples in, see "
            "`opensed listen --help`"
        ) from error
    except OSError as error:
        raise ImportError(
            f"listening needs the system's PortAudio ({error}): apt-get "
            "install libportaudio2, brew install portaudio; or pipe samples "
            "in, see `opensed listen --help`"
        ) from error
    return sounddevice


def find_microphone(
    recorder: Any, name: str | None = None
) -> tuple[int | str | None, int]:
    """A microphone and its own rate.

    Arguments
    ---------
    recorder : module
        From :func:`load_recorder`.
    name : str, optional
        Its number or a part of its name; None: the system's choice.

    Returns
    -------
    (int, str or None), int
        How the recorder calls it; samples per second.

    Raises
    ------
    ValueError
        If there is none.

    Example
    -------
    >>> from types import SimpleNamespace
    >>> found = {"max_input_channels": 1, "default_samplerate": 48000.0}
    >>> recorder = SimpleNamespace(query_devices=lambda *_, **__: found)
    >>> find_microphone(recorder, "3")
    (3, 48000)
    """
    wanted: int | str | None = name
    if name is not None and name.isdecimal():
        wanted = int(name)
    try:
        about = recorder.query_devices(wanted, kind="input")
    except Exception as error:  # PortAudioError is known to the module alone
        which = "" if name is None else f" {name!r}"
        raise ValueError(
            f"no microphone{which} here ({error}): `python -m sounddevice` "
            "lists those that are; or pipe samples in, see `opensed listen "
            "--help`"
        ) from error
    return wanted, int(about["default_samplerate"])


@contextmanager
def microphone_blocks(
    recorder: Any, number: int | str | None, rate: int
) -> Iterator[Iterator[np.ndarray]]:
    """What a microphone hears, as it hears it.

    Arguments
    ---------
    recorder : module
        From :func:`load_recorder`.
    number : int, str or None
        Which one.
    rate : int
        Samples per second.

    Yields
    ------
    iterator of np.ndarray
        `[time]`, without an end. Samples that were lost, since nobody took
        them in time, are told on standard error.

    Raises
    ------
    ValueError
        If it cannot be opened.

    Example
    -------
    >>> microphone_blocks.__name__
    'microphone_blocks'
    """
    heard: queue.SimpleQueue[np.ndarray] = queue.SimpleQueue()
    lost: list[float] = []

    def take(samples, frames, times, status):
        if status:
            lost.append(time.monotonic())
        heard.put(samples[:, 0].copy())

    def blocks() -> Iterator[np.ndarray]:
        while True:
            try:
                # A wait without an end would not see Ctrl-C everywhere.
                yield heard.get(timeout=0.5)
            except queue.Empty:
                continue

    try:
        stream = recorder.InputStream(
            samplerate=rate,
            blocksize=round(rate * _BLOCK_SECONDS),
            device=number,
            channels=1,
            dtype="float32",
            callback=take,
        )
    except Exception as error:
        raise ValueError(
            f"the microphone cannot be opened ({error}): is another program "
            "using it?"
        ) from error
    with stream:
        yield blocks()
    if lost:
        click.echo(f"{len(lost)} times samples were lost", err=True)
