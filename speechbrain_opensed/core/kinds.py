"""Which kinds of values the keys of a recipe's YAML take.

`no` for a switch is a text, and a text is true: an override has to be of its
default's kind, as deep as the default tells. What a key stands for whose
default tells nothing is in the tables here.

Authors
 * The speechbrain-opensed contributors 2026
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

__all__ = ["check_kind", "kind_of"]

NAMES = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a mapping",
    object: "null, or be built by a tag such as !new:module.Class",
}
#: Keys that are null in some recipe, or are computed there.
OF_KEY: dict[str, type] = {
    **dict.fromkeys(("epoch_cuts", "folds", "neighbor_subsample"), int),
    **dict.fromkeys(("ema_decay", "hop_seconds"), float),
    "sample_rate": int,
    **dict.fromkeys(
        ("background_labels", "vocabularies", "held_out"),
        list,
    ),
    **dict.fromkeys(
        (
            *("annotations_dir", "audio_root", "audio_table"),
            *("backgrounds_folder", "label_table", "ontology_file"),
            *("pretrained", "pretrained_encoder", "relations_file", "target"),
            *("tango_folder", "target_folder", "teacher", "text_aliases"),
            *("tokenizer", "towers_folder"),
        ),
        str,
    ),
}
#: What can be null although the recipe has something else: it is off then.
MAY_BE_NULL = {
    *("captions_cuts", "crop_seconds", "encoder_config", "encoder_tags"),
    *("mix", "phrases", "rank", "roberta", "unet_groups"),
    *("augment", "fit", "frame_cache", "lr_schedule", "prepare", "semi"),
}
# Lists may come as a file with one item per line.
_FILES = {"held_out"}
# Lists without an item whose items are no texts.
_OBJECTS = {"augment"}
# What is left of arithmetic without the keys that it is made of.
_ARITHMETIC = re.compile(r"[\d\s.*/+()-]*")
_COMPUTED = ("!apply:", "!tuple")


def _tag_of(value: Any) -> str:
    """The YAML tag that says what to build; of plain values there is none."""
    tag = getattr(getattr(value, "tag", None), "value", None)
    return tag if tag and not tag.startswith("tag:yaml.org") else ""


def kind_of(key: str, defaults: Mapping[str, Any]) -> type | None:
    """What a key of a recipe takes.

    Arguments
    ---------
    key : str
        A key at the top level.
    defaults : mapping
        The recipe's YAML, read by ruamel.yaml and not built.

    Returns
    -------
    type or None
        bool, int, float, str, list, dict; object: only what a tag builds;
        None: nobody can tell.

    Example
    -------
    >>> import ruamel.yaml
    >>> text = "width: 4\\nfile: !ref <folder>/x.csv\\nfolder: !PLACEHOLDER"
    >>> defaults = ruamel.yaml.YAML().load(text + "\\nema_decay: null")
    >>> [kind_of(key, defaults).__name__ for key in defaults]
    ['int', 'str', 'str', 'float']
    """
    default = defaults[key]
    tag = _tag_of(default)
    if tag == "!PLACEHOLDER":
        return str
    if tag == "!ref":
        words = re.sub(r"<[^<>]*>", "", default.value)
        only = re.fullmatch(r"<(\w+)>", default.value)
        if only and only[1] in defaults:
            return kind_of(only[1], defaults)
        return None if _ARITHMETIC.fullmatch(words) else str
    if tag or default is None:
        return OF_KEY.get(key, object if tag else None) or (
            object if key in MAY_BE_NULL else None
        )
    return next(kind for kind in NAMES if isinstance(default, kind))


def check_kind(key: str, value: Any, defaults: Mapping[str, Any]) -> Any:
    """Refuses an override of another kind than its default's.

    A word where the recipe has a list of words is the list of that one.

    Arguments
    ---------
    key : str
        A key at the top level.
    value : Any
        What is to replace its value.
    defaults : mapping
        The recipe's YAML, read by ruamel.yaml and not built.

    Returns
    -------
    Any
        The value.

    Raises
    ------
    ValueError
        Names the key and what it takes.

    Example
    -------
    >>> check_kind("width", 3, {"width": 4})
    3
    >>> check_kind("names", "dog", {"names": ["cat"]})
    ['dog']
    >>> check_kind("sizes", [1, "two"], {"sizes": [1, 2]})
    Traceback (most recent call last):
    ValueError: --sizes[1] is 'two', but has to be a whole number, such as 1
    """
    default, kind = defaults[key], kind_of(key, defaults)
    if _tag_of(value) or (
        value is None
        and (default is None or key in MAY_BE_NULL or key in OF_KEY)
    ):
        return value
    if default is None and isinstance(value, Mapping):
        raise ValueError(
            f"--{key} is a mapping, which HyperPyYAML merges with the "
            "default, but that is null: have the YAML say {}"
        )
    if _tag_of(default).startswith(_COMPUTED) and kind is object:
        # It may stand for a number: only a switch is none of it.
        if isinstance(value, bool) or value is None:
            raise ValueError(f"--{key} is {value}, but stands for a value")
        return value
    built = kind is object and isinstance(default, Mapping)
    if built and isinstance(value, Mapping):
        # Some arguments of what is built; HyperPyYAML keeps the others.
        _compare_values(key, value, default)
        return value
    known = None if _tag_of(default) else default
    if kind is list and isinstance(value, str):
        if key in _FILES:
            return value
        if _kind_of_items(key, known) is str:
            return [value]
    if kind is not None:
        _compare(key, value, known, kind)
    return value


def _compare(name: str, value: Any, default: Any, kind: type) -> None:
    allowed: tuple[type, ...] = (int, float) if kind is float else (kind,)
    right = isinstance(value, allowed) and (
        kind is bool or not isinstance(value, bool)
    )
    if kind is object or not right:
        raise ValueError(
            f"--{name} is {value!r}, but has to be {NAMES[kind]}"
            f"{_example(kind, value, default)}"
        )
    if kind is list:
        _compare_items(name, value, default)
    elif kind is dict:
        _compare_values(name, value, default or {})


def _example(kind: type, value: Any, default: Any) -> str:
    if kind in (int, float) and default is not None:
        return f", such as {default}"
    if kind is list:
        return f", such as [{value}]"
    return ""


def _kind_of_items(name: str, known: Any) -> type | None:
    if known:
        return _common(known)
    return None if name in _OBJECTS else str


def _compare_items(name: str, value: Sequence, known: Any) -> None:
    kind = _kind_of_items(name, known)
    if kind is not None:
        for place, item in enumerate(value):
            if not _tag_of(item):
                example = known[0] if known else None
                _compare(f"{name}[{place}]", item, example, kind)


def _compare_values(name: str, value: Mapping, default: Mapping) -> None:
    common = _common(list(default.values()))
    for word, item in value.items():
        known = default.get(word)
        kind = _plain(known) if known is not None else common
        if kind is not None and item is not None and not _tag_of(item):
            _compare(f"{name}[{word}]", item, known, kind)


def _common(values: Collection[Any]) -> type | None:
    """The kind that all have; whole numbers are numbers, too."""
    kinds = {_plain(value) for value in values}
    if kinds == {int, float}:
        return float
    return kinds.pop() if len(kinds) == 1 else None


def _plain(value: Any) -> type | None:
    if _tag_of(value) or value is None:
        return None
    return next((kind for kind in NAMES if isinstance(value, kind)), None)
