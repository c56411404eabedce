"""What was annotated in cuts, as metrics take it.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from lhotse.cut import Cut

from lhotse_recipes.schema import label_of, trim_events

__all__ = ["GroundTruth", "read_truth"]


@dataclass(frozen=True)
class GroundTruth:
    """What was annotated in a set of cuts.

    Arguments
    ---------
    events : dict
        Cut id to list of (onset, offset, label).
    durations : dict
        Cut id to seconds.
    phrases : dict
        Label to phrase.

    Example
    -------
    >>> truth = GroundTruth({"a": [(0, 1, "Dog")]}, {"a": 9}, {"Dog": "a dog"})
    >>> truth.durations["a"]
    9
    """

    events: dict[str, list[tuple[float, float, str]]]
    durations: dict[str, float]
    phrases: dict[str, str]


def read_truth(
    cuts: Iterable[Cut],
    phrases: Mapping[str, str] | None = None,
    *,
    only: Collection[str] | None = None,
    may_be_empty: bool = False,
) -> GroundTruth:
    """Collect the events of cuts.

    Arguments
    ---------
    cuts : iterable of lhotse.cut.Cut
        The cuts.
    phrases : mapping of label to phrase, optional
        The vocabulary; default: the labels of the events, with the text of
        their first occurrence.
    only : collection of str, optional
        Labels that count: events of others are left out.
    may_be_empty : bool
        Whether there may be no event at all.

    Returns
    -------
    GroundTruth
        Events, durations and phrases.

    Raises
    ------
    ValueError
        If ids occur twice, an event is not in the vocabulary, or there are
        no events.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from lhotse_recipes.schema import event
    >>> bark = event("r", 0, 0.1, 0.2, "dog barking", "Bark")
    >>> truth = read_truth([dummy_cut(0, supervisions=[bark])])
    >>> truth.events, truth.phrases
    ({'dummy-mono-cut-0000': [(0.1, 0.2, 'Bark')]}, {'Bark': 'dog barking'})
    """
    events: dict[str, list[tuple[float, float, str]]] = {}
    durations: dict[str, float] = {}
    found: dict[str, str] = {}
    for cut in cuts:
        if cut.id in events:
            raise ValueError(
                f"cut {cut.id} occurs twice: give each cut its own id"
            )
        durations[cut.id] = cut.duration
        events[cut.id] = []
        for one in trim_events(cut):
            label = label_of(one)
            if only is not None and label not in only:
                continue
            if phrases is not None and label not in phrases:
                raise ValueError(
                    f"cut {cut.id}: event {label!r} is not in the vocabulary; "
                    "choose the one it was annotated with"
                )
            found.setdefault(label, one.text or label)
            events[cut.id].append((one.start, one.end, label))
    if not found and not may_be_empty:
        raise ValueError(
            f"no events in {len(events)} cuts: there is nothing to evaluate"
        )
    chosen = dict(phrases or sorted(found.items()))
    return GroundTruth(events, durations, chosen)
