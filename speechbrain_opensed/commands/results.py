"""Write what is found in recordings, one after another, and go on from it.

Authors
 * The speechbrain-opensed contributors 2026
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from lhotse_recipes.growing import GrowingText
from lhotse_recipes.outputs import is_stream
from speechbrain_opensed.inference import formats
from speechbrain_opensed.inference.detection import Detection
from speechbrain_opensed.inference.events import SoundEvent
from speechbrain_opensed.inference.provenance import journal_path
from speechbrain_opensed.language.journal import Journal

__all__ = ["Results", "keeps_journal"]

#: Formats that hold many recordings, and grow by one at a time.
GROWING = ("tsv", "jsonl")


class Results:
    """What was found so far, written as it comes.

    Tables and JSON lines grow by a recording at a time; formats of one
    recording are files of their own; JSON is written at the end, also of an
    interrupted run. A journal beside the output says what is done and what it
    was made with.

    Arguments
    ---------
    output : Path or None
        File or folder; None: the screen.
    format_name : str
        A key of :data:`~speechbrain_opensed.inference.formats.FORMATS`.
    phrases : list of str
        What is looked for.
    files : mapping of str to Path
        Recording to its own file, for formats of one recording.
    about : dict, optional
        What it depends on, see
        :func:`~speechbrain_opensed.inference.provenance.made_with`; None: no
        journal is kept.
    resume : bool
        Whether to go on from the journal.

    Raises
    ------
    ValueError
        If what is there was made with something else.

    Example
    -------
    >>> results = Results(None, "jsonl", ["rain"])
    >>> results.add(Detection([], [], ["rain"], "a.wav", 1.0, 0.04))
    {"path": "a.wav", "duration": 1.0, "phrases": ["rain"], "events": []}
    """

    def __init__(
        self,
        output: Path | None,
        format_name: str,
        phrases: list[str],
        files: Mapping[str, Path] | None = None,
        *,
        about: dict[str, Any] | None = None,
        resume: bool = False,
    ):
        self._output, self._format = output, format_name
        self._phrases, self._files = phrases, files or {}
        self._json: list[dict[str, Any]] = []
        self._lines = self._done = 0
        self._states: dict[str, list[int] | None] = {}
        self._journal: Journal | None = None
        self._text: GrowingText | None = None
        with ExitStack() as opened:
            if about is not None and output is not None:
                self._journal = opened.enter_context(
                    Journal(journal_path(output), about, not resume, keep=False)
                )
            if output is not None and not self._files:
                self._text = opened.enter_context(GrowingText(output))
            self._opened = opened.pop_all()

    def __enter__(self) -> "Results":
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            if self._format == "json":
                self._write_json()
        finally:
            self._opened.close()
        if kind is not None and self._journal is not None:
            click.echo(
                f"{self._done} recordings are done: {self._output}; the same "
                "command with --resume goes on from there",
                err=True,
            )

    @property
    def on_screen(self) -> bool:
        """Whether results go to standard output."""
        return self._output is None

    def leave(self) -> None:
        """Writes what would be written at the end, where there is no time."""
        if self._format == "json":
            self._write_json()

    def kept(
        self, paths: Iterable[str], pictures: Mapping[str, Path]
    ) -> Iterator[Detection]:
        """Gives what was done before, and writes it again.

        Arguments
        ---------
        paths : iterable of str
            The recordings that are wanted.
        pictures : mapping of str to Path
            Their figures; where one is missing, the recording is not done.

        Yields
        ------
        Detection
            Without scores.
        """
        if self._journal is None:
            return
        places: dict[str, int] = {}
        for place, row in enumerate(self._journal.read()):
            places[row["path"]] = place
        wanted = set(paths)
        for place, row in enumerate(self._journal.read()):
            path = row["path"]
            own = [f[path] for f in (self._files, pictures) if path in f]
            if (
                path in wanted
                and places[path] == place
                and None is not row["state"] == _state(path)
                and all(os.path.exists(one) for one in own)
            ):
                detection = self._detection(row)
                self._write(detection)
                yield detection

    def begin(self, path: str) -> None:
        """Notes what a recording is like, before it is read.

        Arguments
        ---------
        path : str
            The recording.
        """
        self._states[path] = _state(path)

    def add(self, detection: Detection) -> None:
        """Writes a recording's events.

        Arguments
        ---------
        detection : Detection
            What was found in it.
        """
        # First where it is kept, then where it is read.
        if self._journal is not None:
            self._journal.append(
                {
                    "path": detection.path,
                    "state": self._states.pop(detection.path, None),
                    "duration": detection.duration,
                    "events": [
                        [e.phrase, e.onset, e.offset, e.score]
                        for e in detection.events
                    ],
                }
            )
        self._write(detection)

    def fail(self, path: str, reason: str) -> None:
        """Notes a recording that was left out, where a machine reads it.

        Arguments
        ---------
        path : str
            The recording.
        reason : str
            Why.
        """
        if self._format == "jsonl":
            row = {"path": path, "error": reason}
            self._print(json.dumps(row, ensure_ascii=False) + "\n")

    def _detection(self, row):
        events = [SoundEvent(*event) for event in row["events"]]
        duration = row["duration"]
        return Detection(events, [], self._phrases, row["path"], duration, 1.0)

    def _write(self, detection):
        self._done += 1
        if self._format == "json":
            self._json.append(detection.to_dict())
        elif self._format in GROWING:
            text = formats.text_of([detection], self._format)
            if self._format == "tsv" and self._lines:
                text = text.partition("\n")[2]
            self._print(text)
        else:
            text = formats.text_of([detection], self._format)
            own = self._files.get(detection.path)
            if own is None:
                self._print(text)
            else:
                formats.write(own, text)

    def _print(self, text):
        self._lines += 1
        if self._text is None:
            click.echo(text, nl=False)
        else:
            self._text.write(text)

    def _write_json(self):
        if not self._json:
            return
        rows = self._json[0] if len(self._json) == 1 else self._json
        self._json = []
        self._print(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")


def _state(path):
    """Size and time of change of a file."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]


def keeps_journal(output: Path | None) -> bool:
    """Whether there can be a journal beside an output.

    Arguments
    ---------
    output : Path or None
        The output.

    Returns
    -------
    bool
        Not of the screen, a pipe or a device.

    Example
    -------
    >>> keeps_journal(None), keeps_journal(Path("events.tsv"))
    (False, True)
    """
    return output is not None and not is_stream(output)
