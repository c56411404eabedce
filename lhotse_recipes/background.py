"""What sounds beside speech: names for it, and utterances without it.

``opensed annotate`` adds events to a corpus of speech. Here they become a
field of each utterance, and utterances are chosen by them, before a speech
recogniser is trained.
"""

from collections.abc import Collection
from functools import partial

from lhotse import CutSet, SupervisionSegment
from lhotse.cut import Cut
from lhotse.utils import fastcopy

from lhotse_recipes.schema import events_of

__all__ = [
    "background_share",
    "choose_by_background",
    "cut_to_utterances",
    "tag_background",
]

#: Where Lhotse's `AudioTaggingDataset` and icefall's recipes look for it.
AUDIO_EVENT = "audio_event"


def tag_background(cut: Cut, least: float = 0.1) -> Cut:
    """
    Write into each utterance what sounds while somebody speaks.

    The labels stand in the supervision's ``audio_event``, with semicolons
    between them, as Lhotse's ``AudioTaggingDataset`` and icefall's audio
    tagging read it. Events themselves, tags and captions stay as they are.

    :param cut: a cut with speech and events, not mixed.
    :param least: seconds that a sound has to share with the utterance.
    :return: the cut; ``audio_event`` is empty where nothing else sounds.

    >>> from lhotse import SupervisionSegment
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from lhotse_recipes.schema import event
    >>> said = SupervisionSegment("u", "r", 0.0, 0.6, text="COME HERE")
    >>> rain = event("r", 0, 0.2, 0.9, "rain", "Rain")
    >>> cut = tag_background(dummy_cut(0, supervisions=[said, rain]))
    >>> cut.supervisions[0].audio_event
    'Rain'
    """
    events = events_of(cut)
    return fastcopy(
        cut,
        supervisions=[
            _tagged(one, events, least) if _is_speech(one, events) else one
            for one in cut.supervisions
        ],
    )


def cut_to_utterances(cut: Cut) -> list[Cut]:
    """
    Make a cut of each utterance, with what sounds beside it.

    A recording of an hour has many; a speech recogniser is trained on one at
    a time. The utterance is the first supervision of its cut, other
    utterances are not in it.

    :param cut: a cut with speech and events, not mixed.
    :return: the cuts, called after the supervisions.

    >>> from lhotse import SupervisionSegment
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from lhotse_recipes.schema import event
    >>> said = SupervisionSegment("u", "r", 0.2, 0.5, text="COME HERE")
    >>> rain = event("r", 0, 0.1, 0.4, "rain", "Rain")
    >>> (one,) = cut_to_utterances(dummy_cut(0, supervisions=[said, rain]))
    >>> one.duration, [s.text for s in one.supervisions]
    (0.5, ['COME HERE', 'rain'])
    """
    events = events_of(cut)
    speech = [one for one in cut.supervisions if _is_speech(one, events)]
    others = {one.id for one in speech}
    found = []
    for said in speech:
        part = cut.truncate(
            offset=max(0.0, said.start),
            duration=min(said.end, cut.duration) - max(0.0, said.start),
            keep_excessive_supervisions=True,
        )
        own = [one for one in part.supervisions if one.id == said.id]
        rest = [one for one in part.supervisions if one.id not in others]
        # Several cuts of a recording may have an utterance of the same id.
        name = f"{cut.id}-{said.id}"
        found.append(fastcopy(part, id=name, supervisions=own + rest))
    return found


def background_share(
    cut: Cut,
    utterance: SupervisionSegment,
    labels: Collection[str] | None = None,
) -> float:
    """
    How much of an utterance has other sounds in it.

    :param cut: the cut with the events.
    :param utterance: one of its supervisions.
    :param labels: only these sounds count; default: all.
    :return: from 0 to 1; sounds at the same time count once.

    >>> from lhotse import SupervisionSegment
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from lhotse_recipes.schema import event
    >>> said = SupervisionSegment("u", "r", 0.0, 0.5, text="COME HERE")
    >>> rain = event("r", 0, 0.25, 0.9, "rain", "Rain")
    >>> background_share(dummy_cut(0, supervisions=[said, rain]), said)
    0.5
    """
    if not utterance.duration > 0:
        return 0.0
    spans = sorted(
        (max(one.start, utterance.start), min(one.end, utterance.end))
        for one in events_of(cut)
        if labels is None or _label(one) in labels
    )
    heard, until = 0.0, utterance.start
    for start, end in spans:
        heard += max(0.0, end - max(start, until))
        until = max(until, end)
    return round(heard / utterance.duration, 8)


def choose_by_background(
    cuts: CutSet,
    most: float = 0.0,
    labels: Collection[str] | None = None,
) -> CutSet:
    """
    Keep cuts whose utterances have little else in them.

    :param cuts: cuts with speech and events; lazy ones stay lazy.
    :param most: the largest share of an utterance with other sounds.
    :param labels: only these sounds count; default: all.
    :return: the cuts that remain, also those in which nobody speaks.
    :raises ValueError: ``most`` is no share.

    >>> from lhotse.testing.dummies import dummy_cut
    >>> len(choose_by_background(CutSet.from_cuts([dummy_cut(0)])))
    1
    """
    if not 0 <= most <= 1:
        raise ValueError(f"most={most!r}: give a share from 0 to 1")
    keep = partial(_little, most=most, labels=labels)
    return cuts.filter(keep)


def _little(cut, most, labels):
    events = events_of(cut)
    return all(
        background_share(cut, one, labels) <= most
        for one in cut.supervisions
        if _is_speech(one, events)
    )


def _is_speech(one, events):
    kind = (one.custom or {}).get("kind")
    return kind in (None, "speech") and all(one.id != e.id for e in events)


def _label(event):
    return (event.custom or {}).get("label", event.text)


def _shared(event, utterance):
    end, start = (
        min(event.end, utterance.end),
        max(event.start, utterance.start),
    )
    return round(end - start, 6)


def _tagged(utterance, events, least):
    names = dict.fromkeys(
        _label(one)
        for one in sorted(events, key=lambda one: one.start)
        if _shared(one, utterance) >= least
    )
    joined = ";".join(names)
    custom = {**(utterance.custom or {}), AUDIO_EVENT: joined}
    return fastcopy(utterance, custom=custom)
