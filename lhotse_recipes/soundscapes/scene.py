"""What a simulation draws from: events, backgrounds and rooms."""

from collections.abc import Iterable
from concurrent.futures import Executor
from typing import Any

from lhotse import Recording

from lhotse_recipes.building.corpus import ordered_map
from lhotse_recipes.soundscapes.planner import Scene, Settings
from lhotse_recipes.soundscapes.procedural import ProceduralBank
from lhotse_recipes.soundscapes.sources import (
    Source,
    cuts_of,
    prepare_source,
    scan,
)

__all__ = ["load_scene"]

_SHORTEST_BACKGROUND = 0.25


def load_scene(
    bank: Any,
    backgrounds: Any,
    labels: Iterable[str] | None,
    vocabulary: str | None,
    settings: Settings,
    workers: Executor | None,
    rooms: Any = None,
) -> Scene:
    """
    Gather the sources and read their levels.

    :param bank: as :func:`simulate_soundscapes` takes it.
    :param backgrounds: as there.
    :param labels: as there.
    :param vocabulary: as there.
    :param settings: of the simulation.
    :param workers: executor that reads, if any.
    :param rooms: room responses.
    :return: what there is to mix.
    :raises ValueError: a source that is silent, unreadable or too short, an
        unknown label.
    """
    if isinstance(bank, ProceduralBank):
        bank = bank.write()
    cuts = cuts_of(bank, ("events", "cuts"))
    if backgrounds is None and isinstance(bank, dict):
        backgrounds = bank.get("backgrounds")
    if backgrounds is None:
        noise = ProceduralBank(0, settings.sampling_rate)
        backgrounds = noise.write(per_phrase=0)["backgrounds"]
    if vocabulary is None:
        vocabulary = _only_vocabulary(cuts)
    rate = settings.sampling_rate
    events = [prepare_source(cut, rate, is_event=True) for cut in cuts]
    events = _restrict(events, labels)
    grounds = [
        prepare_source(cut, rate, is_event=False)
        for cut in cuts_of(backgrounds, ("backgrounds", "cuts"))
    ]
    short = [
        source.recording.id
        for source in grounds
        if source.num_samples < _SHORTEST_BACKGROUND * rate
    ]
    if short:
        raise ValueError(
            f"{len(short)} backgrounds are shorter than "
            f"{_SHORTEST_BACKGROUND} s ({', '.join(short[:5])}); remove them"
        )
    both = events + grounds
    chunks = [both[k : k + 50] for k in range(0, len(both), 50)]
    scanned = ordered_map(scan, chunks, executor=workers, desc="levels")
    both = [source for chunk in scanned for source in chunk]
    _refuse_silent(both, settings.silence_dbfs)
    by_label: dict[str, list[Source]] = {}
    for source in both[: len(events)]:
        by_label.setdefault(source.label, []).append(source)
    names = tuple(sorted(by_label))
    return Scene(
        labels=names,
        events=tuple(tuple(by_label[name]) for name in names),
        backgrounds=tuple(both[len(events) :]),
        vocabulary=vocabulary,
        rooms=_rooms(rooms, rate),
    )


def _rooms(rooms, rate: int) -> tuple[Recording, ...]:
    if rooms is None:
        return ()
    responses = []
    for cut in cuts_of(rooms, ("rooms", "cuts")):
        recording = cut.recording
        if recording.sampling_rate != rate:
            recording = recording.resample(rate)
        source = prepare_source(cut, rate, is_event=False)
        levels = scan([source])[0].levels
        if not levels.max() > 0:
            raise ValueError(
                f"the room response {recording.id} "
                f"({recording.sources[0].source}) is silent; remove it"
            )
        responses.append(recording)
    return tuple(responses)


def _restrict(
    events: list[Source], labels: Iterable[str] | None
) -> list[Source]:
    if labels is None:
        return events
    wanted = set(labels)
    unknown = wanted - {source.label for source in events}
    if unknown or not wanted:
        raise ValueError(
            f"the bank has no event labelled {', '.join(sorted(unknown))}; "
            f"its labels are {', '.join(sorted({s.label for s in events}))}"
        )
    return [source for source in events if source.label in wanted]


def _refuse_silent(sources: list[Source], silence_dbfs: float) -> None:
    floor = 10.0 ** (silence_dbfs / 10.0)
    silent = [
        f"{source.recording.id} ({source.recording.sources[0].source})"
        for source in sources
        if not source.levels.max() > floor
    ]
    if silent:
        raise ValueError(
            f"{len(silent)} silent sources (nothing above {silence_dbfs} dB "
            f"full scale): {', '.join(silent[:5])}; remove them, or lower "
            "silence_dbfs if they are merely quiet"
        )


def _only_vocabulary(cuts) -> str:
    names = {(cut.custom or {}).get("vocabulary", "bank") for cut in cuts}
    if len(names) > 1:
        raise ValueError(
            f"the bank's cuts come from several vocabularies "
            f"({', '.join(sorted(names))}); name the common one by vocabulary="
        )
    return names.pop()
