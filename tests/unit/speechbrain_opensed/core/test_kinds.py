"""Each key of each recipe takes values of one kind."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from speechbrain_opensed.core.kinds import (
    MAY_BE_NULL,
    OF_KEY,
    check_kind,
    kind_of,
)

RECIPES = Path(__file__).resolve().parents[4] / "recipes"
YAMLS = sorted(RECIPES.glob("*/hparams/*.yaml"))
WRONG = {
    bool: ("no", "off", "false", "0", 0, 1, 1.0, None, [], {}),
    int: ("ten", "3", 2.5, True, False, [1], {"a": 1}),
    float: ("ten", "0.1", True, False, [0.1], {"a": 1}),
    str: (3, 0.5, True, False, ["a"], {"a": 1}),
    list: ("word", "a,b", 3, 0.5, True, {"a": 1}),
    dict: ("word", 3, 0.5, True, ["a"]),
    object: (True, False),
}
RIGHT = {
    bool: (True, False),
    int: (3,),
    float: (3, 0.5),
    str: ("a", "no"),
    list: ([],),
    dict: ({},),
    object: (),
}


def keys_of(path):
    return YAML().load(path.read_text())


def is_of_words(default):
    return all(isinstance(item, str) for item in default or ())


def names(path):
    return f"{path.parts[-3]}-{path.stem}"


@pytest.mark.parametrize("path", YAMLS, ids=names)
def test_no_key_takes_a_value_of_another_kind(path):
    defaults = keys_of(path)
    for key in defaults:
        kind = kind_of(key, defaults)
        assert kind is not None, f"{key}: say in OF_KEY what it takes"
        for value in WRONG[kind]:
            if kind is list and isinstance(value, str):
                if key == "held_out":
                    continue  # a file, which is looked for elsewhere
                if is_of_words(defaults[key]) and key != "augment":
                    assert check_kind(key, value, defaults) == [value]
                    continue
            if value is None and (key in MAY_BE_NULL or key in OF_KEY):
                continue
            with pytest.raises(ValueError, match=f"^--{key} is "):
                check_kind(key, value, defaults)
        for value in RIGHT[kind]:
            check_kind(key, value, defaults)


@pytest.mark.parametrize("path", YAMLS, ids=names)
def test_only_what_can_be_off_is_null(path):
    defaults = keys_of(path)
    for key, default in defaults.items():
        if default is None or key in MAY_BE_NULL or key in OF_KEY:
            check_kind(key, None, defaults)
        else:
            with pytest.raises(ValueError, match=f"^--{key} is None"):
                check_kind(key, None, defaults)


def test_tables_name_only_keys_that_there_are():
    there = {key for path in YAMLS for key in keys_of(path)}
    assert MAY_BE_NULL <= there and OF_KEY.keys() <= there


DEFAULTS = YAML().load("""
sizes: [1, 2]
words: [a]
nothing: []
augment: []
factors: {model.head: 2, model.tail: 0.5}
mixed: {name: x, count: 2, off: False}
number: !ref <rate> * 2
same: !ref <rate>
rate: 0.5
sampler: !name:collections.Counter
""")


@pytest.mark.parametrize(
    "key, value, words",
    [
        ("sizes", [1, 2.5], r"sizes\[1\] is 2.5, but has to be a whole"),
        ("sizes", "2", r"sizes is '2', but has to be a list, such as .2."),
        ("sizes", [True], r"sizes\[0\] is True"),
        ("words", ["a", 2], r"words\[1\] is 2, but has to be a text"),
        ("nothing", [1], r"nothing\[0\] is 1, but has to be a text"),
        ("factors", {"model.head": "two"}, r"factors\[model.head\] is 'two'"),
        ("factors", {"new": "no"}, r"factors\[new\] is 'no', but has to be a"),
        ("mixed", {"off": "no"}, r"mixed\[off\] is 'no'"),
        ("mixed", {"count": 0.5}, r"mixed\[count\] is 0.5"),
        ("same", "fast", "same is 'fast', but has to be a number"),
        ("sampler", "x", "sampler is 'x', but has to be null, or be built"),
    ],
)
def test_what_is_inside_is_compared_as_well(key, value, words):
    with pytest.raises(ValueError, match=words):
        check_kind(key, value, DEFAULTS)


@pytest.mark.parametrize(
    "key, value",
    [
        ("sizes", [3]),
        ("factors", {"new": 3}),
        ("mixed", {"new": "anything", "off": True}),
        ("augment", [1]),
        ("number", 4),
        ("same", 1),
        ("sampler", DEFAULTS["sampler"]),
    ],
)
def test_what_fits_is_taken(key, value):
    check_kind(key, value, DEFAULTS)


def test_some_arguments_of_what_is_built_may_be_given():
    """HyperPyYAML merges a mapping with the one under a tag."""
    defaults = keys_of(RECIPES / "FlexSED/hparams/event_bank.yaml")
    some = {"num_jobs": 1, "snr": [0.0, 5.0]}
    assert check_kind("prepare", some, defaults) == some
    for wrong in ({"num_jobs": "two"}, {"snr": "loud"}, {"snr": ["a", "b"]}):
        (name,) = wrong
        with pytest.raises(ValueError, match=rf"^--prepare\[{name}\]"):
            check_kind("prepare", wrong, defaults)
