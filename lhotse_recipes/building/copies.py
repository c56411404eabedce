"""Several files of one clip: copies of which one is read.

Who fetches AudioCaps with audiocaps-download has a file per caption, who
fetches AudioSet with audioset-download may have one per class.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path

from lhotse import Recording

from lhotse_recipes.building.corpus import open_recording, ordered_map
from lhotse_recipes.io import PrepareReport

__all__ = ["keep_one"]

# Bytes that are compared, from the middle of the files.
_SAMPLE = 1 << 16

COPIES = "further copies of a clip"
DIFFERENT = "copies that are not the same bytes"


def keep_one(
    found: Mapping[str, Sequence[str]],
    report: PrepareReport,
    strict: bool = False,
    *,
    num_jobs: int = 1,
    executor: Executor | None = None,
) -> dict[str, str]:
    """
    Choose one file of each clip.

    Files of one clip are copies if they have as many samples at one rate.
    The first is taken, the others are counted. Unreadable ones are noted and
    passed over where another can be read. Copies whose bytes differ, as two
    downloads of one video may, are noted.

    :param found: clip → its files, one or more.
    :param report: gets the counts and notes.
    :param strict: raise at the first unreadable file instead.
    :param num_jobs: threads that read headers.
    :param executor: used instead of threads.
    :return: clip → file.
    :raises ValueError: files of one clip that are no copies of each other.
    """
    chosen = {clip: paths[0] for clip, paths in found.items()}
    several = [(clip, paths) for clip, paths in found.items() if paths[1:]]
    looked_at = ordered_map(
        _look,
        several,
        num_jobs,
        executor=executor,
        desc=f"{report.prefix} {report.part}: comparing copies",
    )
    wrong = []
    for (clip, paths), (readable, unreadable, same) in zip(
        several, looked_at, strict=True
    ):
        lengths = set(readable.values())
        if len(lengths) > 1:
            wrong.append(
                f"{clip}: "
                + " and ".join(
                    f"{path} ({samples} samples at {rate} Hz)"
                    for path, (samples, rate) in readable.items()
                )
            )
            continue
        if unreadable and strict:
            raise ValueError(f"{unreadable[0]}; replace the file or remove it")
        if readable:
            chosen[clip] = next(iter(readable))
            report.count(COPIES, len(paths) - 1)
            for problem in unreadable:
                report.drop("unreadable copy", problem)
            if not same:
                report.note(DIFFERENT, clip)
    if wrong:
        raise ValueError(
            f"{len(wrong)} clips have two audio files that are no copies of "
            f"each other: {'; '.join(wrong[:5])}; keep one of each or name a "
            "folder that has one"
        )
    return chosen


def _look(
    item: tuple[str, Sequence[str]],
) -> tuple[dict[str, tuple[int, float]], list[str], bool]:
    clip, paths = item
    readable: dict[str, tuple[int, float]] = {}
    unreadable = []
    for path in paths:
        try:
            recording: Recording = open_recording(clip, path)
        except ValueError as error:
            unreadable.append(str(error))
        else:
            readable[path] = (recording.num_samples, recording.sampling_rate)
    middles = {_middle(path) for path in readable}
    return readable, unreadable, len(middles) <= 1


def _middle(path: str) -> bytes:
    with open(path, "rb") as file:
        file.seek(max(0, Path(path).stat().st_size // 2 - _SAMPLE // 2))
        return file.read(_SAMPLE)
