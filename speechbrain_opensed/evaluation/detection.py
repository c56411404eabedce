"""From cuts and scores to a table of PSDS.

Authors
 * The speechbrain-opensed contributors 2026
"""

import json
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from lhotse import CutSet
from lhotse.cut import Cut

from lhotse_recipes.fingerprint import audio_files
from speechbrain_opensed.core.fingerprint import fingerprint
from speechbrain_opensed.evaluation.ground_truth import GroundTruth
from speechbrain_opensed.evaluation.scoring import score_cuts
from speechbrain_opensed.inference.detection import smooth
from speechbrain_opensed.inference.detector import SoundEventDetector
from speechbrain_opensed.metrics import (
    PsdsResult,
    SedProtocol,
    compute_psds,
    get_protocol,
)
from speechbrain_opensed.metrics.boxes import BoxSettings, box_scores
from speechbrain_opensed.metrics.score_store import ScoreStore, ScoreWriter

logger = logging.getLogger(__name__)

__all__ = [
    "boxed",
    "check_store",
    "psds_table",
    "smoothed",
    "store_scores",
]


def store_scores(
    cuts: CutSet,
    truth: GroundTruth,
    detector: SoundEventDetector,
    folder: str | Path,
    *,
    median_seconds: float = 0.36,
    batch_size: int = 4,
    allow_commands: bool = False,
) -> ScoreStore:
    """Score cuts for all labels, smooth and keep the scores on disk.

    Arguments
    ---------
    cuts : lhotse.CutSet
        The cuts.
    truth : GroundTruth
        Their labels, phrases and durations.
    detector : SoundEventDetector
        The model.
    folder : str or Path
        Where the scores go. If it exists, it has to hold scores of the same
        model, phrases and cuts, such as a run left that was interrupted
        later; they are taken.
    median_seconds : float
        Span of the median filter; part of the protocol.
    batch_size : int
        Cuts that are read at once.
    allow_commands : bool
        Let audio come from shell commands and from addresses on the net.

    Returns
    -------
    ScoreStore
        `[frames, labels]` by cut id.

    Raises
    ------
    FileExistsError
        If the folder holds anything else.

    Example
    -------
    >>> import tempfile
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from lhotse_recipes.schema import event
    >>> from speechbrain_opensed.evaluation.ground_truth import read_truth
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
    >>> bark = event("r", 0, 0.1, 0.2, "dog barking", "Bark")
    >>> cut = dummy_cut(0, supervisions=[bark], with_data=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     truth = read_truth([cut])
    ...     store = store_scores([cut], truth, detector, f"{folder}/scores")
    >>> store.classes, store[cut.id].shape
    (['Bark'], (25, 1))
    """
    phrases = list(truth.phrases.values())
    hop = detector.spec.hop_seconds
    frames = detector.spec.num_frames(max(truth.durations.values()))
    about: dict[str, Any] = {
        "model": fingerprint(detector, repr(detector.spec)),
        "precision": detector.precision,
        "phrases": dict(truth.phrases),
        "median_seconds": median_seconds,
        "version": version("speechbrain-opensed"),
        "audio": {},
    }
    kept = _kept_scores(folder, about, cuts)
    if kept is not None:
        return kept
    with ScoreWriter(
        folder, list(truth.phrases), hop, frames, about=about
    ) as writer:
        for cut, scores in score_cuts(
            cuts,
            detector,
            phrases,
            batch_size=batch_size,
            allow_commands=allow_commands,
        ):
            writer.about["audio"][cut.id] = audio_files(cut)
            smoothed = smooth(scores[:frames], median_seconds, hop)
            writer.append([cut.id], smoothed[None], [cut.duration])
    return ScoreStore(folder)


def _kept_scores(folder, about, cuts):
    """What is there already, if it is made of just the same."""
    try:
        store = ScoreStore(folder)
    except (FileNotFoundError, NotADirectoryError):
        return None
    audio = {cut.id: audio_files(cut) for cut in cuts}
    # As it is after a while on disk.
    if store.about != json.loads(json.dumps({**about, "audio": audio})):
        raise FileExistsError(
            f"{folder} holds scores of another model, other phrases, settings "
            "or cuts: remove it or write elsewhere"
        )
    logger.info("%s: the scores are there already and are taken", folder)
    return store


