"""SERST: captioned clips with short references of the sounds in them.

After Xiong et al., "Sound-event-enhanced prompt adapter" (2024),
https://arxiv.org/abs/2409.09381: AudioSet-Strong's events (or AudioGrounding's)
and captions of the same clips (WavCaps, AudioCaps). The authors' set is not
needed; theirs has 88 464 clips to train on.
"""

import bisect
import hashlib
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any

from lhotse import CutSet, RecordingSet, SupervisionSet
from lhotse.cut import Cut, MonoCut, MultiCut
from lhotse.utils import fastcopy

from lhotse_recipes.building.corpus import ordered_map
from lhotse_recipes.captioning import join_captions, video_of
from lhotse_recipes.io import PrepareReport, save_manifests, write_jsonl
from lhotse_recipes.references import POLICIES, EnergyFilter, cut_references
from lhotse_recipes.schema import captions_of, events_of, label_of
from lhotse_recipes.splits import split_of_group

__all__ = ["prepare_serst", "reference_pairs", "video_of"]

_PREFIX = "serst"
_SPLITS = {"train": 0.9, "valid": 0.02, "test": 0.08}
_CHUNK = 64


def prepare_serst(
    source: "str | Path | CutSet | dict",
    output_dir: str | Path | None = None,
    captions: "str | Path | CutSet | dict | None" = None,
    *,
    ref_policy: str = "same_clip",
    seconds: float = 2.0,
    pad: bool = False,
    loudest_dbfs: float = -50.0,
    share: float = 0.25,
    within_db: float = 30.0,
    splits: Mapping[str, float] | None = None,
    seed: int = 0,
    num_jobs: int = 1,
    executor: Executor | None = None,
) -> dict[str, dict[str, Any]]:
    """
    Cut references of the events in captioned clips.

    For each clip and event label, the label's first occurrence, prolonged by
    the following ones until it has ``seconds``, is a reference; overlapping
    occurrences count once. A clip knows the ids of its references in
    ``custom["references"]``. All parts of the source are put together and split
    anew by video, so that no video is in two parts.

    :param source: clips with events: manifest of cuts, CutSet, or what
        ``prepare_audioset_strong`` or ``prepare_audiogrounding`` returned.
    :param output_dir: where ``serst_{recordings,supervisions,cuts}_<part>``,
        ``serst_references_<part>`` and reports go; nothing is written when
        None.
    :param captions: clips with captions of the same videos, as the source; not
        needed where the source has captions.
    :param ref_policy: "same_clip" (the paper's; a model may copy its
        reference), or "other_clip_same_event": the reference of the same label
        in another video of the part.
    :param seconds: length of a reference.
    :param pad: pad what is too short with silence instead of leaving it out.
    :param loudest_dbfs: the loudest 25 ms of a reference must reach this level.
    :param share: least share of its frames within ``within_db`` of the
        loudest; 0 and a ``loudest_dbfs`` of −200 let everything pass.
    :param within_db: see share.
    :param splits: part → share of the videos; train 0.9, valid 0.02, test 0.08.
    :param seed: of the split and of references from other clips.
    :param num_jobs: threads that read audio.
    :param executor: any executor, used instead of threads.
    :return: part → ``{"recordings", "supervisions", "cuts", "references"}``.
    :raises ValueError: an unknown policy, clips that occur twice, or nothing is
        left.
    """
    if ref_policy not in POLICIES:
        raise ValueError(
            f"ref_policy {ref_policy!r}: choose from {', '.join(POLICIES)}"
        )
    if not seconds > 0:
        raise ValueError(f"seconds {seconds} must be above 0")
    shares = dict(_SPLITS if splits is None else splits)
    reports = {part: PrepareReport(_PREFIX, part) for part in shares}
    energy = EnergyFilter(loudest_dbfs, within_db, share)
    clips: dict[str, list[Cut]] = {part: [] for part in shares}
    for cut in _captioned(_cuts(source), captions):
        part = split_of_group(video_of(cut.id), shares, seed)
        if not captions_of(cut):
            reports[part].drop("no caption", cut.id)
        elif not events_of(cut):
            reports[part].drop("no event", cut.id)
        else:
            clips[part].append(cut)
    find = partial(_references_of, seconds=seconds, energy=energy, pad=pad)
    prepared = {}
    for part, report in reports.items():
        chosen = clips[part]
        batches = [
            chosen[k : k + _CHUNK] for k in range(0, len(chosen), _CHUNK)
        ]
        desc = f"{_PREFIX} {part}: cutting references"
        references: dict[str, list[Cut]] = {}
        found = ordered_map(
            find, batches, num_jobs, executor=executor, desc=desc
        )
        for clip, cuts, refused in (one for some in found for one in some):
            references[clip] = cuts
            for reason, label in refused:
                report.drop(f"reference {reason}", f"{clip} {label}")
        ids = _choose(chosen, references, ref_policy, seed, report)
        prepared[part] = _finish(chosen, ids, references, report, output_dir)
    if not any(len(one["cuts"]) for one in prepared.values()):
        raise ValueError(
            "no clip has a caption and a reference; see the reports above, "
            "and whether the captions are of the same videos"
        )
    return prepared


