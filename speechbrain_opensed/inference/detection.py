"""What was found in a recording, and how it is written.

Authors
 * The speechbrain-opensed contributors 2026
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lhotse_recipes.outputs import write_atomically
from speechbrain_opensed.inference import formats
from speechbrain_opensed.inference.event_builder import EventBuilder
from speechbrain_opensed.inference.events import SoundEvent, check_seconds
from speechbrain_opensed.metrics.filters import median_filter

if TYPE_CHECKING:
    import pandas

__all__ = ["Detection", "median_frames", "smooth"]

# The filter holds some ten copies of what it is given.
_COLUMNS_AT_ONCE = 16


def median_frames(median_seconds: float, hop_seconds: float) -> int:
    """The odd number of frames nearest to a span of time.

    Arguments
    ---------
    median_seconds : float
        Span.
    hop_seconds : float
        Length of a frame.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    ValueError
        If the span is negative, infinite or no number.

    Example
    -------
    >>> median_frames(0.36, 0.04), median_frames(0.0, 0.04)
    (9, 1)
    """
    if not 0 <= median_seconds < math.inf:
        raise ValueError(
            f"the span of the median filter is {median_seconds}: give "
            "seconds, 0 for none"
        )
    return max(1, 2 * round((median_seconds / hop_seconds - 1) / 2) + 1)


def smooth(
    scores: np.ndarray,
    median_seconds: float | Sequence[float] | np.ndarray,
    hop_seconds: float,
) -> np.ndarray:
    """Median-filter scores over a span of time.

    Arguments
    ---------
    scores : np.ndarray
        `[frames, phrases]`.
    median_seconds : float or sequence of float
        Span, of all or of each phrase; the nearest odd number of frames is
        taken.
    hop_seconds : float
        Length of a frame.

    Returns
    -------
    np.ndarray
        The same shape.

    Example
    -------
    >>> smooth(np.array([[0.0], [0.9], [0.1]]), 0.12, 0.04).ravel()
    array([0. , 0.1, 0.1])
    """
    spans = np.broadcast_to(median_seconds, scores.shape[1])
    result = np.empty_like(scores)
    for span in np.unique(spans):
        frames = median_frames(float(span), hop_seconds)
        columns = np.flatnonzero(spans == span)
        for first in range(0, len(columns), _COLUMNS_AT_ONCE):
            some = columns[first : first + _COLUMNS_AT_ONCE]
            result[:, some] = median_filter(scores[:, some], frames)
    return result


@dataclass(frozen=True, eq=False)
class Detection:
    """All that was found in one recording.

    Arguments
    ---------
    events : list of SoundEvent
        Sorted by onset.
    scores : np.ndarray
        `[frames, phrases]`, float32: the tracks that the threshold saw.
    phrases : list of str
        Their names.
    path : str
        The recording.
    duration : float
        Its length in seconds.
    hop_seconds : float
        Length of a frame.

    Example
    -------
    >>> found = Detection(
    ...     [SoundEvent("dog", 0.5, 1.0, 0.9)],
    ...     np.array([[0.1], [0.9]], "float32"),
    ...     ["dog"],
    ...     "street.wav",
    ...     duration=1.0,
    ...     hop_seconds=0.5,
    ... )
    >>> found.times
    array([0. , 0.5])
    >>> found.to_dict()["events"]
    [{'phrase': 'dog', 'onset': 0.5, 'offset': 1.0, 'score': 0.9}]
    """

    events: list[SoundEvent]
    scores: np.ndarray
    phrases: list[str]
    path: str
    duration: float
    hop_seconds: float

    @classmethod
    def from_scores(
        cls,
        scores: np.ndarray,
        phrases: Sequence[str],
        hop_seconds: float,
        duration: float,
        *,
        threshold: float | Mapping[str, float] = 0.5,
        median_seconds: float | Mapping[str, float] = 0.36,
        min_duration: float | Mapping[str, float] = 0.0,
        merge_gap: float | Mapping[str, float] = 0.0,
        path: str | Path = "",
        low_threshold: float | Mapping[str, float] | None = None,
    ) -> "Detection":
        """Smooth scores and turn them into events.

        Arguments
        ---------
        scores : np.ndarray
            Probabilities `[frames, phrases]`.
        phrases : sequence of str
            What its columns stand for.
        hop_seconds : float
            Length of a frame.
        duration : float
            Length of the recording in seconds.
        threshold : float or dict of phrase to float
            Score above which a frame belongs to an event.
        median_seconds : float or dict of phrase to float
            Span of the median filter over the scores; 0: none.
        min_duration : float or dict of phrase to float
            Shorter events are left out; seconds.
        merge_gap : float or dict of phrase to float
            Events of one phrase that are at most so far apart become one;
            seconds.
        path : str or Path
            The recording, for the record.
        low_threshold : float or dict of phrase to float, optional
            See :class:`~speechbrain_opensed.inference.event_builder.\
EventBuilder`.

        Returns
        -------
        Detection
            Events and filtered scores.

        Raises
        ------
        ValueError
            If a threshold or a duration makes no sense.
        """
        builder = EventBuilder(
            phrases,
            threshold,
            hop_seconds,
            min_duration=min_duration,
            merge_gap=merge_gap,
            low_threshold=low_threshold,
        )
        spans = check_seconds("median_seconds", median_seconds, phrases)
        scores = smooth(scores, spans, hop_seconds)
        found = builder.push(scores) + builder.finish(duration)
        return cls(
            events=sorted(found),
            scores=scores,
            phrases=list(phrases),
            path=str(path),
            duration=duration,
            hop_seconds=hop_seconds,
        )

    @property
    def times(self) -> np.ndarray:
        """Start of each frame in seconds, `[frames]`."""
        return np.arange(len(self.scores)) * self.hop_seconds

    def to_dict(self) -> dict:
        """Events and what they refer to, without the scores."""
        return {
            "path": self.path,
            "duration": self.duration,
            "phrases": list(self.phrases),
            "events": [
                {
                    "phrase": event.phrase,
                    "onset": event.onset,
                    "offset": event.offset,
                    "score": event.score,
                }
                for event in self.events
            ],
        }

    def to_tsv(self, path: str | Path) -> Path:
        """Write filename, onset, offset, event_label, score; see formats."""
        return self._write(path, "tsv")

    def to_json(self, path: str | Path) -> Path:
        """Write :meth:`to_dict` as JSON."""
        return self._write(path, "json")

    def to_jsonl(self, path: str | Path) -> Path:
        """Write :meth:`to_dict` as a line of JSON."""
        return self._write(path, "jsonl")

    def to_audacity(self, path: str | Path) -> Path:
        """Write a label track for Audacity (File, Import, Labels)."""
        return self._write(path, "audacity")

    def to_textgrid(self, path: str | Path) -> Path:
        """Write a TextGrid for Praat, one interval tier per phrase."""
        return self._write(path, "textgrid")

    def _write(self, path, format):
        return formats.write(path, formats.text_of([self], format))

    def to_dataframe(self) -> "pandas.DataFrame":
        """The events as a table: phrase, onset, offset, score."""
        import pandas

        columns = ["phrase", "onset", "offset", "score"]
        rows = [[getattr(one, c) for c in columns] for one in self.events]
        table = pandas.DataFrame(rows, columns=columns)
        return table.astype(dict.fromkeys(columns[1:], float))

    def to_csv(self, path: str | Path) -> Path:
        """Write :meth:`to_dataframe` as CSV."""
        return formats.write(path, self.to_dataframe().to_csv(index=False))

    def to_parquet(self, path: str | Path) -> Path:
        """Write :meth:`to_dataframe` as parquet; needs pyarrow."""
        with write_atomically(path, "wb") as file:
            self.to_dataframe().to_parquet(file, index=False)
        return Path(path)

    def to_raven(self, path: str | Path) -> Path:
        """Write a selection table for Raven."""
        return self._write(path, "raven")

    def to_labelstudio(self, path: str | Path) -> Path:
        """Write a task with predictions for Label Studio."""
        return self._write(path, "labelstudio")

    def to_vtt(self, path: str | Path) -> Path:
        """Write WebVTT captions, such as `[dog barking]`."""
        return self._write(path, "vtt")

    def to_srt(self, path: str | Path) -> Path:
        """Write SubRip captions."""
        return self._write(path, "srt")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Detection):
            return NotImplemented
        mine = (self.events, self.phrases, self.path, self.duration)
        return (
            mine == (other.events, other.phrases, other.path, other.duration)
            and self.hop_seconds == other.hop_seconds
            and np.array_equal(self.scores, other.scores)
        )

    def to_supervisions(self, recording_id: str | None = None) -> list:
        """The events as Lhotse supervisions of kind `event`.

        Arguments
        ---------
        recording_id : str, optional
            Their recording; default: the file's name without extension.

        Returns
        -------
        list of lhotse.SupervisionSegment
            One per event, its score as `confidence`.
        """
        from lhotse_recipes.schema import event

        recording_id = recording_id or Path(self.path).stem
        return [
            event(
                recording_id,
                index,
                found.onset,
                found.offset,
                phrase=found.phrase,
                label=found.phrase,
                confidence=found.score,
            )
            for index, found in enumerate(self.events)
        ]

    def to_cut(self) -> Any:
        """The recording as a Lhotse cut with the events found in it."""
        from lhotse import Recording

        recording = Recording.from_file(self.path)
        cut = recording.to_cut()
        cut.supervisions = self.to_supervisions(recording.id)
        return cut

    def plot(self, path: str | Path, **options: Any) -> Path:
        """Draw spectrogram and lanes.

        Arguments
        ---------
        path : str or Path
            `.png`, `.pdf` or `.svg` file.
        **options
            `audio`, the sound where it is not at `path` any more, and
            `threshold`, a line in each lane; see
            :func:`~speechbrain_opensed.plotting.figures.plot_detection`.

        Returns
        -------
        Path
            The figure's file.
        """
        from speechbrain_opensed.plotting.figures import plot_detection

        return plot_detection(self, path, **options)
