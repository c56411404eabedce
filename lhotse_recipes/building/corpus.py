"""What every prepare function does: find audio, read headers, finish a part."""

import multiprocessing
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import (
    Executor,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from lhotse import (
    AudioSource,
    CutSet,
    Recording,
    RecordingSet,
    SupervisionSegment,
    SupervisionSet,
)
from tqdm import tqdm
from typing_extensions import TypedDict

from lhotse_recipes.building.plausibility import note_implausible
from lhotse_recipes.io import PrepareReport, save_manifests
from lhotse_recipes.schema import fix_sed_manifests, make_cuts
from lhotse_recipes.sound import READABLE, inspect_audio, walk_files

__all__ = [
    "AUDIO_SUFFIXES",
    "ReadingOptions",
    "find_files",
    "finish_part",
    "open_recording",
    "ordered_map",
    "process_pool",
    "read_recordings",
]

AUDIO_SUFFIXES = READABLE

Item = TypeVar("Item")
Result = TypeVar("Result")


class ReadingOptions(TypedDict, total=False):
    """
    What every recipe takes of how audio is read.

    :param strict: raise at the first unreadable audio file.
    :param num_jobs: threads that read headers; 1 by default.
    :param executor: any concurrent.futures executor, used instead of threads.
    """

    strict: bool
    num_jobs: int
    executor: Executor | None


def find_files(root: str | Path, suffixes: Collection[str]) -> Iterator[str]:
    """
    All files below a folder with one of the suffixes, in a fixed order.

    Links are followed, each folder is entered once, hidden files and folders
    are left alone.

    :param root: folder.
    :param suffixes: lower-case suffixes with their dot.
    :return: paths that begin with ``root``.
    :raises FileNotFoundError: there is no such folder.
    """
    for path in walk_files(root):
        if os.path.splitext(path)[1].lower() in suffixes:
            yield path


def ordered_map(
    function: Callable[[Item], Result],
    items: Collection[Item],
    num_jobs: int = 1,
    *,
    executor: Executor | None = None,
    desc: str | None = None,
) -> Iterator[Result]:
    """
    Map with a progress bar; results in the order of the items.

    :param function: applied to each item.
    :param items: the items.
    :param num_jobs: threads, when no executor is given.
    :param executor: any ``concurrent.futures`` executor.
    :param desc: text beside the bar.
    :return: iterator over the results.
    :raises ValueError: there are to be no threads.

    >>> list(ordered_map(len, ["a", "bb"], num_jobs=2))
    [1, 2]
    """
    if num_jobs < 1:
        raise ValueError(f"num_jobs is {num_jobs}: give at least 1")
    bar = partial(tqdm, total=len(items), desc=desc, disable=len(items) < 50)
    if executor is not None:
        yield from bar(executor.map(function, items))
    elif num_jobs == 1:
        yield from bar(map(function, items))
    else:
        with ThreadPoolExecutor(num_jobs) as threads:
            yield from bar(threads.map(function, items))


def process_pool(num_jobs: int) -> ProcessPoolExecutor:
    """
    A pool of processes that does not hang after torch has used its threads.

    Python on Linux copies the running process by default, and with it locks
    that other threads hold: OpenMP's, and then a worker that resamples waits
    forever. These workers come from a fresh process. A script that calls this
    needs the usual ``if __name__ == "__main__":``.

    :param num_jobs: number of processes.
    :return: the executor.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return ProcessPoolExecutor(num_jobs)
    context = multiprocessing.get_context("forkserver")
    # Imported once, not by each worker.
    context.set_forkserver_preload(["lhotse"])
    return ProcessPoolExecutor(num_jobs, mp_context=context)


def open_recording(recording_id: str, path: str | Path) -> Recording:
    """
    Read the header of an audio file and see that its end is there.

    :param recording_id: id to give to the recording.
    :param path: the file.
    :return: the recording.
    :raises ValueError: the file is missing, empty, truncated or not audio; the
        message names it.
    """
    try:
        info = inspect_audio(path)
    except (OSError, ValueError) as error:
        raise ValueError(str(error)) from error
    return Recording(
        id=recording_id,
        sources=[AudioSource("file", list(range(info.channels)), str(path))],
        sampling_rate=info.sample_rate,
        num_samples=info.frames,
        duration=info.duration,
    )


def _try_open(item: tuple[str, str | Path]) -> Recording | str:
    try:
        return open_recording(*item)
    except ValueError as error:
        return str(error)


def read_recordings(
    paths: Mapping[str, str | Path],
    report: PrepareReport,
    num_jobs: int = 1,
    *,
    strict: bool = False,
    executor: Executor | None = None,
) -> RecordingSet:
    """
    Read many headers; unreadable files are noted in the report.

    :param paths: recording id → file.
    :param report: gets the reason ``"unreadable audio"``.
    :param num_jobs: threads.
    :param strict: raise at the first unreadable file instead.
    :param executor: used instead of threads.
    :return: the readable recordings in the given order.
    :raises ValueError: an unreadable file, when ``strict``.
    """
    recordings = []
    opened = ordered_map(
        _try_open,
        list(paths.items()),
        num_jobs,
        executor=executor,
        desc=f"{report.prefix} {report.part}: reading headers",
    )
    for result in opened:
        if isinstance(result, Recording):
            recordings.append(result)
        elif strict:
            raise ValueError(f"{result}; replace the file or remove it")
        else:
            report.drop("unreadable audio", result)
    return RecordingSet.from_recordings(recordings)


def finish_part(
    report: PrepareReport,
    recordings: RecordingSet,
    supervisions: Iterable[SupervisionSegment],
    vocabulary: str,
    events_complete: bool,
    *,
    output_dir: str | Path | None = None,
    custom: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """
    Fix the manifests, make cuts, print what was dropped, write everything.

    Times and labels that can hardly be meant are noted, and a clip most of
    whose events lie behind its end does not count as annotated completely.

    :param report: what was noted so far; completed here.
    :param recordings: recordings of the part.
    :param supervisions: their supervisions.
    :param vocabulary: name of the annotated table.
    :param events_complete: whether what is not annotated is absent.
    :param output_dir: where manifests and report go; nowhere when None.
    :param custom: recording id → further fields of its cut.
    :return: ``{"recordings", "supervisions", "cuts"}``.
    """
    annotated = list(supervisions)
    doubtful = note_implausible(report, recordings, annotated)
    recordings, kept = fix_sed_manifests(
        recordings, SupervisionSet.from_segments(annotated), report
    )
    custom = {
        **(custom or {}),
        **{
            name: {**(custom or {}).get(name, {}), "events_complete": False}
            for name in doubtful
        },
    }
    cuts: CutSet = make_cuts(
        recordings, kept, vocabulary, events_complete, custom
    )
    report.ids = [recording.id for recording in recordings]
    report.counts = {
        "recordings": len(recordings),
        "supervisions": len(kept),
        "recordings without supervisions": sum(
            not cut.supervisions for cut in cuts
        ),
        **report.counts,
    }
    print(report.summary())
    if output_dir is not None:
        save_manifests(
            output_dir,
            report.prefix,
            report.part,
            recordings,
            kept,
            cuts,
        )
        report.save(output_dir)
    return {
        "recordings": recordings,
        "supervisions": kept,
        "cuts": cuts,
    }
