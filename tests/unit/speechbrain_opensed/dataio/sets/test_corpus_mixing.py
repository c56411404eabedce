"""Shares, rounds, epochs and ranks of mixed corpora; missing audio."""

import json
from collections import Counter

import numpy as np
import pytest
import soundfile
import torch
from lhotse import CutSet, Recording
from lhotse.testing.dummies import DummyManifest

from lhotse_recipes.io import PrepareReport
from lhotse_recipes.schema import event
from speechbrain_opensed.dataio.audio import with_audio
from speechbrain_opensed.dataio.loader import CutLoader
from speechbrain_opensed.dataio.sets.corpus_mixing import (
    CorpusSampler,
    read_corpora,
)

CORPORA = {
    "large": DummyManifest(CutSet, begin_id=0, end_id=90),
    "small": DummyManifest(CutSet, begin_id=90, end_id=100),
}


def number(cut):
    return int(cut.id.split("-")[-1])


def epoch(sampler, which=0):
    sampler.set_epoch(which)
    return [[number(cut) for cut in batch] for batch in sampler]


class Numbers(torch.utils.data.Dataset):
    def __getitem__(self, key):
        return [number(cut) for cut in key.cuts]


def test_without_weights_all_clips_come_once():
    batches = epoch(CorpusSampler(CORPORA, max_cuts=10))
    assert sorted(sum(batches, [])) == list(range(100))
    assert {len(batch) for batch in batches} == {10}


def test_small_corpora_come_round_evenly():
    sampler = CorpusSampler(
        CORPORA, {"large": 3, "small": 1}, epoch_cuts=60, max_cuts=6
    )
    heard = Counter()
    for which in range(4):
        drawn = sum(epoch(sampler, which), [])
        assert sum(i >= 90 for i in drawn) == 15
        heard.update(drawn)
    # Four epochs: 180 of 90 and 60 of 10.
    assert {heard[i] for i in range(90)} == {2}
    assert {heard[i] for i in range(90, 100)} == {6}


def test_each_round_of_a_corpus_has_an_order_of_its_own():
    # Six rounds of ten, whatever the epochs that they lie in.
    sampler = CorpusSampler(
        CORPORA, {"large": 3, "small": 1}, epoch_cuts=60, max_cuts=6
    )
    walked = [number(cut) for cut in sampler._walk("small", 0, 60)]
    rounds = [tuple(walked[i : i + 10]) for i in range(0, 60, 10)]
    assert all(sorted(one) == list(range(90, 100)) for one in rounds)
    assert len(set(rounds)) == 6


def test_a_weight_of_zero_leaves_a_corpus_out():
    sampler = CorpusSampler(CORPORA, {"large": 0, "small": 2}, max_cuts=5)
    assert sorted(sum(epoch(sampler), [])) == list(range(90, 100))


def test_order_depends_on_seed_and_epoch():
    def drawn(which=1, **options):
        return epoch(CorpusSampler(CORPORA, max_cuts=10, **options), which)

    reference = drawn()
    assert drawn() == reference
    assert drawn(2) != reference and drawn(seed=1) != reference


def test_ranks_share_an_epoch():
    shards = [
        epoch(CorpusSampler(CORPORA, max_cuts=10, rank=r, world_size=2))
        for r in range(2)
    ]
    assert [len(shard) for shard in shards] == [5, 5]
    heard = sum(shards[0] + shards[1], [])
    assert sorted(heard) == list(range(100))


@pytest.mark.parametrize("workers", [0, 2])
def test_resume_within_an_epoch(tmp_path, workers):
    def make():
        sampler = CorpusSampler(
            CORPORA, {"large": 1, "small": 1}, epoch_cuts=40, max_cuts=5
        )
        sampler.set_epoch(3)
        return CutLoader(Numbers(), sampler, num_workers=workers)

    reference = list(make())
    assert len(reference) == 8
    loader = make()
    iterator = iter(loader)
    first = [next(iterator) for _ in range(3)]
    loader._save(tmp_path / "state")
    resumed = make()
    resumed._load(tmp_path / "state", end_of_epoch=False)
    assert first + list(resumed) == reference


