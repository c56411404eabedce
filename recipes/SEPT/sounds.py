"""Which sounds the small towers do not hear, and how others are worded.

Authors
 * The speechbrain-opensed contributors 2026
"""

import numpy as np

from lhotse_recipes.soundscapes import ProceduralBank
from speechbrain_opensed.dataio.sets.classes import bank_class_set
from speechbrain_opensed.language.procedural_neighbors import SYNONYMS


def held_out_phrases() -> list[str]:
    """Thirty of the 75 phrases: two of each register and pattern.

    Each of their words, and each pair of register and pattern, is in other
    phrases.
    """
    registers, patterns, timbres = ProceduralBank().words
    return [
        f"{register} {pattern} {timbres[(i + j + k) % len(timbres)]}"
        for i, register in enumerate(registers)
        for j, pattern in enumerate(patterns)
        for k in (0, 2)
    ]


def reworded(phrase: str, rng: np.random.Generator) -> str:
    """The phrase with some of its words exchanged for synonyms.

    So the text tower gets to know more words than those of the phrases.
    """
    return " ".join(
        str(rng.choice((word, *SYNONYMS[word]))) for word in phrase.split()
    )


def new_phrases(**options) -> list[str]:
    """The new half of a bank of recordings; see `bank_class_set`."""
    bank = bank_class_set(**options)
    return [bank.phrases[label] for label in bank.halves[1]]


def as_it_is(phrase: str, rng: np.random.Generator) -> str:
    """The phrase."""
    return phrase
