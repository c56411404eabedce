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

    :param module: name of the module in `corpora`.
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
        module = importlib.import_module(
            f"lhotse_recipes.corpora.{self.module}"
        )
        return getattr(module, f"{verb}_{self.module}")


DATASETS = (
    Dataset("audioset_strong", "AudioSet clips with timed events.", True),
    Dataset("event_bank", "Your own recordings of single sound events."),
    Dataset("beijing_opera", "Strokes of four percussion instruments.", True),
    Dataset("crema_d", "Acted sentences in six emotions."),
    Dataset("esc50", "Environmental sounds of 50 classes.", True),
    Dataset("fsd50k", "Freesound clips with any of 200 classes.", True),
    Dataset("gtzan", "Music of ten genres (GT-Music-Genre)."),
    Dataset("ns_instruments", "NSynth's notes by instrument.", True),
    Dataset("ravdess", "Speech and song in eight emotions.", True),
    Dataset("serst", "Captioned clips with reference sounds."),
    Dataset("sesa", "Sounds for surveillance, four classes.", True),
    Dataset("tut2017", "Acoustic scenes, 15 classes.", True),
    Dataset("urbansound8k", "Urban sounds of ten classes.", True),
    Dataset("vggsound", "YouTube clips with one of 309 classes.", True),
    Dataset("vocalsound", "Human vocal sounds of six kinds."),
    Dataset("audiocaps", "AudioSet clips with captions.", True),
    Dataset("audiogrounding", "Phrases of captions with their times.", True),
    Dataset("audiosetcaps", "AudioSet clips with generated captions."),
    Dataset("clotho", "Freesound clips with five captions each.", True),
    Dataset("desed", "Domestic sounds, weakly and strongly labelled.", True),
    Dataset("finelap", "FineLAP's metadata: captions and timed phrases."),
    Dataset("sed_tables", "Your own annotations: tsv, Audacity, Praat, JAMS."),
    Dataset("urbansed", "Synthetic urban soundscapes with events.", True),
    Dataset("wavcaps", "400 000 recordings with generated captions.", True),
)
