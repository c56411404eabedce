"""The corpora that have a recipe: one line each."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["DATASETS", "Dataset"]


@dataclass(frozen=True)
class Dataset:
    """
    A recipe module with ``prepare_<module>`` and perhaps ``download_<module>``.

    :param module: name of the module in this package.
    :param about: one line for the list of commands.
    :param download: whether the module can fetch the corpus.
    """

    module: str
    about: str
    download: bool = False

    def function(self, verb: str) -> Callable[..., Any]:
        """
        Import the recipe.

        :param verb: "prepare" or "download".
        :return: the function.
        """
        module = importlib.import_module(f"lhotse_recipes.{self.module}")
        return getattr(module, f"{verb}_{self.module}")


DATASETS = (
    Dataset("audioset_strong", "AudioSet clips with timed events."),
    Dataset("event_bank", "Your own recordings of single sound events."),
)
