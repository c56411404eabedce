"""Annotations that can hardly be meant as they are written.

Whatever format events come from, three faults of tables are seen once the
recordings are known: times that are not in seconds, times of other
recordings, and one class under two spellings.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

from lhotse import Recording, SupervisionSegment

from lhotse_recipes.io import PrepareReport

__all__ = ["note_implausible", "spellings"]

BEHIND = "most events lie behind the end"
SPELLINGS = "one label in several spellings"

# Share of the events that a unit must bring inside their recordings.
_FITS = 0.95
# Lengths that headers, tables and rounding may differ by.
_SLACK = 1.02
# Recordings' lengths behind which an event ends nowhere by mistake, and
# behind which the latest one ends where the unit is wrong.
_FAR = 5.0
_OTHER_UNIT = 20.0


def note_implausible(
    report: PrepareReport,
    recordings: Iterable[Recording],
    supervisions: Iterable[SupervisionSegment],
) -> set[str]:
    """
    Look for times and labels that can hardly be meant.

    :param report: gets notes and warnings.
    :param recordings: the recordings.
    :param supervisions: as annotated, before they are clipped.
    :return: ids of recordings most of whose events lie behind the end: what
        they do not have is not known to be absent.
    """
    of_id = {recording.id: recording for recording in recordings}
    labels: Counter[str] = Counter()
    events: dict[str, list[SupervisionSegment]] = {}
    for one in supervisions:
        custom = one.custom or {}
        if custom.get("kind") in ("event", "tag") and custom.get("label"):
            labels[custom["label"]] += 1
        if custom.get("kind") == "event" and one.recording_id in of_id:
            events.setdefault(one.recording_id, []).append(one)
    for group in spellings(labels):
        report.note(
            SPELLINGS, ", ".join(f"{name!r} ({labels[name]})" for name in group)
        )
    return _note_times(report, of_id, events)


def _note_times(
    report: PrepareReport,
    of_id: Mapping[str, Recording],
    events: Mapping[str, list[SupervisionSegment]],
) -> set[str]:
    suspicious = set()
    behind, total = 0, 0
    for name, some in events.items():
        wrong = [one for one in some if _mostly_behind(one, of_id[name])]
        behind, total = behind + len(wrong), total + len(some)
        if 2 * len(wrong) > len(some):
            suspicious.add(name)
            report.note(
                BEHIND,
                f"{name}: {wrong[0].start:g} to {wrong[0].end:g} s of "
                f"{of_id[name].duration:g} s",
            )
    if 2 * behind > total:
        report.warn(
            f"{behind} of {total} events lie behind the end of their "
            f"recording: {_guess(of_id, events)}"
        )
    return suspicious


def _mostly_behind(one: SupervisionSegment, recording: Recording) -> bool:
    length = recording.duration
    return one.start > _SLACK * length or one.end > _FAR * length


def _guess(
    of_id: Mapping[str, Recording],
    events: Mapping[str, list[SupervisionSegment]],
) -> str:
    latest = max(
        one.end / of_id[name].duration
        for name, some in events.items()
        for one in some
    )
    rates = {name: of_id[name].sampling_rate for name in events}
    units = {
        "milliseconds": dict.fromkeys(events, 1e3),
        "samples": rates,
        "microseconds": dict.fromkeys(events, 1e6),
    }
    for unit, factors in units.items() if latest > _OTHER_UNIT else ():
        fits = [
            one.end / factors[name] <= _SLACK * of_id[name].duration
            for name, some in events.items()
            for one in some
        ]
        if sum(fits) >= _FITS * len(fits):
            return (
                f"the times look like {unit}; write them in seconds and "
                "prepare again"
            )
    return (
        "they may be times of longer recordings or of others; see the notes "
        "and correct the annotation"
    )


def spellings(labels: Iterable[str]) -> list[list[str]]:
    """
    Labels that differ in case, blanks, punctuation or accents' form alone.

    :param labels: as annotated.
    :return: groups of two and more, sorted.

    >>> spellings(["dog_bark", "cat", "Dog bark", "dog  bark"])
    [['Dog bark', 'dog  bark', 'dog_bark']]
    """
    groups: dict[str, set[str]] = {}
    for label in labels:
        plain = unicodedata.normalize("NFKC", label).casefold()
        # Signs alone, such as "-" and "+", are labels of their own.
        groups.setdefault(re.sub(r"[\W_]+", "", plain) or plain, set()).add(
            label
        )
    return sorted(sorted(group) for group in groups.values() if len(group) > 1)
