"""References may be joined and counted with, and grow to a bounded size."""

import pytest
from ruamel.yaml import YAML

from speechbrain_opensed.inference.yaml_growth import LARGEST, check_growth


@pytest.mark.parametrize(
    "text",
    [
        "a: 2\nb: !ref <a> * <a>\nc: !ref <b> * 2 + <a> % 2",
        "a: x\nb: !ref <a>/weights\nc: [!ref <b>, !ref <b>]",
        "a: {b: 1, c: 2}\nd: !ref <a[b]> * <a[c]>\ne: !ref <a>",
        "a: '*.wav'\nb: !ref <a>",
        "a:\n  b: 1\n  c: !ref <a[b]>",
        "a: &x [1, 2]\nb: *x\nc: !ref <b>",
        "a: don't\nb: !ref <a>/<a>",
    ],
)
def test_what_models_write(text):
    check_growth(YAML().compose(text), "m.yaml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: !ref <b>\nb: [!ref <a>]", "circle: a -> b"),
        ("a:\n  b: !ref <a[c]>\n  c: !ref <a[b]>", "circle: a -> a"),
        ("a: !ref <a[b]>", "circle: a -> a"),
        ("a: {b: 1, c: !ref <a>}", "circle"),
        (f"a: {'x' * 3_000_000}\nb: [!ref <a>, !ref <a>]", "b refers to too"),
        (
            "".join(f"a{n}: !ref <a{n + 1}>\n" for n in range(90)),
            "go too deep",
        ),
        ("a: '*'\nb: !ref 9<a><a>9", "line 2: powers"),
    ],
)
def test_what_is_refused(text, words):
    with pytest.raises(ValueError, match=rf"m.yaml.*{words}"):
        check_growth(YAML().compose(text), "m.yaml")
    assert LARGEST == 5_000_000
