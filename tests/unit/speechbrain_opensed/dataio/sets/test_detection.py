"""Batches: shapes, padding, levels, seeds, and errors in words."""

import numpy as np
import pytest
import torch
from lhotse import CutSet

from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.dataio.batches import BatchKey
from speechbrain_opensed.dataio.queries import AllQueries, RandomNegatives
from speechbrain_opensed.dataio.sets.detection import SedDataset

SPEC = SedSpec(sample_rate=8000, hop_seconds=0.1, window_seconds=1.0)
PHRASES = {
    "dog": "dog barking",
    "cat": "cat meowing",
    "cow": "cow mooing",
    "hen": "hen clucking",
    "puppy": "dog barking",
}


def dataset(sampler=None, **options):
    sampler = sampler or AllQueries(list(PHRASES))
    return SedDataset(SPEC, sampler, PHRASES, **options)


def batch_of(*cuts, **options):
    return dataset(**options)[CutSet.from_cuts(cuts)]


def test_batch_of_two(make_cut):
    batch = batch_of(
        make_cut("long", 1.0, [(0.25, 0.45, "cat"), (0.9, 1.0, "cow")]),
        make_cut("short", 0.55, [(0.0, 0.1, "puppy")]),
    )
    assert batch.ids == ["long", "short"] and len(batch) == 2
    assert batch.wavs.shape == (2, 8000) and batch.wavs.dtype == torch.float32
    assert batch.wav_lens.tolist() == pytest.approx([1.0, 0.55])
    assert batch.phrases == list(dict.fromkeys(PHRASES.values()))
    # Two labels of one phrase share its embedding, not their targets.
    assert batch.query_index.tolist() == [[0, 1, 2, 3, 0]] * 2
    assert batch.targets.shape == (2, 5, 10)
    assert batch.targets[0].nonzero().tolist() == [
        [1, 2],
        [1, 3],
        [1, 4],
        [2, 9],
    ]
    assert batch.targets[1].nonzero().tolist() == [[4, 0]]
    assert batch.mask.all()
    assert batch.frame_mask.sum(1).tolist() == [10, 6]
    assert batch.loss_mask.sum().item() == 5 * 10 + 5 * 6


def test_levels(make_cut):
    cut = make_cut("quiet", samples=np.full(8000, -0.01))
    assert batch_of(cut).wavs.abs().max() == pytest.approx(1.0, abs=1e-5)
    assert batch_of(cut, normalize=None).wavs.abs().max() == pytest.approx(0.01)
    silent = make_cut("silent", samples=np.zeros(8000))
    assert batch_of(silent).wavs.abs().max() == 0
    with pytest.raises(ValueError, match="'rms' is unknown"):
        dataset(normalize="rms")


def test_clips_with_fewer_queries_are_masked(make_cut):
    closed = make_cut("closed", 1.0, [(0, 1, "cow")])
    closed.events_complete = False
    batch = batch_of(
        make_cut("open"), closed, sampler=RandomNegatives(list(PHRASES), 4, 2)
    )
    assert batch.mask.tolist() == [[True] * 4, [True, False, False, False]]
    assert batch.phrases[batch.query_index[1, 0]] == "cow mooing"
    assert batch.targets[1, 0].all() and not batch.targets[1, 1:].any()


def test_batch_of_which_nothing_is_known(make_cut):
    cut = make_cut("open")
    cut.events_complete = False
    batch = batch_of(cut, sampler=RandomNegatives(list(PHRASES), 4, 2))
    assert batch.phrases == ["dog barking"]
    assert batch.query_index.tolist() == [[0]]
    assert not batch.loss_mask.any()


def test_unknown_classes_are_asked_but_masked(make_cut):
    sampler = AllQueries(list(PHRASES), annotated={"pets": ["dog", "cat"]})
    batch = batch_of(make_cut("a", 1.0, [(0, 1, "cat")]), sampler=sampler)
    assert batch.mask.tolist() == [[True, True, False, False, False]]
    assert batch.targets.sum(2).tolist() == [[0, 10, 0, 0, 0]]


