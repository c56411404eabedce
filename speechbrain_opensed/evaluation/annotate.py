"""From cuts to cuts with detected events.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping, Sequence

from lhotse import CutSet
from lhotse.cut import MixedCut, PaddingCut
from lhotse.utils import fastcopy

from lhotse_recipes.io import write_jsonl
from lhotse_recipes.schema import event, events_of
from speechbrain_opensed.evaluation.scoring import score_cuts
from speechbrain_opensed.inference.detection import Detection
from speechbrain_opensed.inference.detector import SoundEventDetector
from speechbrain_opensed.inference.events import check_phrases

__all__ = ["annotate_events"]


def annotate_events(
    cuts: CutSet,
    detector: SoundEventDetector,
    phrases: Sequence[str],
    threshold: float | Mapping[str, float] | None = None,
    batch_size: int = 4,
    normalize: str | None = "spec",
    output=None,
    failed: dict[str, str] | None = None,
    allow_commands: bool = False,
    **settings,
) -> CutSet:
    """Replace the events of cuts by detected ones.

    All that is no event stays: tags, captions, what somebody says.
    `events_complete` becomes False and `vocabulary` "detected", so that no
    training takes what was not found for absent.

    Arguments
    ---------
    cuts : lhotse.CutSet
        Cuts of any length, rate and number of tracks.
    detector : SoundEventDetector
        The model.
    phrases : sequence of str
        What to look for.
    threshold : float or dict of phrase to float, optional
        Score above which a frame belongs to an event; default: what
        `calibrate` found, else 0.5.
    batch_size : int
        Cuts that are read at once.
    normalize : str or None
        See :meth:`SoundEventDetector.detect_batch`.
    output : str or Path, optional
        Write the cuts to this `.jsonl` or `.jsonl.gz` file one by one, and
        return them lazily: for more than fit in memory.
    failed : dict, optional
        Where given, cuts that cannot be used are left out, and noted here:
        id to reason. Otherwise the first one ends the call.
    allow_commands : bool
        Let audio come from shell commands and from addresses on the net,
        which a manifest may name.
    **settings
        `median_seconds`, `min_duration`, `merge_gap` of
        :meth:`Detection.from_scores`.

    Returns
    -------
    lhotse.CutSet
        The cuts under their ids; each event has its score as `confidence`.

    Raises
    ------
    ValueError
        If a phrase or a cut cannot be used; the message names it.

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
    phrases = check_phrases(phrases)
    threshold = detector.thresholds(phrases, threshold)

    def annotated():
        for cut, scores in score_cuts(
            cuts,
            detector,
            phrases,
            batch_size,
            normalize,
            failed=failed,
            allow_commands=allow_commands,
        ):
            found = Detection.from_scores(
                scores,
                phrases,
                detector.spec.hop_seconds,
                cut.duration,
                threshold,
                path=cut.id,
                **settings,
            )
            yield _with_events(cut, found.events)

    if output is None:
        return CutSet.from_cuts(annotated())
    write_jsonl(output, annotated())
    return CutSet.from_file(output)


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
