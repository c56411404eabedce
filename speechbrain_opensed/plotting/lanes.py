"""Lanes of scores and events under a spectrogram.

All lanes share one pair of axes: a pair for each would cost more than the
detection.

Authors
 * The speechbrain-opensed contributors 2026
"""

import textwrap
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from matplotlib import colormaps, font_manager
from matplotlib.ft2font import FT2Font

__all__ = ["MOST_LANES", "draw_lanes", "pick_lanes", "has_glyphs"]

#: Phrases beyond these are summed up in words.
MOST_LANES = 40
_COLUMNS = 1600
_COLORS = colormaps["tab10"](range(10))
_GREY = "0.4"
# Room below the scores of a lane for its events, and above them.
_FLOOR, _BAR, _TOP = 0.34, 0.24, 1.06
# What systems have for scripts that matplotlib's own font has not.
_FONTS = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans JP", "Noto Sans SC",
    "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "IPAGothic", "TakaoGothic",
    "VL Gothic", "Droid Sans Fallback", "Noto Sans Arabic",
    "Noto Sans Devanagari", "Noto Sans Hebrew", "Noto Sans Thai", "Unifont",
    "Hiragino Sans", "PingFang SC", "Yu Gothic", "Microsoft YaHei",
    "Arial Unicode MS", "Symbola",
)  # fmt: skip


def pick_lanes(detection: Any, most: int = MOST_LANES) -> list[int]:
    """The phrases that are drawn: those heard longest, in their order.

    Arguments
    ---------
    detection : Detection
        What was found.
    most : int
        How many lanes there may be.

    Returns
    -------
    list of int
        Columns of the scores.

    Example
    -------
    >>> from speechbrain_opensed.plotting.lanes import pick_lanes
    >>> class Found:
    ...     phrases, events = ["a", "b", "c"], []
    ...     scores = np.array([[0.1, 0.3, 0.2]])
    >>> pick_lanes(Found, most=2)
    [1, 2]
    """
    count = len(detection.phrases)
    if count <= most:
        return list(range(count))
    place = {phrase: lane for lane, phrase in enumerate(detection.phrases)}
    seconds = np.zeros(count)
    for event in detection.events:
        seconds[place[event.phrase]] += event.offset - event.onset
    # Among those that were not heard: what came nearest to it.
    highest = detection.scores.max(axis=0)
    order = np.lexsort((np.arange(count), -highest, -seconds))
    return sorted(order[:most].tolist())


def draw_lanes(
    axis: Any,
    detection: Any,
    lanes: Sequence[int],
    threshold: float | Mapping[str, float] | None = None,
) -> None:
    """Draw one lane per phrase: its scores, and its events below.

    Arguments
    ---------
    axis : matplotlib.axes.Axes
        Where to.
    detection : Detection
        What was found.
    lanes : sequence of int
        Columns of the scores, from top to bottom.
    threshold : float or mapping of phrase to float, optional
        Drawn as a dashed line.

    Example
    -------
    >>> draw_lanes.__name__
    'draw_lanes'
    """
    events: dict[str, list] = {}
    # An event shorter than a pixel would vanish in an hour.
    narrowest = detection.duration / 700
    for event in detection.events:
        span = max(event.offset - event.onset, narrowest)
        events.setdefault(event.phrase, []).append((event.onset, span))
    height = _TOP + _FLOOR
    for place, lane in enumerate(lanes):
        phrase = detection.phrases[lane]
        floor = (len(lanes) - 1 - place) * height + _FLOOR
        color = _COLORS[lane % len(_COLORS)]
        times, curve = _thinned(
            detection.scores[:, lane], detection.hop_seconds
        )
        axis.fill_between(
            times, floor + curve, floor, step="post", color=color, alpha=0.3,
            linewidth=0,
        )  # fmt: skip
        axis.step(
            times, floor + curve, where="post", color=color, linewidth=0.9
        )
        bars = events.get(phrase, [])
        axis.broken_barh(
            bars, (floor - _FLOOR + 0.04, _BAR), color=color, linewidth=0
        )
        axis.axhline(floor, color="0.8", linewidth=0.5, zorder=0)
        if threshold is not None:
            value = threshold
            if isinstance(value, Mapping):
                value = value[phrase]
            axis.axhline(
                floor + value, color=_GREY, linewidth=0.5, linestyle=(0, (4, 4))
            )
        _label(axis, floor + 0.5, lane, phrase, bool(bars))
    axis.set_ylim(0, len(lanes) * height)
    axis.set_yticks([])
    for side in ("top", "left", "right"):
        axis.spines[side].set_visible(False)
    axis.grid(axis="x", color="0.9", linewidth=0.6)
    axis.set_axisbelow(True)


def _label(axis, height, lane, phrase, heard):
    shown = phrase if has_glyphs(phrase) else f"phrase {lane + 1}"
    lines = textwrap.wrap(shown, 26) or [shown]
    if len(lines) > 2:
        rest = textwrap.shorten(" ".join(lines[1:]), 25, placeholder=" …")
        lines = [lines[0], rest]
    axis.annotate(
        "\n".join(lines),
        (0, height),
        (-4, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
        va="center",
        fontsize=8.5 if len(lines) == 1 else 7,
        color="black" if heard else _GREY,
        family=_families(),
        annotation_clip=False,
    )


@lru_cache(maxsize=1)
def _families() -> list[str]:
    """Fonts that are here, the first one first."""
    installed = set(font_manager.fontManager.get_font_names())
    return ["DejaVu Sans", *(name for name in _FONTS if name in installed)]


@lru_cache(maxsize=1)
def _letters() -> frozenset[int]:
    found: set[int] = set()
    for name in _families():
        path = font_manager.findfont(name, fallback_to_default=False)
        found.update(FT2Font(path).get_charmap())
    return frozenset(found)


def has_glyphs(text: str) -> bool:
    """Whether the fonts that are installed have all its letters.

    Arguments
    ---------
    text : str
        Any text.

    Returns
    -------
    bool
        False where boxes would be drawn.

    Example
    -------
    >>> has_glyphs("dog barking"), has_glyphs("\\U0010fffd")
    (True, False)
    """
    return all(ord(letter) in _letters() for letter in text)


def _thinned(curve, hop):
    """Edges and heights of at most `_COLUMNS` steps that keep the peaks."""
    group = -(-len(curve) // _COLUMNS)
    starts = np.arange(0, len(curve), group)
    heights = np.maximum.reduceat(curve, starts)
    edges = np.append(starts, len(curve)) * hop
    return edges, np.append(heights, heights[-1])
