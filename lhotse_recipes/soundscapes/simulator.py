"""Soundscapes with known events, as Lhotse mixtures of a bank's recordings.

After the idea of Scaper (Salamon et al., "Scaper: A library for soundscape
synthesis and augmentation", WASPAA 2017): ranges in, mixtures and exact
annotations out; here what is stored is the recipe of each mixture, no audio.
"""

import gzip
import json
import logging
from collections.abc import Iterable
from concurrent.futures import Executor
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from lhotse import CutSet, RecordingSet
from lhotse.cut import MixedCut
from tqdm import tqdm

from lhotse_recipes.building.corpus import process_pool
from lhotse_recipes.io import PrepareReport
from lhotse_recipes.outputs import locked
from lhotse_recipes.soundscapes.assemble import assemble
from lhotse_recipes.soundscapes.captions import caption_cut
from lhotse_recipes.soundscapes.chunks import Chunks, key_of
from lhotse_recipes.soundscapes.planner import Scene, Settings, plan_clip
from lhotse_recipes.soundscapes.procedural import ProceduralBank
from lhotse_recipes.soundscapes.scene import load_scene

__all__ = ["simulate_soundscapes"]

Number = TypeVar("Number", int, float)


def simulate_soundscapes(
    bank: "ProceduralBank | CutSet | dict",
    backgrounds: "CutSet | RecordingSet | dict | None",
    num_clips: int,
    seed: int,
    *,
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
    speed: tuple[float, float] | None = None,
    rooms: "CutSet | RecordingSet | None" = None,
    vary_snr: bool = False,
    repeat_below: float | None = None,
    peak: float | None = None,
    captions: bool = False,
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
    number of jobs. With ``output_dir``, what was interrupted goes on where it
    stopped when it is called again in the same way.

    Mixtures like those of FineLAP-100k (arXiv 2604.01155): ``events_per_clip=
    (1, 5), repeats=(1, 3), repeat_below=3.0, snr=(12.0, 20.0), vary_snr=True,
    peak=0.95, sampling_rate=22050``.

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
    :param speed: each sound is played faster by a factor drawn from this range
        in steps of 0.02, which changes its pitch and its length; noted in
        ``custom["speed"]``.
    :param rooms: room responses; each clip is heard in one of them, background
        included. Ratios hold before the room. Events keep their times: the
        direct sound is not delayed, and reverberation is not counted.
    :param vary_snr: draw the ratio anew for every occurrence of a sound.
    :param repeat_below: sounds that last so many seconds or longer are heard
        once.
    :param peak: bring the largest sample of each clip to this value by scaling
        the whole clip; each clip is rendered for that. ``background_dbfs`` is
        then without effect.
    :param captions: add a sentence about the events, made by rules.
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
    :raises OSError: another process writes the same files.

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
        events_per_clip=_pair(events_per_clip),
        repeats=_pair(repeats),
        snr=_pair(snr),
        gap=_pair(gap),
        background_dbfs=_pair(background_dbfs),
        event_duration=event_duration and _pair(event_duration),
        max_polyphony=max_polyphony,
        balance=balance,
        silence_dbfs=silence_dbfs,
        trim_db=trim_db,
        speed=speed and _pair(speed),
        vary_snr=vary_snr,
        repeat_below=repeat_below,
        peak=peak,
        captions=captions,
    )
    if num_clips < 1:
        raise ValueError(f"num_clips {num_clips} must be at least 1")
    own_pool = executor is None and num_jobs > 1
    pool = process_pool(num_jobs) if own_pool else nullcontext(executor)
    with pool as workers:
        scene = load_scene(
            bank, backgrounds, labels, vocabulary, settings, workers, rooms
        )
        report = PrepareReport(prefix, part)
        name = f"{prefix}-{part}-{seed}"
        # The scene travels with each chunk: few chunks, but some per process.
        size = max(250, min(2000, num_clips // 16))
        make = partial(_make_chunk, scene, settings, name, num_clips, size)
        starts = range(0, num_clips, size)
        mix = workers.map if workers is not None else map
        if output_dir is None:
            cuts = []
            with _bar(num_clips) as bar:
                for chunk, about in mix(make, starts):
                    cuts += chunk
                    bar.update(_count(about, report))
            result = CutSet.from_cuts(cuts)
        else:
            path = Path(output_dir) / f"{prefix}_cuts_{part}.jsonl.gz"
            with locked(path):
                chunks = Chunks(path, key_of(scene, settings, name, num_clips))
                missing = [start for start in starts if start not in chunks]
                done = num_clips - sum(
                    min(size, num_clips - start) for start in missing
                )
                with _bar(num_clips, done) as bar:
                    packed = mix(partial(_pack_chunk, make), missing)
                    for start, one in zip(missing, packed, strict=True):
                        chunks.put(start, *one)
                        bar.update(one[1]["counts"]["clips"])
                for start in starts:
                    _count(chunks.about(start), report)
                chunks.finish(starts)
                report.save(output_dir)
                result = CutSet.from_file(path)
    log = logging.getLogger(__name__)
    log.log(
        logging.WARNING if report.dropped else logging.INFO, report.summary()
    )
    return result


def _pair(ends: tuple[Number, Number]) -> tuple[Number, Number]:
    """The ends of a range, also of a list as YAML has it."""
    low, high = ends
    return low, high


def _bar(total: int, done: int = 0) -> tqdm:
    return tqdm(
        total=total,
        initial=done,
        desc="soundscapes",
        unit=" clips",
        disable=total < 1000,
    )


def _count(about: dict[str, Any], report: PrepareReport) -> int:
    for what, number in about["counts"].items():
        report.count(what, number)
    for item in about["left_out"]:
        report.drop("no room for the event", item)
    return about["counts"]["clips"]


def _make_chunk(
    scene: Scene,
    settings: Settings,
    name: str,
    num_clips: int,
    size: int,
    start: int,
) -> tuple[list[MixedCut], dict[str, Any]]:
    cuts, events, fewer, left_out = [], 0, 0, []
    for index in range(start, min(start + size, num_clips)):
        plan = plan_clip(scene, settings, index)
        cut = assemble(f"{name}-{index:06d}", plan, settings, scene.vocabulary)
        cuts.append(caption_cut(cut) if settings.captions else cut)
        events += len(plan.events)
        fewer += plan.repeats_left_out
        left_out += [f"{cut.id} {label}" for label in plan.events_left_out]
    counts = {"clips": len(cuts), "events": events}
    counts["repetitions without room"] = fewer
    return cuts, {"counts": counts, "left_out": left_out}


def _pack_chunk(make, start: int) -> tuple[bytes, dict[str, Any]]:
    """A chunk as one member of a gzip file, so that jobs share that work."""
    cuts, about = make(start)
    lines = "".join(
        json.dumps(cut.to_dict(), ensure_ascii=False) + "\n" for cut in cuts
    )
    packed = gzip.compress(lines.encode(), compresslevel=5, mtime=0)
    return packed, about
