"""How often and how long each phrase was heard.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Sequence

import numpy as np

from speechbrain_opensed.inference.detection import Detection

__all__ = ["EventSummary"]

_HOUR = 3600.0


class EventSummary:
    """Counts events and their seconds, in all and hour by hour.

    Arguments
    ---------
    phrases : sequence of str
        What was looked for.

    Example
    -------
    >>> from speechbrain_opensed.inference.events import SoundEvent
    >>> summary = EventSummary(["dog"])
    >>> bark = SoundEvent("dog", 0.5, 2.0, 0.9)
    >>> summary.add(Detection([bark], [], ["dog"], "a.wav", 1800.0, 1.0))
    >>> summary.to_tsv().splitlines()[1].split("\\t")
    ['all', 'dog', '1', '1.500', '2.000', '3.000']
    """

    def __init__(self, phrases: Sequence[str]):
        self.phrases = list(phrases)
        self._columns = {name: i for i, name in enumerate(self.phrases)}
        # Per hour of a recording: seconds heard, events and their seconds.
        self._heard: list[float] = []
        self._counts: list[np.ndarray] = []
        self._seconds: list[np.ndarray] = []

    def add(self, detection: Detection) -> None:
        """Takes what was found in one recording.

        Arguments
        ---------
        detection : Detection
            Its events and duration.
        """
        hours = max(1, int(np.ceil(detection.duration / _HOUR)))
        while len(self._heard) < hours:
            self._heard.append(0.0)
            self._counts.append(np.zeros(len(self.phrases), int))
            self._seconds.append(np.zeros(len(self.phrases)))
        for hour in range(hours):
            rest = detection.duration - hour * _HOUR
            self._heard[hour] += min(rest, _HOUR)
        for event in detection.events:
            column = self._columns[event.phrase]
            first = min(int(event.onset // _HOUR), hours - 1)
            self._counts[first][column] += 1
            for hour in range(first, hours):
                begin = max(event.onset, hour * _HOUR)
                end = min(event.offset, (hour + 1) * _HOUR)
                if end <= begin:
                    break
                self._seconds[hour][column] += end - begin

    def to_tsv(self) -> str:
        """A table of all phrases, with rates per hour of sound.

        Where a recording is longer than an hour, rows for each hour of the
        recordings follow those for all of them: an event counts in the hour
        in which it begins, its seconds in those in which it is heard.

        Returns
        -------
        str
            Columns hour, event_label, events, seconds, events_per_hour and
            seconds_per_hour.
        """
        columns = ("hour", "event_label", "events", "seconds")
        rows = [(*columns, "events_per_hour", "seconds_per_hour")]
        rows += self._rows("all", range(len(self._heard)))
        if len(self._heard) > 1:
            for hour in range(len(self._heard)):
                rows += self._rows(str(hour + 1), [hour])
        return "".join("\t".join(row) + "\n" for row in rows)

    def _rows(self, name, hours):
        heard = sum(self._heard[hour] for hour in hours) / _HOUR
        for column, phrase in enumerate(self.phrases):
            count = sum(int(self._counts[hour][column]) for hour in hours)
            seconds = sum(float(self._seconds[hour][column]) for hour in hours)
            rates = (
                value / heard if heard else 0 for value in (count, seconds)
            )
            yield (
                *(name, phrase, str(count), f"{seconds:.3f}"),
                *(f"{rate:.3f}" for rate in rates),
            )