def check_store(
    store: ScoreStore, truth: GroundTruth, cuts: Iterable[Cut] = ()
) -> None:
    """Refuses stored scores that are of other cuts.

    Arguments
    ---------
    store : ScoreStore
        The scores.
    truth : GroundTruth
        From :func:`read_truth`.
    cuts : iterable of Cut
        The cuts, where their files shall be compared with what was scored.

    Raises
    ------
    ValueError
        If a cut's scores are of another duration, a cut has none, or a file
        has changed since it was scored.

    Example
    -------
    >>> check_store.__name__
    'check_store'
    """
    for cut, seconds in truth.durations.items():
        if cut not in store.durations:
            raise ValueError(
                f"cut {cut} has no scores: they are of other cuts, "
                f"{len(store.durations)} such as {next(iter(store))!r}"
            )
        if abs(store.durations[cut] - seconds) > store.hop_seconds + 1e-6:
            raise ValueError(
                f"cut {cut} lasts {seconds:g} s, its scores were made from "
                f"{store.durations[cut]:g} s: score these cuts anew"
            )
    scored = store.about.get("audio", {})
    for one in cuts:
        before = scored.get(one.id, {})
        for path, state in audio_files(one).items():
            if before.get(path, state) != state:
                raise ValueError(
                    f"cut {one.id}: {path} has changed since it was scored: "
                    "score these cuts anew"
                )


def smoothed(
    scores: ScoreStore, median_seconds: float
) -> dict[str, np.ndarray]:
    """Stored scores after one more median filter.

    Arguments
    ---------
    scores : ScoreStore
        The scores.
    median_seconds : float
        Span of the filter.

    Returns
    -------
    dict of cut id to np.ndarray
        `[frames, classes]`.

    Example
    -------
    >>> smoothed.__annotations__["median_seconds"]
    <class 'float'>
    """
    return {
        clip: smooth(
            np.asarray(scores[clip]), median_seconds, scores.hop_seconds
        )
        for clip in scores
    }


def boxed(
    scores: Mapping,
    labels: Sequence[str],
    hop_seconds: float,
    settings: Mapping[str, BoxSettings],
) -> dict[str, np.ndarray]:
    """Scores that are constant within bounding boxes.

    Arguments
    ---------
    scores : mapping of cut id to np.ndarray
        `[frames, classes]`, not smoothed.
    labels : sequence of str
        What the columns stand for.
    hop_seconds : float
        Length of a frame.
    settings : mapping of label to BoxSettings
        Where a label is missing, the default.

    Returns
    -------
    dict of cut id to np.ndarray
        `[frames, classes]`, minus infinity outside of boxes.

    Example
    -------
    >>> boxed({"a": np.array([[0.1], [0.9]])}, ["dog"], 1.0, {})["a"].shape
    (2, 1)
    """
    of_label = [settings.get(label, BoxSettings()) for label in labels]
    return {
        clip: box_scores(np.asarray(scores[clip]), hop_seconds, of_label)
        for clip in scores
    }


def psds_table(
    scores: Mapping,
    truth: GroundTruth,
    hop_seconds: float,
    *,
    seen: Collection[str] | None = None,
    num_jobs: int = 1,
    protocol: SedProtocol | None = None,
) -> dict[str, dict[str, PsdsResult]]:
    """PSDS of all classes, and of seen and unseen ones.

    Arguments
    ---------
    scores : mapping of cut id to np.ndarray
        `[frames, classes]`, smoothed, in the order of `truth.phrases`.
    truth : GroundTruth
        From :func:`read_truth`.
    hop_seconds : float
        Length of a frame.
    seen : collection of str, optional
        Labels that the model was trained on.
    num_jobs : int
        Threads.
    protocol : SedProtocol, optional
        Which PSDS; default: `flexsed`, which has `PSDS1_A` and `PSDS1_T`.

    Returns
    -------
    dict
        `all`, `seen` and `unseen` to names of the protocol to results.

    Raises
    ------
    ValueError
        If a seen label is not in the vocabulary, or a group has no events.

    Example
    -------
    >>> import numpy as np
    >>> truth = GroundTruth({"a": [(0, 1, "Dog")]}, {"a": 9}, {"Dog": "a dog"})
    >>> scores = {"a": np.repeat([[0.9], [0.1]], [25, 200], axis=0)}
    >>> psds_table(scores, truth, 0.04)["all"]["PSDS1_A"].psds
    1.0
    """
    labels = list(truth.phrases)
    protocol = protocol or get_protocol("flexsed")
    table = {
        variant: compute_psds(
            scores,
            truth.events,
            truth.durations,
            labels,
            hop_seconds,
            num_jobs=num_jobs,
            **settings,
        )
        for variant, settings in protocol.settings().items()
    }
    groups = {"all": dict(table)}
    if seen is not None:
        for name, members in (
            ("seen", [label for label in labels if label in seen]),
            ("unseen", [label for label in labels if label not in seen]),
        ):
            groups[name] = {
                metric: result.group(members)
                for metric, result in table.items()
            }
    return groups
