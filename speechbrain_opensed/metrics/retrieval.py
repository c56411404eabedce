"""Retrieval between clips and captions, any number of captions to a clip.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from speechbrain_opensed.metrics.summary import Stats, as_array

__all__ = ["RetrievalStats", "retrieval_ranks", "retrieval_scores"]

DEPTHS = (1, 5, 10, 50)
# How many entries of the matrix are compared at a time.
_MAX_PAIRS = 1 << 24


def retrieval_ranks(
    similarity: np.ndarray, owners: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where each caption finds its clip, and its clip finds it.

    What is as similar as the right answer comes before it, so that a model
    for which everything is alike does not look like a good one.

    Arguments
    ---------
    similarity : np.ndarray
        `[clips, captions]`.
    owners : np.ndarray
        The clip of each caption, int `[captions]`. A clip may have any
        number of captions; without one it is only something to be confused
        with.

    Returns
    -------
    np.ndarray
        From text to audio: place of the right clip among all clips, from 0
        on, `[captions]`.
    np.ndarray
        From audio to text: place of each caption among all captions in the
        list of its clip, `[captions]`.

    Raises
    ------
    ValueError
        If shapes do not fit, or a similarity is no number.

    Example
    -------
    >>> similarity = np.array([[0.9, 0.5, 0.4], [0.8, 0.3, 0.7]])
    >>> retrieval_ranks(similarity, np.array([0, 0, 1]))
    (array([0, 0, 0]), array([0, 1, 1]))
    """
    similarity, owners = np.asarray(similarity), np.asarray(owners)
    clips, captions = _checked(similarity, owners)
    own = similarity[owners, np.arange(captions)]
    to_audio = (similarity >= own).sum(axis=0) - 1
    # The captions of a clip from its best on.
    order = np.lexsort((-own, owners))
    counts = np.bincount(owners, minlength=clips)
    place = np.empty(captions, np.int64)
    place[order] = np.arange(captions) - np.repeat(
        np.cumsum(counts) - counts, counts
    )
    before = np.empty(captions, np.int64)
    step = max(1, _MAX_PAIRS // captions)
    for first in range(0, captions, step):
        part = slice(first, first + step)
        foreign = owners != owners[part, None]
        foreign &= similarity[owners[part]] >= own[part, None]
        before[part] = foreign.sum(axis=1)
    return to_audio, before + place


def retrieval_scores(
    similarity: np.ndarray, owners: np.ndarray
) -> dict[str, float]:
    """Recalls, ranks and mean average precision, both ways.

    Of a clip's captions, from audio to text, the best placed counts for
    recall and rank; the average precision takes all of them, over the first
    ten places.

    Arguments
    ---------
    similarity : np.ndarray
        `[clips, captions]`.
    owners : np.ndarray
        The clip of each caption, int `[captions]`.

    Returns
    -------
    dict[str, float]
        `T2A_` and `A2T_` with `R@1`, `R@5`, `R@10`, `R@50` and `mAP10`, from
        0 to 1, and `medR` and `meanR`, from 1 on.

    Raises
    ------
    ValueError
        If shapes do not fit, or a similarity is no number.

    Example
    -------
    >>> similarity = np.array([[0.9, 0.5, 0.4], [0.8, 0.3, 0.7]])
    >>> scores = retrieval_scores(similarity, np.array([0, 0, 1]))
    >>> scores["T2A_R@1"], scores["A2T_R@1"], scores["A2T_mAP10"]
    (1.0, 0.5, 0.75)
    """
    owners = np.asarray(owners)
    to_audio, to_text = retrieval_ranks(similarity, owners)
    counts = np.bincount(owners)
    order = np.lexsort((to_text, owners))
    firsts = (np.cumsum(counts) - counts)[counts > 0]
    found = np.arange(1, len(owners) + 1) - np.repeat(
        np.cumsum(counts) - counts, counts
    )
    ranks = to_text[order]
    precision = np.where(ranks < 10, found / (ranks + 1), 0.0)
    counts = counts[counts > 0]
    average = np.add.reduceat(precision, firsts) / np.minimum(counts, 10)
    return {
        **_summary("T2A", to_audio),
        "T2A_mAP10": float(
            np.where(to_audio < 10, 1 / (to_audio + 1), 0).mean()
        ),
        **_summary("A2T", ranks[firsts]),
        "A2T_mAP10": float(average.mean()),
    }


def _checked(similarity, owners):
    if similarity.ndim != 2 or owners.shape != similarity.shape[1:]:
        raise ValueError(
            f"similarity {list(similarity.shape)} for owners "
            f"{list(owners.shape)}: give [clips, captions] and [captions]"
        )
    clips, captions = similarity.shape
    if captions == 0:
        raise ValueError("there are no captions: nothing to retrieve")
    if owners.min() < 0 or owners.max() >= clips:
        raise ValueError(
            f"owners go from {owners.min()} to {owners.max()}: there are "
            f"{clips} clips"
        )
    if not np.isfinite(similarity).all():
        clip, caption = np.argwhere(~np.isfinite(similarity))[0]
        raise ValueError(
            f"the similarity of clip {clip} and caption {caption} is "
            f"{similarity[clip, caption]}: the model gives no numbers"
        )
    return clips, captions


def _summary(direction, ranks):
    values = {f"R@{depth}": (ranks < depth).mean() for depth in DEPTHS}
    values["medR"] = np.floor(np.median(ranks)) + 1
    values["meanR"] = ranks.mean() + 1
    return {
        f"{direction}_{name}": float(value) for name, value in values.items()
    }


class RetrievalStats(Stats):
    """Collects embeddings of clips and captions, then retrieves.

    Example
    -------
    >>> stats = RetrievalStats()
    >>> stats.append(["a", "b"], np.eye(2), np.eye(2)[[0, 0, 1]], [2, 1])
    >>> stats.summarize("A2T_mAP10"), stats.summarize("captions")
    (1.0, 3)
    """

    def clear(self) -> None:
        """Forget everything."""
        self.ids: list[str] = []
        self.counts: list[int] = []
        self._clips: list[np.ndarray] = []
        self._captions: list[np.ndarray] = []
        self.summary: dict[str, float] = {}

    def append(
        self,
        ids: Sequence[str],
        clips: Any,
        captions: Any,
        counts: Iterable[int],
    ) -> None:
        """Add a batch.

        Arguments
        ---------
        ids : Sequence[str]
            Names of the clips.
        clips : torch.Tensor | np.ndarray
            `[batch, dim]`; the length of an embedding does not matter.
        captions : torch.Tensor | np.ndarray
            Those of the first clip, of the second, ...: `[captions, dim]`.
        counts : Iterable[int]
            How many of them each clip has, `[batch]`.

        Raises
        ------
        ValueError
            If a clip came before, or numbers do not agree.
        """
        counts = [int(count) for count in counts]
        twice = set(ids) & set(self.ids)
        if twice or len(set(ids)) < len(ids):
            raise ValueError(f"clips came twice, such as {min(twice or ids)!r}")
        if not len(ids) == len(clips) == len(counts):
            raise ValueError(
                f"{len(ids)} ids, {len(clips)} clips and {len(counts)} counts: "
                "give each clip one of each"
            )
        if sum(counts) != len(captions):
            raise ValueError(
                f"{len(captions)} captions where the counts make {sum(counts)}"
            )
        self.ids += ids
        self.counts += counts
        self._clips.append(_unit(as_array(clips)))
        self._captions.append(_unit(as_array(captions)))

    def compute(self) -> dict[str, float]:
        """Retrieve.

        Returns
        -------
        dict[str, float]
            The numbers of :func:`retrieval_scores`, `clips` and `captions`.

        Raises
        ------
        ValueError
            If there is no caption.
        """
        if not sum(self.counts):
            raise ValueError(
                f"{len(self.ids)} clips without a caption: nothing to retrieve"
            )
        clips = np.concatenate(self._clips)
        captions = np.concatenate(self._captions)
        owners = np.repeat(np.arange(len(clips)), self.counts)
        return {
            **retrieval_scores(clips @ captions.T, owners),
            "clips": len(clips),
            "captions": len(captions),
        }


def _unit(rows):
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(norms, 1e-12)
