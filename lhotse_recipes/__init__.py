"""Lhotse recipes and soundscape synthesis for sound event detection.

>>> from lhotse_recipes import prepare_event_bank
"""

from typing import Any

from lhotse_recipes._moved import MOVED, redirect
from lhotse_recipes.registry import DATASETS

_FUNCTIONS = {
    f"{verb}_{dataset.module}": (verb, dataset)
    for dataset in DATASETS
    for verb in (("prepare", "download") if dataset.download else ("prepare",))
}

__all__ = list(_FUNCTIONS)

redirect(__name__, MOVED)


def __getattr__(name: str) -> Any:
    # Importing Lhotse takes seconds; a command line's --help must not wait.
    if name not in _FUNCTIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    verb, dataset = _FUNCTIONS[name]
    return dataset.function(verb)


def __dir__() -> list[str]:
    return sorted({*globals(), *_FUNCTIONS})