@pytest.mark.parametrize(
    "options, words",
    [
        ({"weights": {"large": 1}}, "differ in small"),
        ({"weights": {"large": 1, "small": 1, "x": 1}}, "differ in x"),
        ({"weights": {"large": 2, "small": -1}}, "none may be negative"),
        ({"weights": {"large": 0, "small": 0}}, "nor all be 0"),
        ({"max_cuts": 101}, "100 cuts make no batch of 101"),
    ],
)
def test_weights_that_make_no_sense(options, words):
    with pytest.raises(ValueError, match=words):
        CorpusSampler(CORPORA, **options)


def test_empty_corpora_are_named():
    with pytest.raises(ValueError, match="no cuts in none"):
        CorpusSampler({"none": CutSet.from_cuts([])})


def test_missing_audio_is_an_error_or_counted(make_cut, tmp_path):
    cuts = [make_cut(name) for name in ("here", "gone", "there")]
    (tmp_path / "gone.wav").unlink()
    with pytest.raises(FileNotFoundError, match="cut gone: .*gone.wav"):
        with_audio(cuts)
    report = PrepareReport("x", "audio")
    kept = with_audio(cuts, "skip", report)
    assert [cut.id for cut in kept] == ["here", "there"]
    assert report.dropped == {"missing audio": ["gone"]}
    with pytest.raises(ValueError, match="no audio for any of the cuts"):
        with_audio(cuts[1:2], "skip")
    with pytest.raises(ValueError, match="missing 'silence'"):
        with_audio(cuts, "silence")


def test_corpora_are_read_and_reported(make_cut, tmp_path):
    cuts = CutSet.from_cuts([make_cut("here"), make_cut("gone")])
    cuts.to_file(tmp_path / "a.jsonl.gz")
    manifests = {"a": tmp_path / "a.jsonl.gz", "b": tmp_path / "b.jsonl.gz"}
    (tmp_path / "gone.wav").unlink()
    corpora = read_corpora(manifests, ["b"], "skip", tmp_path / "out")
    assert [cut.id for cut in corpora["a"]] == ["here"]
    report = (tmp_path / "out" / "a_report_audio.json").read_text()
    assert '"gone"' in report
    with pytest.raises(FileNotFoundError, match="b.jsonl.gz"):
        read_corpora(manifests, missing="skip")
    with pytest.raises(ValueError, match="no corpus c to leave out"):
        read_corpora(manifests, "c")
    with pytest.raises(ValueError, match="all corpora are left out"):
        read_corpora(manifests, ["a", "b"])


def written(folder, name, *cuts):
    path = folder / f"{name}.jsonl.gz"
    CutSet.from_cuts(cuts).to_file(path)
    return path


def test_what_is_tested_and_what_has_no_events_is_left_out(tmp_path):
    bark = event("r", 0, 0.1, 0.5, "bark", "Bark")
    path = tmp_path / "sound.wav"
    soundfile.write(path, np.full(16000, 0.1), 16000)
    cuts = [Recording.from_file(path).to_cut() for _ in range(4)]
    for cut in cuts:
        cut.custom = {}
    for cut, name in zip(cuts, "abcd", strict=True):
        cut.id = f"{name * 11}_0"
    cuts[1].supervisions = [bark]
    cuts[2].events_complete = True
    manifests = {
        "one": written(tmp_path, "one", *cuts[:3]),
        "two": written(tmp_path, "two", cuts[3]),
    }
    kept = read_corpora(manifests, kept_out={"video aaaaaaaaaaa"})
    assert [cut.id[0] for cut in kept["one"]] == ["b", "c"]
    assert len(kept["two"]) == 1
    kept = read_corpora(manifests, annotated_only=True, output_folder=tmp_path)
    assert {k: [c.id[0] for c in v] for k, v in kept.items()} == {
        "one": ["b", "c"]
    }
    told = json.loads((tmp_path / "two_report_audio.json").read_text())
    assert told["dropped"]["without annotated events"]["count"] == 1
    everything = {f"video {name * 11}" for name in "abcd"}
    with pytest.raises(ValueError, match="no clip is left of any corpus"):
        read_corpora(manifests, kept_out=everything)
