"""Neighbours of the phrases of a procedural bank, by rule.

Each word of "high pulsing bell" has words that mean nearly the same and occur
in no phrase of the bank: "high throbbing chime" is near it, and names none of
the bank's sounds.

Authors
 * The speechbrain-opensed contributors 2026
"""

import itertools
from collections.abc import Iterable

from lhotse_recipes.soundscapes import ProceduralBank
from speechbrain_opensed.language.neighbors import Neighbors

__all__ = ["SYNONYMS", "procedural_neighbors"]

SYNONYMS = {
    "low": ("deep", "bass"),
    "mid": ("medium", "middle"),
    "high": ("shrill", "treble"),
    "steady": ("constant", "sustained"),
    "pulsing": ("throbbing", "beating"),
    "rising": ("ascending", "climbing"),
    "falling": ("descending", "sinking"),
    "warbling": ("wavering", "quavering"),
    "tone": ("whistle", "beep"),
    "buzz": ("drone", "hum"),
    "bell": ("chime", "gong"),
    "hiss": ("noise", "rustle"),
    "horn": ("hoot", "trumpet"),
}
"""Words of the bank, and others for them that are not in it."""


def procedural_neighbors(
    phrases: Iterable[str] | None = None, number: int = 10
) -> Neighbors:
    """Phrases that mean nearly the same as those of a `ProceduralBank`.

    One word is exchanged first, then two, then all three; which word is
    exchanged takes turns.

    Arguments
    ---------
    phrases : iterable of str, optional
        Phrases of the bank; all by default.
    number : int
        Neighbours of each, up to 26.

    Returns
    -------
    neighbors : Neighbors
        No two classes have one in common, and none names another phrase of
        the bank.

    Raises
    ------
    ValueError
        If a phrase is not of the bank, or there are not so many neighbours.

    Example
    -------
    >>> near = procedural_neighbors(["high pulsing bell"], number=4)
    >>> near.of("high pulsing bell")[:3]
    ('high pulsing chime', 'high throbbing bell', 'shrill pulsing bell')
    """
    known = ProceduralBank().phrases
    chosen = known if phrases is None else tuple(dict.fromkeys(phrases))
    strangers = [phrase for phrase in chosen if phrase not in known]
    if strangers:
        raise ValueError(
            f"no phrases of the procedural bank: {', '.join(strangers)}; one "
            f"is {known[0]!r}"
        )
    ways = [len(SYNONYMS[word]) + 1 for word in known[0].split()]
    # Numbers of the words, 0 being the bank's own.
    variants = sorted(
        itertools.product(*map(range, ways)),
        key=lambda picked: (sum(map(bool, picked)), max(picked), picked),
    )[1:]
    if not 1 <= number <= len(variants):
        raise ValueError(
            f"{number} neighbours of each phrase: ask for 1 to {len(variants)}"
        )
    return Neighbors(
        "procedural",
        {
            phrase: tuple(
                " ".join(
                    (word, *SYNONYMS[word])[k]
                    for word, k in zip(phrase.split(), picked, strict=True)
                )
                for picked in variants[:number]
            )
            for phrase in chosen
        },
        {
            "method": "rules",
            "author": "The speechbrain-opensed contributors",
            "date": "2026-11-20",
        },
    )
