"""A page that tells a person how good a detector is, and where it errs.

Authors
 * The speechbrain-opensed contributors 2026
"""

import html
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from lhotse.cut import Cut
from tqdm import tqdm

from lhotse_recipes.holding import scratch_folder
from lhotse_recipes.io import write_atomically
from lhotse_recipes.sound import writing_sound
from speechbrain_opensed.evaluation.mistakes import (
    Mistake,
    Mistakes,
    find_mistakes,
)
from speechbrain_opensed.inference.detection import Detection
from speechbrain_opensed.inference.events import get_events
from speechbrain_opensed.plotting.figures import plot_detection
from speechbrain_opensed.plotting.page_parts import (
    PAGE_STYLE,
    inline_file,
    inline_sound,
)

__all__ = ["write_report"]

_CONFUSIONS = 15


def write_report(
    path: str | Path,
    stats: Any,
    cuts: Iterable[Cut],
    *,
    threshold: float = 0.5,
    most: int = 10,
) -> Mistakes:
    """Write a page with scores, counts, confusions and the worst mistakes.

    The page holds its pictures and sounds itself.

    Arguments
    ---------
    path : str or Path
        The HTML file.
    stats : PsdsStats
        After `summarize`.
    cuts : iterable of lhotse.cut.Cut
        The clips; those with the worst mistakes are heard again.
    threshold : float
        Score above which a frame belongs to an event.
    most : int
        Mistakes to show.

    Returns
    -------
    Mistakes
        What the page tells, for the log.

    Example
    -------
    >>> from speechbrain_opensed.metrics import PsdsStats
    >>> stats = PsdsStats(["dog"], {"a": [(0.0, 1.0, "dog")]}, 0.04)
    >>> stats.append(["a"], np.full((1, 25, 1), 0.9), [1.0])
    >>> _ = stats.summarize()
    >>> path = getfixture("tmp_path") / "report.html"
    >>> write_report(path, stats, []).counts
    {'dog': ClassCounts(events=1, found=1, false_alarms=0)}
    """
    mistakes = find_mistakes(
        *(stats.scores, stats.ground_truth, stats.classes, stats.hop_seconds),
        threshold=threshold,
    )
    worst = {mistake.clip: mistake for mistake in mistakes.worst(most)}
    heard = {cut.id: cut for cut in cuts if cut.id in worst}
    figures = [
        _figure(heard[clip], mistake, stats, threshold)
        for clip, mistake in tqdm(worst.items(), "report", delay=2)
        if clip in heard
    ]
    page = "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>Detector report</title><style>{PAGE_STYLE}</style>",
            "<h1>How well does it hear?</h1>",
            *_scores(stats),
            *_confusions(mistakes),
            "<h2>Its worst mistakes</h2>",
            *(figures or ["<p>None.</p>"]),
            *_classes(stats, mistakes),
            "</html>",
        ]
    )
    with write_atomically(path) as file:
        file.write(page + "\n")
    return mistakes


def _scores(stats):
    note = stats.coverage()
    rows = [
        (name, f"{value:.3f}" if isinstance(value, float) else str(value))
        for name, value in stats.summary.items()
    ]
    yield _table(("score on test data", "value"), rows)
    if note:
        yield f"<p>Note: {html.escape(note)}.</p>"


def _confusions(mistakes):
    yield "<h2>What is taken for what</h2>"
    pairs = mistakes.confusions()
    if not pairs:
        yield "<p>No sound is taken for another.</p>"
        return
    yield "<ul>"
    for true, taken, count in pairs[:_CONFUSIONS]:
        times = "once" if count == 1 else f"{count} times"
        words = html.escape(f"'{true}' is taken for '{taken}' {times}")
        yield f"<li>{words}</li>"
    yield "</ul>"
    if len(pairs) > _CONFUSIONS:
        yield f"<p>And {len(pairs) - _CONFUSIONS} pairs more.</p>"


def _classes(stats, mistakes):
    yield "<h2>Class by class</h2>"
    yield (
        f"<p>With a threshold of {mistakes.threshold:g}: an event is found if "
        "half of it is, a detection is false if less than half of it is true."
        "</p>"
    )
    names = list(stats.results)
    rows = []
    for label, counts in mistakes.counts.items():
        values = [
            f"{result.per_class[label]:.3f}"
            if label in result.per_class
            else "–"
            for result in stats.results.values()
        ]
        rows.append(
            (
                *(label, counts.events, counts.found, counts.missed),
                *(counts.false_alarms, *values),
            )
        )
    head = ("class", "events", "found", "missed", "false alarms", *names)
    yield _table(head, rows)


def _table(head, rows):
    def line(tag, cells):
        inner = "".join(f"<{tag}>{html.escape(str(c))}</{tag}>" for c in cells)
        return f"<tr>{inner}</tr>"

    body = "\n".join(line("td", row) for row in rows)
    return f'<div class="wide"><table>{line("th", head)}\n{body}</table></div>'


def _figure(cut: Cut, mistake: Mistake, stats, threshold: float) -> str:
    """What was heard in a clip, to see and to listen to."""
    true = sorted(stats.ground_truth[cut.id])
    shown = sorted({mistake.label, *(label for *_, label in true)})
    columns = [stats.classes.index(x) for x in shown if x in stats.classes]
    names = [stats.classes[column] for column in columns]
    scores = np.ascontiguousarray(stats.scores[cut.id][:, columns])
    with scratch_folder() as folder:
        wav, png = folder / "clip.wav", folder / "clip.png"
        samples = cut.load_audio().mean(0)
        samples = samples / max(float(np.abs(samples).max()), 1e-9)
        with writing_sound(wav):
            soundfile.write(wav, samples, cut.sampling_rate)
        events = get_events(
            *(scores > threshold, scores, names),
            *(stats.hop_seconds, cut.duration),
        )
        found = Detection(
            *(events, scores, names, str(wav)),
            *(cut.duration, stats.hop_seconds),
        )
        plot_detection(found, png, threshold=threshold)
        picture = inline_file("image/png", png.read_bytes())
    sound = inline_sound(samples, cut.sampling_rate)
    truth = "; ".join(
        f"{label} {on:.2f}–{off:.2f} s" for on, off, label in true
    )
    return "\n".join(
        [
            "<figure>",
            f"<figcaption><b>{html.escape(str(mistake))}</b><br>",
            f"{html.escape(cut.id)}; truly there: ",
            f"{html.escape(truth) or 'nothing'}</figcaption>",
            f'<img alt="spectrogram and scores" src="{picture}">',
            f'<audio controls src="{sound}">',
            "</audio></figure>",
        ]
    )