def reference_pairs(prepared: Mapping[str, Any]) -> list[tuple[Cut, Cut]]:
    """
    All pairs of a clip and a reference, as the paper's test set has them.

    :param prepared: a part of what :func:`prepare_serst` returned.
    :return: (clip, reference), in order.
    """
    of_id = {cut.id: cut for cut in prepared["references"]}
    return [
        (cut, of_id[name])
        for cut in prepared["cuts"]
        for name in cut.references
    ]


def _cuts(source: Any) -> list[Cut]:
    if isinstance(source, (str, Path)):
        if not Path(source).is_file():
            raise FileNotFoundError(f"{source}: no such manifest of cuts")
        source = CutSet.from_file(source)
    if isinstance(source, Mapping):
        if "cuts" in source:
            return list(source["cuts"])
        return [cut for part in source.values() for cut in part["cuts"]]
    return list(source)


def _captioned(cuts: list[Cut], captions: Any) -> list[Cut]:
    """The cuts with the captions of their clip or, failing that, video."""
    strange = [c.id for c in cuts if not isinstance(c, (MonoCut, MultiCut))]
    if strange:
        raise ValueError(
            f"{len(strange)} cuts are mixtures ({', '.join(strange[:5])}); "
            "references are cut from recordings"
        )
    double = [k for k, n in Counter(cut.id for cut in cuts).items() if n > 1]
    if double:
        raise ValueError(
            f"{len(double)} clips occur twice: {', '.join(double[:5])}; keep "
            "one of each"
        )
    if captions is None:
        return cuts
    return join_captions(cuts, _cuts(captions))[0]


def _references_of(
    cuts: list[Cut], seconds: float, energy: EnergyFilter, pad: bool
) -> list[tuple[str, list[Cut], list[tuple[str, str]]]]:
    results: list[Any] = []
    for cut in cuts:
        try:
            found = cut_references(cut, seconds, energy, pad)
        # Each of Lhotse's backends has errors of its own.
        except Exception as error:
            reason = str(error).partition("\n[extra info]")[0].strip()
            results.append((cut.id, [], [("unreadable", reason)]))
        else:
            results.append((cut.id, found.cuts, found.refused))
    return results


def _choose(
    cuts: list[Cut],
    references: Mapping[str, list[Cut]],
    policy: str,
    seed: int,
    report: PrepareReport,
) -> dict[str, list[str]]:
    """Clip → ids of its references."""
    if policy == "same_clip":
        return {k: [one.id for one in some] for k, some in references.items()}
    # A ring of hashes for each label: a clip takes the next reference after
    # its own place, so that one clip more changes few choices.
    rings: dict[str, list[tuple[bytes, Cut]]] = {}
    for some in references.values():
        for one in some:
            place = _hash(f"{seed}\n{one.id}")
            rings.setdefault(one.label, []).append((place, one))
    for ring in rings.values():
        ring.sort(key=lambda entry: entry[0])
    chosen: dict[str, list[str]] = {}
    for cut in cuts:
        chosen[cut.id] = []
        for label in dict.fromkeys(label_of(sup) for sup in events_of(cut)):
            place = _hash(f"{seed}\n{cut.id}\n{label}")
            other = _other_video(rings.get(label, []), place, video_of(cut.id))
            if other is None:
                report.drop("no other clip of the event", f"{cut.id} {label}")
            else:
                chosen[cut.id].append(other.id)
    return chosen


def _other_video(
    ring: list[tuple[bytes, Cut]], place: bytes, video: str
) -> Cut | None:
    start = bisect.bisect(ring, place, key=lambda entry: entry[0])
    for step in range(len(ring)):
        one = ring[(start + step) % len(ring)][1]
        if video_of(one.clip) != video:
            return one
    return None


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _finish(
    cuts: list[Cut],
    ids: Mapping[str, list[str]],
    references: Mapping[str, list[Cut]],
    report: PrepareReport,
    output_dir: str | Path | None,
) -> dict[str, Any]:
    kept = []
    for cut in cuts:
        if ids[cut.id]:
            custom = {**(cut.custom or {}), "references": ids[cut.id]}
            kept.append(fastcopy(cut, custom=custom))
        else:
            report.drop("no reference", cut.id)
    used = {name for cut in kept for name in cut.references}
    excerpts = [
        one for some in references.values() for one in some if one.id in used
    ]
    report.coverage = (len(kept), len(cuts))
    report.ids = [cut.id for cut in kept]
    report.count("clips", len(kept))
    report.count("references", len(excerpts))
    report.count("pairs", sum(len(cut.references) for cut in kept))
    print(report.summary())
    recordings = {cut.recording.id: cut.recording for cut in kept}
    manifests = {
        "recordings": RecordingSet.from_recordings(recordings.values()),
        "supervisions": SupervisionSet.from_segments(
            sup for cut in kept for sup in cut.supervisions
        ),
        "cuts": CutSet.from_cuts(kept),
    }
    if output_dir is not None:
        save_manifests(output_dir, _PREFIX, report.part, **manifests)
        name = f"{_PREFIX}_references_{report.part}.jsonl.gz"
        write_jsonl(Path(output_dir) / name, excerpts)
        report.save(output_dir)
    return {**manifests, "references": CutSet.from_cuts(excerpts)}
