"""Runs of frames, vectors of eight bits, and how far a moment reaches."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from speechbrain_opensed.inference.moments import (
    RunCutter,
    grow_span,
    quantize,
)


def test_eight_bits_keep_cosines():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(200, 1024))
    vectors[3] = 0
    whole, scales = quantize(vectors)
    assert whole.dtype == np.int8 and np.abs(whole).max() == 127
    back = whole * scales[:, None]
    assert (back[3] == 0).all()
    keep = np.arange(200) != 3
    cosine = (back * vectors).sum(1)[keep] / (
        np.linalg.norm(back, axis=1) * np.linalg.norm(vectors, axis=1)
    )[keep]
    assert cosine.min() > 0.9998


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=60),
    st.integers(1, 12),
    st.integers(1, 9),
)
def test_runs_do_not_depend_on_blocks(kinds, longest, block):
    frames = np.eye(4, dtype=np.float32)[kinds] * 3
    cutter = RunCutter(0.9, longest)
    runs = []
    for at in range(0, len(frames), block):
        runs += cutter.push(frames[at : at + block])
    runs += cutter.flush()
    # They cover all frames, in order, each of one kind, none too long.
    expected, first = [], 0
    for at in range(1, len(kinds) + 1):
        full = at - first == longest
        if at == len(kinds) or kinds[at] != kinds[first] or full:
            expected.append((first, at - first, kinds[first]))
            first = at
    assert [(f, c, int(v.argmax())) for f, c, v in runs] == expected
    assert all(np.isclose(np.linalg.norm(v), 1) for _, _, v in runs)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.booleans(), min_size=1, max_size=300),
    st.data(),
    st.integers(0, 5),
)
def test_spans_are_those_of_a_plain_walk(heard, data, gap):
    peak = data.draw(st.integers(0, len(heard) - 1))
    heard[peak] = True
    track = np.array(heard, float)

    def walk(step):
        last, at = peak, peak
        while 0 <= at + step < len(heard) and abs(at - last) <= gap:
            at += step
            if heard[at] and abs(at - last) <= gap + 1:
                last = at
        return last

    found = grow_span(lambda a, b: track[a:b], peak, len(heard), 0.5, gap)
    assert found == (walk(-1), walk(1) + 1)
