"""AudioSet-Strong as the training recipes read it.

Authors
 * The speechbrain-opensed contributors 2026
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from lhotse import CutSet
from lhotse.cut import Cut

from lhotse_recipes.corpora.audioset_strong import prepare_audioset_strong
from lhotse_recipes.io import PrepareReport, write_jsonl
from lhotse_recipes.splits import split_of_group
from lhotse_recipes.vocabulary import Vocabulary
from speechbrain_opensed.dataio.sets.few_shot import few_shot, read_labels

__all__ = ["prepare_audioset_cuts", "to_window"]

NAME = "recipe"
WINDOW_SECONDS = 10.0
logger = logging.getLogger(__name__)


def prepare_audioset_cuts(
    corpus_dir: str | Path,
    output_folder: str | Path,
    held_out: Sequence[str] | str | Path = (),
    *,
    shots: int = 0,
    valid_share: float = 0.01,
    seed: int = 0,
    num_jobs: int = 1,
) -> Vocabulary:
    """Writes the cut sets that a recipe trains and tests with.

    Parts are `train`, `valid` (a share of the training clips, by a hash of
    their video) and `test` (the evaluation clips). In a few-shot run the
    training clips are `shots` of each held-out class.

    Arguments
    ---------
    corpus_dir : str or Path
        Audio and the official tables.
    output_folder : str or Path
        Gets `recipe_cuts_<part>.jsonl.gz`, the vocabulary and reports.
    held_out : sequence of str, str or Path
        Classes held out of training, or a file with one per line.
    shots : int
        Clips of each held-out class; 0: no few-shot run.
    valid_share : float
        Share of the training clips that validate.
    seed : int
        Of the few-shot choice.
    num_jobs : int
        Threads that read headers.

    Returns
    -------
    Vocabulary
        The 456 classes, and which of them are evaluated.

    Raises
    ------
    FileNotFoundError, ValueError
        As `prepare_audioset_strong` does.

    Example
    -------
    >>> prepare_audioset_cuts("nowhere", "results")
    Traceback (most recent call last):
    FileNotFoundError: nowhere: no such folder
    """
    folder = Path(output_folder)
    # Before anything is read: what is asked for has to exist.
    labels = read_labels(held_out, Vocabulary.load("audioset_strong"))
    if shots and not labels:
        raise ValueError("shots without held-out classes: name them")
    prepared = prepare_audioset_strong(
        corpus_dir, folder, parts=("train", "eval"), num_jobs=num_jobs
    )
    vocabulary = Vocabulary.load(folder / "audioset_strong.csv")
    shares = {"train": 1 - valid_share, "valid": valid_share}
    parts = {"train": [], "valid": [], "test": list(prepared["eval"]["cuts"])}
    for cut in prepared["train"]["cuts"]:
        # Clips are named by video and start.
        video = cut.recording_id.rpartition("_")[0]
        parts[split_of_group(video, shares, seed=0)].append(cut)
    if shots:
        parts["train"], counts = few_shot(parts["train"], labels, shots, seed)
        logger.info("few-shot clips: %s", counts)
    for part, cuts in parts.items():
        report = PrepareReport(NAME, part)
        kept = [to_window(cut, report) for cut in cuts]
        if not kept:
            raise ValueError(
                f"no clip for the part {part!r}: give more of AudioSet-"
                "Strong, or another valid_share"
            )
        write_jsonl(
            folder / f"{NAME}_cuts_{part}.jsonl.gz", CutSet.from_cuts(kept)
        )
        report.count("clips", len(kept))
        report.save(folder)
    return vocabulary


def to_window(cut: Cut, report: PrepareReport) -> Cut:
    """AudioSet's clips last ten seconds, its files sometimes a bit more.

    Arguments
    ---------
    cut : lhotse.cut.Cut
        A clip.
    report : PrepareReport
        Where to note that it was cut.

    Returns
    -------
    lhotse.cut.Cut
        Of ten seconds at most.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> cut = dummy_cut(0, duration=10.5)
    >>> to_window(cut, PrepareReport("recipe", "train")).duration
    10.0
    """
    if cut.duration <= WINDOW_SECONDS:
        return cut
    report.note("cut to ten seconds", cut.id)
    return cut.truncate(duration=WINDOW_SECONDS, preserve_id=True)
