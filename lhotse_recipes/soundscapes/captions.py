"""Sentences that say what is heard in a soundscape, made by rules.

For captions by a language model see ``speechbrain_opensed.language.captions``.
"""

import hashlib
from collections.abc import Iterable
from functools import partial

import numpy as np
from lhotse import CutSet
from lhotse.cut import Cut, MixedCut
from lhotse.utils import fastcopy

from lhotse_recipes.schema import caption, captions_of, trim_events

__all__ = [
    "caption_cut",
    "caption_cuts",
    "describe",
    "describe_tags",
    "with_caption",
]

_TIMES = {1: "", 2: " twice", 3: " three times", 4: " four times"}
_AFTER = (", followed by {}", ", then {}", " and afterwards {}", " before {}")
_DURING = (" together with {}", " along with {}", ", overlapped by {}")
_WHOLE = (
    "{}.",
    "The recording has {}.",
    "There is {}.",
    "A listener hears {}.",
    "This is the sound of {}.",
)
# Only for sounds named once: "rooster twice can be heard" is no sentence.
_HEARD = "{} can be heard."
_NOTHING = (
    "Only background sound can be heard.",
    "Nothing stands out from the background.",
    "There is background sound and no event.",
)


def describe(
    events: Iterable[tuple[float, float, str]], rng: np.random.Generator
) -> str:
    """
    One sentence about some events.

    Sounds come in the order of their first onset, with the number of their
    occurrences; what begins before the sound named before it has ended for
    good is said to be simultaneous.

    :param events: (onset, offset, phrase) in any order.
    :param rng: chooses the wording.
    :return: the sentence.

    >>> events = [(1, 2, "dog barking"), (3, 4, "dog barking"), (6, 9, "rain")]
    >>> describe(events, np.random.default_rng(0))
    'This is the sound of dog barking twice and afterwards rain.'
    """
    sounds: dict[str, list[float]] = {}
    for onset, offset, phrase in sorted(events):
        # Number of occurrences, first onset, last offset.
        sound = sounds.setdefault(phrase.strip(), [0, onset, offset])
        sound[0] += 1
        sound[2] = max(sound[2], offset)
    if not sounds:
        return str(rng.choice(_NOTHING))
    once = all(count == 1 for count, *_ in sounds.values())
    whole = str(rng.choice((*_WHOLE, _HEARD) if once else _WHOLE))
    text, until = "", 0.0
    for phrase, (count, onset, offset) in sounds.items():
        named = phrase + _TIMES.get(int(count), " many times")
        if text:
            joints = _DURING if onset < until else _AFTER
            text += str(rng.choice(joints)).format(named)
        else:
            text = named
        until = offset
    sentence = whole.format(text)
    return sentence[0].upper() + sentence[1:]


def describe_tags(phrases: Iterable[str], rng: np.random.Generator) -> str:
    """
    One sentence about what is somewhere in a clip, in no order.

    :param phrases: what is heard; at least one.
    :param rng: chooses the wording.
    :return: the sentence.

    >>> describe_tags(["rain", "wind", "a dog"], np.random.default_rng(3))
    'This is the sound of rain, wind and a dog.'
    """
    *others, last = dict.fromkeys(phrase.strip() for phrase in phrases)
    named = f"{', '.join(others)} and {last}" if others else last
    sentence = str(rng.choice((*_WHOLE, _HEARD))).format(named)
    return sentence[0].upper() + sentence[1:]


def caption_cut(cut: Cut, seed: int = 0) -> Cut:
    """
    Add a caption that describes the events of a cut.

    :param cut: any cut.
    :param seed: with the cut's id chooses the wording.
    :return: a copy with one more supervision.
    """
    digest = hashlib.sha256(f"{seed}\n{cut.id}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    events = [(sup.start, sup.end, sup.text) for sup in trim_events(cut)]
    return with_caption(cut, describe(events, rng))


def caption_cuts(cuts: CutSet, seed: int = 0) -> CutSet:
    """
    Add captions that describe the events of cuts.

    :param cuts: any cuts; lazy ones stay lazy.
    :param seed: another seed, other wordings.
    :return: copies with one more supervision each.
    """
    return cuts.map(partial(caption_cut, seed=seed))


def with_caption(cut: Cut, text: str) -> Cut:
    """
    Add a caption to a cut.

    :param cut: any cut; of a mixture the first track carries the caption.
    :param text: the sentence.
    :return: a copy with one more supervision.
    """
    first = cut.tracks[0].cut if isinstance(cut, MixedCut) else cut
    number = len(captions_of(cut))
    channel = first.channel
    said = caption(first.recording_id, number, cut.duration, text, channel)
    said.id = f"{cut.id}-c{number}"
    first = fastcopy(first, supervisions=[*first.supervisions, said])
    if not isinstance(cut, MixedCut):
        return first
    track = fastcopy(cut.tracks[0], cut=first)
    return fastcopy(cut, tracks=[track, *cut.tracks[1:]])
