"""Pictures that the build draws, the same each time.

Authors
 * The speechbrain-opensed contributors 2026
"""

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from example_folder import street
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

__all__ = ["all_pictures", "events", "psds"]

_HOP = 0.04


def all_pictures() -> Iterator[tuple[str, bytes]]:
    """Path below docs and content of each."""
    yield "assets/events.png", events()
    yield "assets/psds.png", psds()


def events() -> bytes:
    """A made-up recording and its true events, as detections are drawn."""
    import soundfile

    from speechbrain_opensed.inference import Detection, SoundEvent

    wave, known = street()
    phrases = list(dict.fromkeys(phrase for phrase, _, _ in known))
    scores = np.zeros((250, len(phrases)), dtype="float32")
    for phrase, onset, offset in known:
        span = slice(round(onset / _HOP), round(offset / _HOP))
        scores[span, phrases.index(phrase)] = 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "street.wav"
        soundfile.write(path, wave, 16000)
        found = Detection(
            [SoundEvent(p, on, off, 1.0) for p, on, off in known],
            scores, phrases, path, 10.0, _HOP,
        )  # fmt: skip
        found.plot(Path(folder) / "street.png")
        return (Path(folder) / "street.png").read_bytes()


def _scores(seed: int, clips: int = 60, frames: int = 250):
    """Scores of one class that is mostly heard, and its events."""
    rng = np.random.default_rng(seed)
    scores, truth = {}, {}
    for number in range(clips):
        onset, length = rng.uniform(0.5, 6), rng.uniform(1, 3)
        bump, high, low = rng.uniform(0, 9), rng.uniform(0.2, 0.7), 0.0
        if number % 2:
            low = rng.uniform(0, 0.45)
        if number == 0:  # the one that is drawn
            onset, length, bump, high, low = 2.0, 3.0, 7.5, 0.28, 0.25
        track = 0.15 + 0.06 * rng.random(frames)
        track[_frames(onset, length)] += high
        track[_frames(bump, 0.8)] += low
        if number == 0:
            track[_frames(3.2, 1.2)] += 0.28
        track = np.convolve(np.pad(track, 4, "edge"), np.ones(9) / 9, "valid")
        scores[f"{number}"] = np.clip(track, 0, 1)[:, None].astype("float32")
        truth[f"{number}"] = [(onset, onset + length, "dog")]
    return scores, truth


def _frames(onset: float, length: float) -> slice:
    return slice(round(onset / _HOP), round((onset + length) / _HOP))


def psds() -> bytes:
    """Detections at two thresholds, and the curve over all of them."""
    from speechbrain_opensed.metrics import compute_psds

    scores, truth = _scores(4)
    durations = dict.fromkeys(scores, 10.0)
    result = compute_psds(scores, truth, durations, ["dog"], _HOP)
    figure = Figure(figsize=(8, 6.4), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, height_ratios=(1.15, 1))
    _draw_clip(above, scores["0"][:, 0], truth["0"][0])
    rate, found = result.curve[1], result.curve[0]
    below.step(rate, found, where="post", color="tab:blue")
    below.fill_between(
        rate, found, step="post", color="tab:blue", alpha=0.2, linewidth=0
    )
    below.text(45, 0.25, f"area: PSDS1 = {result.psds:.2f}", fontsize=12)
    below.set(
        xlim=(0, 100), ylim=(0, 1.03),
        xlabel="false positives per hour, as thresholds fall →",
        ylabel="events found",
        title="All thresholds: the curve and its area",
    )  # fmt: skip
    return _png(figure)


def _draw_clip(axes, track, event) -> None:
    times = np.arange(len(track)) * _HOP
    axes.plot(times, track, color="0.3", linewidth=1)
    axes.axvspan(*event[:2], color="tab:green", alpha=0.15, linewidth=0)
    axes.text(event[0] + 0.05, 0.93, "true event", color="tab:green")
    for row, threshold in enumerate((0.55, 0.32)):
        axes.axhline(threshold, color="0.5", linewidth=0.8, linestyle="--")
        axes.text(9.98, threshold + 0.01, f"{threshold}", ha="right")
        for onset, offset in _runs(track > threshold):
            share = min(offset, event[1]) - max(onset, event[0])
            good = share / (offset - onset) >= 0.7
            axes.barh(
                -0.08 - 0.13 * row, offset - onset, 0.09, left=onset,
                color="tab:blue" if good else "tab:red",
            )  # fmt: skip
        axes.text(
            -0.1, -0.08 - 0.13 * row, f"{threshold}", ha="right", va="center"
        )
    axes.set(
        xlim=(0, 10), ylim=(-0.3, 1), yticks=(0, 0.5, 1), xlabel="seconds",
        ylabel="score",
        title="One clip, two thresholds: detections that count (blue) and that "
        "do not (red)",
    )  # fmt: skip
    axes.tick_params(axis="y", pad=18)


def _runs(above) -> list[tuple[float, float]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], above, [0]])))
    return [(a * _HOP, b * _HOP) for a, b in edges.reshape(-1, 2)]


def _png(figure: Figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110, metadata={"Software": None})
    return out.getvalue()