def test_queries_depend_on_seed_epoch_number_and_cut_alone(make_cut):
    cuts = [make_cut(f"c{i}", 0.2) for i in range(6)]

    def asked(seed=0, epoch=1, index=2, cuts=cuts):
        sampler = RandomNegatives(list(PHRASES)[:4], 2, 1)
        key = BatchKey(epoch, index, CutSet.from_cuts(cuts))
        batch = dataset(sampler, seed=seed)[key]
        return {
            name: [batch.phrases[k] for k in row]
            for name, row in zip(batch.ids, batch.query_index, strict=True)
        }

    reference = asked()
    assert asked() == reference
    assert asked(cuts=cuts[3:4]) == {"c3": reference["c3"]}
    assert asked(cuts=cuts[::-1]) == reference
    assert asked(seed=1) != reference
    assert asked(epoch=2) != reference
    assert asked(index=3) != reference
    assert len({tuple(x) for x in reference.values()}) > 1


def test_other_rates_and_channels(make_cut):
    stereo = np.stack([np.full(16000, 0.5), np.full(16000, 0.1)], axis=1)
    batch = batch_of(
        make_cut("stereo", rate=16000, samples=stereo), normalize=None
    )
    assert batch.wavs.shape == (1, 8000)
    assert batch.wavs[0, 4000].item() == pytest.approx(0.3, abs=1e-3)


def test_mixtures_sound_as_lhotse_mixes_them(make_cut):
    background = make_cut("background")
    cut = background.mix(
        make_cut("dog", 0.3, [(0, 0.3, "dog")]), offset_other_by=0.5, snr=3
    )
    batch = batch_of(cut, normalize=None)
    wanted = cut.load_audio()[0]
    assert np.allclose(batch.wavs[0].numpy(), wanted, atol=1e-6)
    assert batch.targets[0, 0].nonzero().flatten().tolist() == [5, 6, 7]


def test_less_than_a_frame_too_long_is_cut_off(make_cut):
    batch = batch_of(make_cut("clip", 1.05, [(1.0, 1.05, "dog")]))
    assert batch.wav_lens.tolist() == [1.0]
    assert batch.targets[0, 0].tolist() == [0] * 9 + [1]


def test_longer_cut_is_refused_with_a_remedy(make_cut):
    with pytest.raises(ValueError, match=r"cut clip lasts 1.200 s.*cut_into"):
        batch_of(make_cut("clip", 1.2))


def test_missing_audio(make_cut, tmp_path):
    cut = make_cut("gone")
    (tmp_path / "gone.wav").unlink()
    with pytest.raises(FileNotFoundError, match="cut gone: .*gone.wav is miss"):
        batch_of(cut)
    padded = cut.truncate(duration=0.5).pad(duration=1.0)
    for mixture in (make_cut("there").mix(cut), padded):
        with pytest.raises(FileNotFoundError, match="gone.wav is missing"):
            batch_of(mixture)


def test_cut_without_audio(make_cut):
    cut = make_cut("mute")
    cut.recording = None
    with pytest.raises(ValueError, match="cut mute has no recording"):
        batch_of(cut)


def test_corrupt_audio(make_cut, tmp_path):
    cut = make_cut("broken")
    (tmp_path / "broken.wav").write_bytes(b"RIFF nothing of the kind")
    with pytest.raises(ValueError, match="cut broken: its audio cannot be"):
        batch_of(cut)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_audio_that_is_no_number(make_cut, bad):
    samples = np.zeros(8000)
    samples[7] = bad
    with pytest.raises(ValueError, match="cut odd: .*no numbers"):
        batch_of(make_cut("odd", samples=samples))


def test_label_without_phrase_is_refused(make_cut):
    sampler = AllQueries(["dog", "wolf"])
    with pytest.raises(ValueError, match="label 'wolf' has no phrase"):
        batch_of(make_cut("a"), sampler=sampler)


def test_moving_keeps_everything_else(make_cut):
    batch = batch_of(make_cut("a"))
    moved = batch.to("meta")
    assert moved.wavs.device.type == moved.mask.device.type == "meta"
    assert moved.ids == batch.ids and moved.phrases == batch.phrases
    assert batch.wavs.device.type == "cpu"
