"""Builds a phrase bank from a vocabulary and other people's phrases.

FineLAP (https://arxiv.org/abs/2604.01155), section 3: the classes of a
vocabulary are centroids, and a phrase goes to the nearest one. Here other
spellings are recognised first, and what is near to none stays alone.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from lhotse_recipes.vocabulary import Vocabulary
from speechbrain_opensed.dataio.phrases.bank import PhraseBank

__all__ = ["Assignment", "build_bank"]


@dataclass(frozen=True)
class Assignment:
    """Where a phrase went that is no spelling of a class.

    Arguments
    ---------
    phrase : str
        The phrase.
    nearest : str
        The class that is nearest to it.
    similarity : float
        Cosine of the two embeddings.
    joined : bool
        Whether it is near enough to join; else it is a cluster of its own.

    Example
    -------
    >>> print(Assignment("dog woofing", "Bark", 0.81, True))
    dog woofing -> Bark (0.81)
    """

    phrase: str
    nearest: str
    similarity: float
    joined: bool

    def __str__(self) -> str:
        verdict = "->" if self.joined else "alone, nearest is"
        return f"{self.phrase} {verdict} {self.nearest} ({self.similarity:.2f})"


def build_bank(
    vocabulary: Vocabulary,
    phrases: Sequence[str],
    text_encoder: Callable[[list[str]], torch.Tensor],
    min_similarity: float = 0.7,
) -> tuple[PhraseBank, list[Assignment]]:
    """Clusters phrases around the classes of a vocabulary.

    Arguments
    ---------
    vocabulary : Vocabulary
        Each label names a cluster, which holds its phrase too.
    phrases : sequence of str
        Further phrases: labels of other corpora, queries of users.
    text_encoder : callable
        From a list of phrases to embeddings `[phrases, dim]`.
    min_similarity : float
        Least cosine with which a phrase joins its nearest class.

    Returns
    -------
    PhraseBank
        The bank.
    list of Assignment
        What was decided by similarity, least certain first.

    Raises
    ------
    ValueError
        If a phrase is empty or the similarity no cosine.

    Example
    -------
    >>> from speechbrain_opensed.lobes.text.encoders import HashTextEncoder
    >>> vocabulary = Vocabulary.from_labels(["dog_bark", "rain"], "mine")
    >>> bank, decided = build_bank(
    ...     vocabulary, ["Rain", "dog barks", "wind"], HashTextEncoder(), 0.3
    ... )
    >>> bank.clusters["dog_bark"], bank.clusters["rain"]
    (('dog_bark', 'dog bark', 'dog barks'), ('rain', 'Rain'))
    >>> bank.clusters["wind"]
    ('wind',)
    """
    if not -1 <= min_similarity <= 1:
        raise ValueError(
            f"min_similarity {min_similarity} is no cosine: give -1 to 1"
        )
    blank = [i for i, phrase in enumerate(phrases) if not phrase.strip()]
    if blank:
        raise ValueError(f"phrase {blank[0]} is empty: remove it")
    clusters = {e.label: [e.label, e.phrase] for e in vocabulary.entries}
    spelled = PhraseBank(clusters)
    strangers = []
    for phrase in dict.fromkeys(phrases):
        home = spelled.cluster_of(phrase)
        if home is None:
            strangers.append(phrase)
        else:
            clusters[home].append(phrase)
    decided = []
    if strangers:
        centroids = [e.phrase.replace("_", " ") for e in vocabulary.entries]
        with torch.no_grad():
            table = F.normalize(text_encoder(centroids).float(), dim=-1)
            rows = text_encoder([p.replace("_", " ") for p in strangers])
            cosines = F.normalize(rows.float(), dim=-1) @ table.T
        best = cosines.max(dim=1)
        for phrase, value, i in zip(
            strangers, best.values.tolist(), best.indices.tolist(), strict=True
        ):
            label = vocabulary.labels[i]
            joined = value >= min_similarity
            decided.append(Assignment(phrase, label, value, joined))
            clusters.setdefault(label if joined else phrase, []).append(phrase)
    decided.sort(key=lambda one: one.similarity)
    return PhraseBank(clusters), decided
