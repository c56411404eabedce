"""Held-out classes, and a few clips of each to learn them from.

FlexSED (https://arxiv.org/abs/2509.18606), section 4: classes are held out
of training, then a model is fine-tuned on k clips of each.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
from lhotse import CutSet
from lhotse.cut import Cut

from lhotse_recipes.io import read_text
from lhotse_recipes.schema import events_of, label_of
from lhotse_recipes.vocabulary import Vocabulary

__all__ = ["few_shot", "read_labels"]


def read_labels(
    source: Iterable[str] | str | Path, vocabulary: Vocabulary
) -> list[str]:
    """A list of classes, given as such or as a file with one per line.

    Arguments
    ---------
    source : iterable of str, str or Path
        Labels, MIDs or phrases, or a text file of them.
    vocabulary : Vocabulary
        Where they have to be.

    Returns
    -------
    list of str
        Labels.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a class is not in the vocabulary, or the file is no text.

    Example
    -------
    >>> table = Vocabulary.load("audioset_strong")
    >>> read_labels(["/m/0bt9lr", "Siren"], table)
    ['Dog', 'Siren']
    """
    if isinstance(source, (str, Path)):
        path = Path(source)
        if not path.is_file():
            raise FileNotFoundError(
                f"no list of classes at {path}: give a file with one class "
                "per line, or the classes as ['a', 'b']"
            )
        lines = read_text(path).splitlines()
        source = [line.strip() for line in lines if line.strip()]
    return [vocabulary.label_of(text) for text in source]


def few_shot(
    cuts: Iterable[Cut], labels: Collection[str], shots: int, seed: int
) -> tuple[CutSet, dict[str, int]]:
    """Chooses clips that hold each of some classes.

    Arguments
    ---------
    cuts : iterable of Cut
        Clips with events.
    labels : collection of str
        The classes.
    shots : int
        Clips of each; where there are fewer, all of them.
    seed : int
        Of the choice.

    Returns
    -------
    cuts : CutSet
        The clips, each once, in their order.
    counts : dict
        Clips chosen for each class.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from lhotse_recipes.schema import event
    >>> bark = event("r", 0, 0, 1, "bark", "Bark")
    >>> cuts = [dummy_cut(i, supervisions=[bark]) for i in range(5)]
    >>> chosen, counts = few_shot(cuts, ["Bark", "Meow"], 2, seed=0)
    >>> len(chosen), counts
    (2, {'Bark': 2, 'Meow': 0})
    """
    cuts = list(cuts)
    holders: dict[str, list[int]] = {label: [] for label in labels}
    for index, cut in enumerate(cuts):
        for label in {label_of(event) for event in events_of(cut)}:
            if label in holders:
                holders[label].append(index)
    chosen, counts = set(), {}
    for number, label in enumerate(sorted(holders)):
        rng = np.random.default_rng([seed, number])
        picked = rng.permutation(holders[label])[:shots]
        counts[label] = len(picked)
        chosen.update(picked.tolist())
    return CutSet.from_cuts(cuts[i] for i in sorted(chosen)), counts
