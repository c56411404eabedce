"""Soundscapes with known events, as Lhotse mixtures of a bank's recordings.

After the idea of Scaper (Salamon et al., "Scaper: A library for soundscape
synthesis and augmentation", WASPAA 2017): ranges in, mixtures and exact
annotations out; here what is stored is the recipe of each mixture, no audio.
"""

import gzip
import json
import logging
from collections.abc import Iterable
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from lhotse import CutSet, MonoCut, RecordingSet
from lhotse.augmentation import Volume
from lhotse.cut import MixedCut, MixTrack
from lhotse.utils import fastcopy

from lhotse_recipes.corpus import ordered_map
from lhotse_recipes.io import PrepareReport, write_atomically
from lhotse_recipes.schema import event
from lhotse_recipes.soundscapes.planner import (
    Placement,
    Plan,
    Scene,
    Settings,
    plan_clip,
)
from lhotse_recipes.soundscapes.procedural import ProceduralBank
from lhotse_recipes.soundscapes.sources import (
    Source,
    cuts_of,
    prepare_source,
    scan,
)

__all__ = ["simulate_soundscapes"]

_SHORTEST_BACKGROUND = 0.25


def simulate_soundscapes(
    bank: "ProceduralBank | CutSet | dict",
    backgrounds: "CutSet | RecordingSet | dict | None",
    num_clips: int,
    seed: int,
    duration: float = 10.0,
    events_per_clip: tuple[int, int] = (1, 4),
    repeats: tuple[int, int] = (1, 3),
    snr: tuple[float, float] = (5.0, 20.0),
    gap: tuple[float, float] = (0.2, 2.0),
    max_polyphony: int | None = None,
    labels: Iterable[str] | None = None,
    event_duration: tuple[float, float] | None = None,
    balance: bool = True,
    background_dbfs: tuple[float, float] = (-60.0, -50.0),
    sampling_rate: int = 16000,
    vocabulary: str | None = None,
    silence_dbfs: float = -80.0,
    trim_db: float = 40.0,
    output_dir: str | Path | None = None,
    prefix: str = "soundscapes",
    part: str = "all",
    num_jobs: int = 1,
    executor: Executor | None = None,
) -> CutSet:
    """
    Mix events of a bank into backgrounds.

    A clip gets a background, and on it so many sounds of different labels;
    each is one recording of its label, heard once or several times with gaps.
    One label therefore never overlaps itself. What finds no room is repeated
    less often or left out; both are counted, logged and, with ``output_dir``,
    reported in a file. The same arguments give the same clips, whatever the
    number of jobs.

    :param bank: cuts with one event each, a part of what
        ``prepare_event_bank`` returned, or a :class:`ProceduralBank`.
    :param backgrounds: cuts or recordings without annotated events; ``None``
        takes those that come with the bank (a :class:`ProceduralBank` or the
        dict its ``write`` returned) and otherwise coloured noise.
    :param num_clips: number of soundscapes.
    :param seed: of all choices.
    :param duration: seconds of each clip.
    :param events_per_clip: least and most sounds (labels) in a clip.
    :param repeats: least and most occurrences of each.
    :param snr: dB, energy of the event (over its own span) to the energy of
        the background.
    :param gap: seconds between occurrences of one label.
    :param max_polyphony: most sounds at a time.
    :param labels: restrict the bank to these labels.
    :param event_duration: longer recordings are cut to a length drawn from
        this range, at a place that sounds; shorter ones are used whole.
    :param balance: draw all labels equally often, else by their number of
        recordings.
    :param background_dbfs: level (RMS) to which backgrounds are brought. The
        samples are float: with louder backgrounds and high ratios, peaks pass
        1.0 and would clip in 16-bit files.
    :param sampling_rate: of the mixtures; sources of other rates are
        resampled when read.
    :param vocabulary: stored in the cuts' ``custom["vocabulary"]``; by default
        that of the bank's cuts.
    :param silence_dbfs: a recording of which no 20 ms are louder is refused.
    :param trim_db: ends of an event this much below its loudest 20 ms are cut
        off.
    :param output_dir: write ``<prefix>_cuts_<part>.jsonl.gz`` and
        ``<prefix>_report_<part>.json`` there and return the cuts lazily; use
        it for more clips than fit in memory.
    :param prefix: first part of file names and clip ids.
    :param part: second part of them.
    :param num_jobs: processes.
    :param executor: any executor to use instead of own processes.
    :return: MixedCuts ``<prefix>-<part>-<seed>-<index>`` with event
        supervisions, each with its ratio in ``custom["snr"]``.
    :raises ValueError: a silent or unreadable source, an unknown label, a
        range that is none.

    >>> import tempfile
    >>> bank = ProceduralBank(seed=0).write(
    ...     tempfile.mkdtemp(),
    ...     per_phrase=1,
    ...     num_backgrounds=1,
    ...     phrases=["low rising buzz"],
    ... )
    >>> clips = simulate_soundscapes(bank, None, num_clips=2, seed=0)
    >>> clips[0].supervisions[0].text, clips[0].load_audio().shape
    ('low rising buzz', (1, 160000))
    """
    settings = Settings(
        seed=seed,
        duration=duration,
        sampling_rate=sampling_rate,
        events_per_clip=tuple(events_per_clip),
        repeats=tuple(repeats),
        snr=tuple(snr),
        gap=tuple(gap),
        background_dbfs=tuple(background_dbfs),
        event_duration=event_duration and tuple(event_duration),
        max_polyphony=max_polyphony,
        balance=balance,
        silence_dbfs=silence_dbfs,
        trim_db=trim_db,
    )
    if num_clips < 1:
        raise ValueError(f"num_clips {num_clips} must be at least 1")
    own_pool = executor is None and num_jobs > 1
    pool = ProcessPoolExecutor(num_jobs) if own_pool else nullcontext(executor)
    with pool as workers:
        scene = _load_scene(
            bank, backgrounds, labels, vocabulary, settings, workers
        )
        report = PrepareReport(prefix, part)
        name = f"{prefix}-{part}-{seed}"
        # The scene travels with each chunk: few chunks, but some per process.
        size = max(250, min(5000, num_clips // 16))
        make = partial(_make_chunk, scene, settings, name, num_clips, size)
        starts = range(0, num_clips, size)
        mix = partial(ordered_map, executor=workers, desc="soundscapes")
        if output_dir is None:
            chunks = mix(make, starts)
            cuts = [cut for chunk in chunks for cut in _count(chunk, report)]
            result = CutSet.from_cuts(cuts)
        else:
            path = Path(output_dir) / f"{prefix}_cuts_{part}.jsonl.gz"
            with write_atomically(path, "wb") as file:
                for chunk in mix(partial(_pack_chunk, make), starts):
                    file.write(_count(chunk, report))
            report.save(output_dir)
            result = CutSet.from_file(path)
    log = logging.getLogger(__name__)
    log.log(
        logging.WARNING if report.dropped else logging.INFO, report.summary()
    )
    return result


def _count(chunk: tuple, report: PrepareReport):
    content, counts, left_out = chunk
    for what, number in counts.items():
        report.count(what, number)
    for item in left_out:
        report.drop("no room for the event", item)
    return content


def _make_chunk(
    scene: Scene,
    settings: Settings,
    name: str,
    num_clips: int,
    size: int,
    start: int,
) -> tuple[list[MixedCut], dict[str, int], list[str]]:
    cuts, events, fewer, left_out = [], 0, 0, []
    for index in range(start, min(start + size, num_clips)):
        plan = plan_clip(scene, settings, index)
        cut = _to_cut(f"{name}-{index:06d}", plan, settings, scene.vocabulary)
        cuts.append(cut)
        events += len(plan.events)
        fewer += plan.repeats_left_out
        left_out += [f"{cut.id} {label}" for label in plan.events_left_out]
    counts = {"clips": len(cuts), "events": events}
    counts["repetitions without room"] = fewer
    return cuts, counts, left_out


def _pack_chunk(make, start: int) -> tuple[bytes, dict, list]:
    """A chunk as one member of a gzip file, so that jobs share that work."""
    cuts, counts, left_out = make(start)
    lines = "".join(
        json.dumps(cut.to_dict(), ensure_ascii=False) + "\n" for cut in cuts
    )
    packed = gzip.compress(lines.encode(), compresslevel=5, mtime=0)
    return packed, counts, left_out


def _to_cut(
    name: str, plan: Plan, settings: Settings, vocabulary: str
) -> MixedCut:
    rate = settings.sampling_rate
    custom = {"vocabulary": vocabulary, "events_complete": True}
    source = plan.background[0].source
    background = fastcopy(
        source.recording,
        transforms=[*(source.recording.transforms or ()), Volume(plan.gain)],
    )
    tracks = [
        MixTrack(
            cut=MonoCut(
                id=f"{name}-b{number}",
                start=round(piece.start / rate, 8),
                duration=round(piece.num_samples / rate, 8),
                channel=source.channel,
                recording=background,
                custom=dict(custom) if number == 0 else None,
            ),
            offset=round(piece.at / rate, 8),
            tag="background",
            is_snr_reference=number == plan.reference,
        )
        for number, piece in enumerate(plan.background)
    ]
    for number, placed in enumerate(plan.events):
        tracks.append(
            MixTrack(
                cut=_event_cut(name, number, placed, rate),
                offset=round(placed.piece.at / rate, 8),
                # Lhotse's ratio is that of the reference to what is added.
                snr=round(plan.reference_db - placed.snr, 3),
                tag="event",
            )
        )
    return MixedCut(id=name, tracks=tracks)


def _event_cut(name: str, number: int, placed: Placement, rate: int) -> MonoCut:
    piece, source = placed.piece, placed.piece.source
    duration = round(piece.num_samples / rate, 8)
    supervision = event(
        source.recording.id,
        number,
        0.0,
        duration,
        source.phrase,
        source.label,
        source.mid,
        channel=source.channel,
    )
    # Ids within a CutSet are unique; a recording is heard more than once.
    supervision.id = f"{name}-e{number}"
    supervision.custom["snr"] = placed.snr
    return MonoCut(
        id=supervision.id,
        start=round(piece.start / rate, 8),
        duration=duration,
        channel=source.channel,
        recording=source.recording,
        supervisions=[supervision],
    )


def _load_scene(
    bank,
    backgrounds,
    labels: Iterable[str] | None,
    vocabulary: str | None,
    settings: Settings,
    workers: Executor | None,
) -> Scene:
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
    )


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
