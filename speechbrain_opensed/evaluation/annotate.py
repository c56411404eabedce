"""From cuts to cuts with detected events.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from lhotse import CutSet
from lhotse.cut import Cut, MixedCut, PaddingCut
from lhotse.utils import fastcopy
from tqdm import tqdm

from lhotse_recipes.fingerprint import audio_key, digest
from lhotse_recipes.io import write_jsonl
from lhotse_recipes.manifests import num_cuts
from lhotse_recipes.outputs import is_stream, locked
from lhotse_recipes.schema import event, events_of
from speechbrain_opensed.evaluation.annotate_jobs import (
    in_order,
    parts_of,
    workers,
)
from speechbrain_opensed.evaluation.cut_sounds import sound_of_cut
from speechbrain_opensed.inference.detection import Detection
from speechbrain_opensed.inference.detector import SoundEventDetector
from speechbrain_opensed.inference.events import check_phrases
from speechbrain_opensed.inference.provenance import journal_path, made_with
from speechbrain_opensed.inference.sounds import detect_sounds
from speechbrain_opensed.language.journal import Journal

__all__ = ["annotate_events"]


def annotate_events(
    cuts: CutSet,
    detector: SoundEventDetector | str | Path,
    phrases: Sequence[str],
    *,
    threshold: float | Mapping[str, float] | None = None,
    batch_size: int = 4,
    normalize: str | None = "spec",
    output: str | Path | None = None,
    failed: dict[str, str] | None = None,
    allow_commands: bool = False,
    channel: str | int = "mix",
    resume: bool = False,
    num_jobs: int = 1,
    executor: Any | None = None,
    **settings: Any,
) -> CutSet:
    """Replace the events of cuts by detected ones.

    All that is no event stays: tags, captions, what somebody says.
    `events_complete` becomes False and `vocabulary` "detected", so that no
    training takes what was not found for absent. Memory does not grow with
    the length of cuts that are parts of one file, nor with their number. The
    result is the same for any number of jobs.

    Arguments
    ---------
    cuts : lhotse.CutSet
        Cuts of any length, rate and number of tracks.
    detector : SoundEventDetector, str or Path
        The model, or its source: see :meth:`SoundEventDetector.from_source`.
    phrases : sequence of str
        What to look for.
    threshold : float or dict of phrase to float, optional
        Score above which a frame belongs to an event; default: what
        `calibrate` found, else 0.5.
    batch_size : int
        Windows that are encoded at once, of one or several cuts.
    normalize : str or None
        See :meth:`SoundEventDetector.detect_file`.
    output : str or Path, optional
        Write the cuts to this `.jsonl` or `.jsonl.gz` file, which appears
        whole; what is done is kept beside it, cut by cut. Returned lazily.
    failed : dict, optional
        Where given, cuts that cannot be used are left out, and noted here:
        id to reason. Otherwise the first one ends the call.
    allow_commands : bool
        Let audio come from shell commands and from addresses on the net,
        which a manifest may name.
    channel : str or int
        How several channels become one; see
        :meth:`SoundEventDetector.detect_file`.
    resume : bool
        Go on from what an earlier call with the same output, model, phrases
        and settings has kept.
    num_jobs : int
        Threads that share the model; with an executor, parts of the manifest
        that are under way at once, at least.
    executor : object, optional
        Of `concurrent.futures`, or a client of Dask: all that has `submit`.
        Its workers load the model from its source and keep it, so name the
        source where they are other processes.
    **settings
        `low_threshold`, `median_seconds`, `min_duration`, `merge_gap` of
        :meth:`SoundEventDetector.detect_file`.

    Returns
    -------
    lhotse.CutSet
        The cuts under their ids; each event has its score as `confidence`.
        Lazy where the cuts are or where there is an output.

    Raises
    ------
    ValueError
        If a phrase or a cut cannot be used, the message names it; or what
        is kept was made with something else.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from speechbrain_opensed.lobes.flexsed import FlexSED
    >>> from speechbrain_opensed.lobes.text.encoders import HashTextEncoder
    >>> from speechbrain_opensed.core.spec import SedSpec
    >>> detector = SoundEventDetector(
    ...     {
    ...         "model": FlexSED(16, 2, 2, ft_blocks=1, cls_dim=8),
    ...         "text_encoder": HashTextEncoder(dim=8),
    ...     },
    ...     {"spec": SedSpec()},
    ...     {"device": "cpu"},
    ... )
    >>> cuts = CutSet.from_cuts([dummy_cut(0, with_data=True)])
    >>> found = annotate_events(cuts, detector, ["rain"], threshold=0.001)
    >>> [event.text for event in found[0].supervisions]
    ['rain']
    """
    source = str(detector) if isinstance(detector, str | Path) else None
    if isinstance(detector, str | Path):
        detector = _loaded(str(detector))
    settings = {
        "threshold": detector.thresholds(phrases, threshold),
        "normalize": normalize,
        **settings,
    }
    annotated = _Annotated(
        cuts,
        detector,
        check_phrases(phrases),
        channel,
        allow_commands,
        failed,
        {"batch_size": batch_size, **settings},
        source,
        num_jobs,
        executor,
    )
    with workers(num_jobs, executor):
        pass  # what makes no sense is said first
    if output is not None:
        about = made_with(
            detector, annotated.phrases, {"channel": channel, **settings}
        )
        _write(annotated, Path(output), about, resume)
        written = CutSet.from_file(output)
        # Of a file without a line, Lhotse makes nothing at all.
        return CutSet.from_cuts([]) if written is None else written
    if resume:
        raise ValueError("resume goes on with an output: name one")
    lazy = isinstance(cuts, CutSet) and cuts.is_lazy
    return CutSet(annotated) if lazy else CutSet.from_cuts(annotated)


@dataclass
class _Annotated:
    """Cuts with detected events, each time that they are asked for."""

    cuts: Iterable[Cut]
    detector: SoundEventDetector | None
    phrases: list[str]
    channel: str | int
    allow_commands: bool
    failed: dict[str, str] | None
    settings: dict[str, Any]
    source: str | None = None
    num_jobs: int = 1
    executor: Any | None = None

    def __iter__(self) -> Iterator[Cut]:
        bar = tqdm(total=num_cuts(self.cuts), **_BAR)
        for _, cut in self.of(self.cuts, bar):
            yield cut

    def of(self, cuts: Iterable[Cut], bar: tqdm) -> Iterator[tuple[Cut, Cut]]:
        """Cuts before and after, those that can be used."""
        # Windows of a part share batches: the same ones for any number of
        # jobs, so that not even the last digit differs.
        parts = parts_of(cuts, _PART)
        with bar, workers(self.num_jobs, self.executor) as pool:
            if pool is None:
                results: Iterable = ((part, self.heard(part)) for part in parts)
            else:
                there = self.executor is not None and self.source is not None
                work = partial(
                    _hear_part,
                    replace(
                        self,
                        cuts=(),
                        detector=None if there else self.detector,
                        failed=None,
                        executor=None,
                    ),
                )
                results = in_order(pool, work, parts, 2 * self.num_jobs)
            for part, found in results:
                for cut, after in zip(part, found, strict=True):
                    bar.update()
                    if isinstance(after, Cut):
                        yield cut, after
                    elif self.failed is None:
                        raise after
                    else:
                        self.failed[cut.id] = " ".join(str(after).split())

    def heard(self, part: list[Cut]) -> Iterator[Cut | ValueError | OSError]:
        """Cuts with events, or why there are none, as they are ready."""
        detector = self.detector or _loaded(self.source)

        def sound_of(cut):
            return sound_of_cut(
                cut, detector.spec, self.channel, self.allow_commands
            )

        sounds = ((cut, partial(sound_of, cut)) for cut in part)
        for cut, found in detect_sounds(
            detector, sounds, self.phrases, columns=0, **self.settings
        ):
            if isinstance(found, Detection):
                yield _with_events(cut, found.events)
            else:
                yield found


#: Cuts that a worker gets at a time.
_PART = 16


@lru_cache(maxsize=1)
def _loaded(source: str) -> SoundEventDetector:
    return SoundEventDetector.from_source(source)


def _hear_part(annotated, part):
    return list(annotated.heard(part))


_BAR: dict[str, Any] = {"desc": "detect", "unit": "cut", "delay": 2}


def _write(annotated, output, about, resume):
    """Cut by cut into a journal, from there into the output."""
    if is_stream(output):
        if resume:
            raise ValueError(f"{output} is no file to go on with")
        write_jsonl(output, annotated)
        return
    new = not output.exists()
    journal = Journal(journal_path(output), about, not resume, keep=False)
    with locked(output), journal:
        done = Counter(row["key"] for row in journal.read())
        keys: dict[int, str] = {}

        def missing(bar):
            for cut in annotated.cuts:
                key = digest([cut.to_dict(), audio_key(cut)])
                if done[key]:
                    done[key] -= 1
                    bar.update()
                    continue
                keys[id(cut)] = key
                yield cut

        def kept():
            return (row["cut"] for row in journal.read())

        bar = tqdm(**_BAR)
        try:
            for cut, after in annotated.of(missing(bar), bar):
                row = {"key": keys.pop(id(cut)), "cut": after.to_dict()}
                journal.append(row)
        except KeyboardInterrupt:
            # What is there is whole, and stays; where nothing is, this is.
            if new:
                write_jsonl(output, kept())
            raise
        write_jsonl(output, kept())


def _with_events(cut, found):
    old = {supervision.id for supervision in events_of(cut)}
    custom = {"events_complete": False, "vocabulary": "detected"}
    if not isinstance(cut, MixedCut):
        kept = [s for s in cut.supervisions if s.id not in old]
        return fastcopy(
            cut,
            supervisions=kept + _supervisions(cut, cut, found),
            custom={**(cut.custom or {}), **custom},
        )
    # A mixture has no supervisions of its own: its tracks have.
    tracks, host = [], None
    for track in cut.tracks:
        part = track.cut
        if not isinstance(part, PaddingCut):
            kept = [s for s in part.supervisions if s.id not in old]
            part = fastcopy(part, supervisions=kept)
            if host is None:
                host = len(tracks)
        tracks.append(fastcopy(track, cut=part))
    if host is None:
        return cut
    track = tracks[host]
    events = _supervisions(cut, track.cut, found, -track.offset)
    part = fastcopy(
        track.cut,
        supervisions=track.cut.supervisions + events,
        custom={**(track.cut.custom or {}), **custom},
    )
    tracks[host] = fastcopy(track, cut=part)
    return fastcopy(cut, tracks=tracks)


def _supervisions(cut, part, found, shift=0.0):
    return [
        fastcopy(
            event(
                part.recording_id,
                index,
                one.onset,
                one.offset,
                phrase=one.phrase,
                label=one.phrase,
                confidence=round(one.score, 6),
                channel=part.channel,
            ),
            # Several cuts may share a recording.
            id=f"{cut.id}-e{index}",
            start=round(one.onset + shift, 8),
        )
        for index, one in enumerate(found)
    ]
