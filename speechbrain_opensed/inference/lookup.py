"""Find moments by a vector: candidates from graphs, the truth from frames.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from speechbrain_opensed.inference.index_part import Entry, Part
from speechbrain_opensed.inference.moments import grow_span, quantize
from speechbrain_opensed.inference.spaces import SoundSpace

__all__ = ["Candidate", "Hit", "Lookup"]

# Candidates of each part at first, and how many times more where these were
# not enough.
_CANDIDATES, _MORE = 64, 4
# A graph looks at least at so many, and at so many times the candidates.
_LEAST_SEEN, _SEEN = 512, 2
# What is heard again so soon is one event.
_GAP_SECONDS = 0.3


@dataclass(frozen=True)
class Hit:
    """A moment that was found.

    Arguments
    ---------
    path : str
        The file.
    onset, offset : float
        From when to when, in seconds.
    score : float
        Probability that the text fits at the best frame, by the model; of
        examples and of models without probabilities: the similarity, from 0.
    similarity : float
        Cosine of the vectors of that frame, or window, and of what was
        looked for.

    Example
    -------
    >>> Hit("yard.wav", 3.2, 4.1, score=0.9, similarity=0.8).onset
    3.2
    """

    path: str
    onset: float
    offset: float
    score: float
    similarity: float


@dataclass(frozen=True)
class Candidate:
    """A run or window, and how well it fits at its best frame.

    Arguments
    ---------
    similarity : float
        At the best frame.
    part, row : int
        Its part, and the file in it.
    first, end : int
        Its frames in the file.
    key : int
        Its number in the part.
    peak : int
        The best frame.

    Example
    -------
    >>> Candidate(0.8, 0, 0, 5, 9, 3, peak=7).peak
    7
    """

    similarity: float
    part: int
    row: int
    first: int
    end: int
    key: int
    peak: int


class Lookup:
    """Answers queries from the parts of an index.

    Arguments
    ---------
    root : Path
        The recordings' folder.
    parts : sequence of Part
        The index.
    space : SoundSpace
        The model.
    level : str
        `moment` or `window`.
    top : int
        Moments for each query, at most.
    least : float, optional
        Leave out what has a lower score.

    Example
    -------
    >>> Lookup(Path("yard"), [], SoundSpace(), "window", 3).find(np.ones(8))
    []
    """

    def __init__(
        self,
        root: Path,
        parts: Sequence[Part],
        space: SoundSpace,
        level: str,
        top: int,
        least: float | None = None,
    ):
        self.root, self.parts, self.space = root, parts, space
        self.level, self.top, self.least = level, top, least
        frames = sum(part.counts["frames"] for part in parts)
        self._mean = sum(
            part.mean * (part.counts["frames"] / max(1, frames))
            for part in parts
        )

    def find(
        self, direction: np.ndarray, query: Tensor | None = None
    ) -> list[Hit]:
        """The moments that are most similar to a vector.

        Arguments
        ---------
        direction : np.ndarray
            `[dim]`, of norm 1.
        query : torch.Tensor, optional
            What the model scores it with; None: similarities are scores.

        Returns
        -------
        list of Hit
            Best first; those of one file do not overlap.
        """
        direction = np.asarray(direction, np.float32)
        count = max(_CANDIDATES, 4 * self.top)
        while True:
            found, all_seen = self.candidates(direction, count)
            hits, enough = self._distinct(found, direction, query)
            if enough or all_seen:
                return hits
            count *= _MORE

    def candidates(
        self, direction: np.ndarray, count: int
    ) -> tuple[list[Candidate], bool]:
        """Runs or windows near a vector, as they are before they grow.

        Arguments
        ---------
        direction : np.ndarray
            `[dim]`, of norm 1.
        count : int
            How many to take from each part.

        Returns
        -------
        list of Candidate
            Best first.
        bool
            Whether that is all there is.
        """
        found, all_seen = [], True
        (whole,), _ = quantize(direction[None])
        for number, part in enumerate(self.parts):
            graph = part.graph(self.level)
            if not len(graph):
                continue
            wanted = min(count, len(graph))
            all_seen = all_seen and wanted == len(graph)
            graph.expansion_search = max(_LEAST_SEEN, _SEEN * wanted)
            keys = np.sort(graph.search(whole, wanted, threads=1).keys)
            spans = part.spans(self.level)[keys]
            for key, (row, first, frames) in zip(
                keys.tolist(), spans.tolist(), strict=True
            ):
                if row in part.dead:
                    continue
                at = (number, row, first, first + frames)
                found.append(self._measured(at, key, direction))
        found.sort(key=lambda one: -one.similarity)
        return found, all_seen

    def _measured(self, at, key, direction):
        """How well a candidate fits, at its best frame."""
        number, row, first, end = at
        part = self.parts[number]
        if self.level == "window":
            vector = part.windows[key].astype(np.float32)
            cosine = vector @ direction / max(np.linalg.norm(vector), 1e-9)
            return Candidate(float(cosine), *at, key, first)
        begin = part.entries[row].first
        track = part.frames_of(begin + first, begin + end) @ direction
        best = int(track.argmax())
        return Candidate(float(track[best]), *at, key, first + best)

    def _distinct(self, found, direction, query):
        """The best ones that do not overlap; whether there are enough."""
        hits: list[Hit] = []
        taken: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for one in found:
            spans = taken.setdefault((one.part, one.row), [])
            if any(_meet(span, (one.peak, one.peak + 1)) for span in spans):
                continue
            span = (one.first, one.end)
            if self.level == "moment":
                span = self._grown(one, direction)
            if any(_meet(span, other) for other in spans):
                continue
            spans.append(span)
            hit = self._hit(one, span, query)
            if self.least is not None and hit.score < self.least:
                return hits, True
            hits.append(hit)
            if len(hits) == self.top:
                return hits, True
        return hits, False

    def _grown(self, one, direction):
        """From where to where it is heard.

        As far as the similarity stays above the middle between its peak and
        what the index sounds like on average.
        """
        part = self.parts[one.part]
        entry = part.entries[one.row]
        middle = (one.similarity + float(self._mean @ direction)) / 2
        return grow_span(
            lambda a, b: (
                part.frames_of(entry.first + a, entry.first + b) @ direction
            ),
            one.peak,
            entry.frames,
            min(middle, one.similarity),
            round(_GAP_SECONDS / self.space.spec.hop_seconds),
        )

    def _hit(self, one, span, query):
        part = self.parts[one.part]
        entry: Entry = part.entries[one.row]
        score = min(1.0, max(0.0, one.similarity))
        if query is not None:
            score = self._score(part, entry, one, query)
        hop = self.space.spec.hop_seconds
        return Hit(
            str(self.root / entry.name),
            round(span[0] * hop, 6),
            round(min(span[1] * hop, entry.seconds), 6),
            score,
            one.similarity,
        )

    def _score(self, part, entry, one, query):
        if self.level == "moment":
            at = entry.first + one.peak
            vector = part.frames_of(at, at + 1)
        else:
            vector = part.windows[one.key][None].astype(np.float32)
            vector /= max(np.linalg.norm(vector), 1e-9)
        tensor = torch.from_numpy(np.ascontiguousarray(vector))
        return float(self.space.scores(self.level, tensor, query)[0])


def _meet(one, other):
    return one[0] < other[1] and other[0] < one[1]
