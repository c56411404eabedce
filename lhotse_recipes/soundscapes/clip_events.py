"""Single events out of tagged recordings, and backgrounds of one length.

The steps of FineLAP's pipeline (https://arxiv.org/abs/2604.01155) before it
mixes: what a recording with one tag sounds like is the first stretch of it that
is loud enough; what is too short or too long to be one event is left out.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from lhotse import CutSet, SupervisionSegment
from lhotse.cut import Cut
from lhotse.utils import fastcopy
from numpy.lib.stride_tricks import sliding_window_view

from lhotse_recipes.building.corpus import ordered_map
from lhotse_recipes.io import PrepareReport, write_jsonl
from lhotse_recipes.ontology import Ontology
from lhotse_recipes.schema import event, events_of, label_of, tags_of
from lhotse_recipes.sound.lengths import exact_lengths
from lhotse_recipes.soundscapes.sources import cuts_of

__all__ = ["EnergyWindow", "clip_events", "cut_backgrounds"]

_CHUNK = 64


@dataclass(frozen=True)
class EnergyWindow:
    """
    Finds the first stretch of a recording that is loud enough.

    A frame's energy is the sum of its squared samples. The stretch begins with
    the first window of which any frame is above the threshold, and ends where
    the next window begins that has none.

    :param threshold_db: of a frame's energy. −20 dB in 1024 samples are
        −50 dB full scale of mean power. With ``percentile`` it is ignored.
    :param window: frames.
    :param frame: samples of a frame.
    :param hop: samples between the starts of two frames.
    :param percentile: take this percentile of the recording's own frames (in
        dB) as the threshold instead.

    >>> tone = np.sin(np.arange(8000) * 0.1)
    >>> silence = np.zeros(16000)
    >>> samples = np.concatenate([silence, tone, silence])
    >>> EnergyWindow(window=2).find(samples, 16000)
    (0.928, 1.504)
    """

    threshold_db: float = -20.0
    window: int = 20
    frame: int = 1024
    hop: int = 512
    percentile: float | None = None

    def __post_init__(self) -> None:
        if min(self.window, self.frame, self.hop) < 1:
            raise ValueError(
                f"window {self.window}, frame {self.frame} and hop {self.hop} "
                "must be at least 1"
            )
        if self.percentile is not None and not 0 <= self.percentile <= 100:
            raise ValueError(f"percentile {self.percentile}: 0 to 100")

    def find(
        self, samples: np.ndarray, sampling_rate: int
    ) -> tuple[float, float] | None:
        """
        The stretch's onset and offset.

        :param samples: ``[time]``, at the recording's own rate.
        :param sampling_rate: Hz.
        :return: seconds, or None where nothing is loud enough.
        """
        if len(samples) < self.frame:
            samples = np.pad(samples, (0, self.frame - len(samples)))
        power = np.square(samples, dtype=np.float64)
        frames = sliding_window_view(power, self.frame)[:: self.hop]
        level = 10 * np.log10(frames.sum(axis=1) + 1e-12)
        threshold = self.threshold_db
        if self.percentile is not None:
            threshold = np.percentile(level, self.percentile)
        loud = level > threshold
        windows = max(1, len(loud) - self.window + 1)
        counts = np.concatenate([[0], loud.cumsum()])
        ends = np.minimum(np.arange(windows) + self.window, len(loud))
        in_window = counts[ends] - counts[:windows]
        with_sound = np.flatnonzero(in_window)
        if not len(with_sound):
            return None
        first = int(with_sound[0])
        silent = np.flatnonzero(in_window == 0)
        after = silent[silent >= first + self.window]
        last = int(after[0]) if len(after) else len(loud) - 1
        onset = first * self.hop / sampling_rate
        return onset, last * self.hop / sampling_rate


def clip_events(
    recordings: "CutSet | dict",
    energy: EnergyWindow | None = None,
    seconds: tuple[float, float] = (1.0, 7.5),
    *,
    ontology: "Ontology | str | Path | None" = None,
    output_dir: str | Path | None = None,
    prefix: str = "clipped-events",
    part: str = "all",
    num_jobs: int = 1,
    executor: Executor | None = None,
) -> CutSet:
    """
    Make a bank of single events from recordings with one tag each.

    :param recordings: cuts with tags, or a part of what a prepare function
        returned. Those of which several classes are heard are left out.
    :param energy: how to find the event; FineLAP's settings by default.
    :param seconds: shortest and longest event.
    :param ontology: the AudioSet ontology or its file: a class does not count
        where a more specific one is heard, such as Animal beside Dog. FSD50K
        states both.
    :param output_dir: where ``<prefix>_cuts_<part>.jsonl.gz`` and
        ``<prefix>_report_<part>.json`` go; nothing is written when None.
    :param prefix: of the file names.
    :param part: second part of them.
    :param num_jobs: threads that read audio.
    :param executor: any executor, used instead of threads.
    :return: the cuts, each with one event; no audio is copied.
    :raises ValueError: nothing is left.
    """
    low, high = seconds
    if not 0 < low <= high:
        raise ValueError(f"seconds {seconds} must be (shortest, longest)")
    energy = energy or EnergyWindow()
    if isinstance(ontology, (str, Path)):
        ontology = Ontology.from_json(ontology)
    report = PrepareReport(prefix, part)
    find = partial(_clip, energy=energy, low=low, high=high, ontology=ontology)
    chosen = cuts_of(recordings, ("cuts",))
    kept = _collect(find, chosen, report, num_jobs, executor, "clipping events")
    return _finish(kept, len(chosen), report, output_dir, asdict(energy))


def cut_backgrounds(
    recordings: "CutSet | dict",
    seconds: float = 10.0,
    shortest: float | None = None,
    *,
    silence_dbfs: float = -80.0,
    output_dir: str | Path | None = None,
    prefix: str = "cut-backgrounds",
    part: str = "all",
    num_jobs: int = 1,
    executor: Executor | None = None,
) -> CutSet:
    """
    Cut long recordings into backgrounds for soundscapes.

    :param recordings: cuts or recordings; what is annotated on them is left
        behind.
    :param seconds: length of a background.
    :param shortest: keep remainders of this length at least; by default none.
    :param silence_dbfs: pieces without any louder sample are left out.
    :param output_dir: where ``<prefix>_cuts_<part>.jsonl.gz`` and
        ``<prefix>_report_<part>.json`` go; nothing is written when None.
    :param prefix: of the file names.
    :param part: second part of them.
    :param num_jobs: threads that read audio.
    :param executor: any executor, used instead of threads.
    :return: the cuts, ``<recording's cut>-<number>``; no audio is copied.
    :raises ValueError: nothing is left.
    """
    shortest = seconds if shortest is None else shortest
    if not 0 < shortest <= seconds:
        raise ValueError(
            f"shortest {shortest} must be above 0 and at most {seconds}"
        )
    report = PrepareReport(prefix, part)
    pieces = []
    for cut in cuts_of(recordings, ("backgrounds", "cuts", "recordings")):
        for piece in fastcopy(cut, supervisions=[]).cut_into_windows(seconds):
            # Lhotse knows times to a nanosecond only.
            if piece.duration < shortest - 1e-6:
                report.drop("shorter remainder", piece.id)
            else:
                pieces.append(piece)
    check = partial(_sounds, silence_dbfs=silence_dbfs)
    kept = _collect(
        check, pieces, report, num_jobs, executor, "cutting backgrounds"
    )
    return _finish(kept, len(pieces), report, output_dir, {"seconds": seconds})


def _collect(
    function: Callable[[list[Cut]], list[Cut | tuple[str, str]]],
    cuts: list[Cut],
    report: PrepareReport,
    num_jobs: int,
    executor: Executor | None,
    desc: str,
) -> list[Cut]:
    chunks = [cuts[k : k + _CHUNK] for k in range(0, len(cuts), _CHUNK)]
    kept = []
    for results in ordered_map(
        function, chunks, num_jobs, executor=executor, desc=desc
    ):
        for result in results:
            if isinstance(result, tuple):
                report.drop(*result)
            else:
                kept.append(result)
    return kept


def _finish(
    cuts: list[Cut],
    expected: int,
    report: PrepareReport,
    output_dir: str | Path | None,
    settings: dict,
) -> CutSet:
    report.coverage = (len(cuts), expected)
    report.ids = [cut.id for cut in cuts]
    report.note("settings", ", ".join(f"{k} {v}" for k, v in settings.items()))
    print(report.summary())
    if not cuts:
        raise ValueError(
            f"nothing is left: {report.summary()}; lower the threshold or "
            "widen the lengths"
        )
    if output_dir is not None:
        name = f"{report.prefix}_cuts_{report.part}.jsonl.gz"
        write_jsonl(Path(output_dir) / name, cuts)
        report.save(output_dir)
    return CutSet.from_cuts(cuts)


def _clip(
    cuts: Iterable[Cut],
    energy: EnergyWindow,
    low: float,
    high: float,
    ontology: Ontology | None,
) -> list[Cut | tuple[str, str]]:
    return [_clip_one(cut, energy, low, high, ontology) for cut in cuts]


def _clip_one(
    cut: Cut,
    energy: EnergyWindow,
    low: float,
    high: float,
    ontology: Ontology | None,
) -> Cut | tuple[str, str]:
    classes = _classes(cut, ontology)
    if len(classes) != 1:
        return "no class" if not classes else "several classes", cut.id
    samples = _read(cut)
    if isinstance(samples, tuple):
        return samples
    span = energy.find(samples, cut.sampling_rate)
    if span is None:
        return "nothing loud enough", cut.id
    onset, offset = span[0], min(span[1], cut.duration)
    if not low <= offset - onset <= high:
        length = "short" if offset - onset < low else "long"
        return f"too {length}", f"{cut.id} ({offset - onset:.2f} s)"
    ((label, sup),) = classes.items()
    mid = (sup.custom or {}).get("mid")
    found = event(
        sup.recording_id,
        0,
        onset,
        offset,
        sup.text or label,
        label,
        mid=mid,
        channel=sup.channel,
    )
    found.id = f"{cut.id}-e0"
    custom = {**(cut.custom or {}), "events_complete": True}
    return fastcopy(cut, supervisions=[found], custom=custom)


def _classes(
    cut: Cut, ontology: Ontology | None
) -> dict[str, SupervisionSegment]:
    """The most specific classes of a clip by label."""
    classes: dict[Any, Any] = {}
    for sup in [*tags_of(cut), *events_of(cut)]:
        classes.setdefault(label_of(sup), sup)
    if ontology is None:
        return classes
    mids = {k: (sup.custom or {}).get("mid") for k, sup in classes.items()}
    known = [mid for mid in mids.values() if mid and mid in ontology]
    implied = {one for mid in known for one in ontology.ancestors(mid)}
    return {k: sup for k, sup in classes.items() if mids[k] not in implied}


def _sounds(
    cuts: Iterable[Cut], silence_dbfs: float
) -> list[Cut | tuple[str, str]]:
    results: list[Cut | tuple[str, str]] = []
    for cut in cuts:
        samples = _read(cut)
        if isinstance(samples, tuple):
            results.append(samples)
        elif np.abs(samples).max() <= 10 ** (silence_dbfs / 20):
            results.append(("silent", cut.id))
        else:
            results.append(cut)
    return results


def _read(cut: Cut) -> np.ndarray | tuple[str, str]:
    try:
        with exact_lengths():
            samples = cut.load_audio().mean(axis=0)
    # Each of Lhotse's backends has errors of its own.
    except Exception as error:
        reason = str(error).partition("\n[extra info]")[0].strip()
        return "unreadable audio", f"{cut.id}: {reason}"
    if not np.isfinite(samples).all():
        return "NaN or infinite samples", cut.id
    return samples
