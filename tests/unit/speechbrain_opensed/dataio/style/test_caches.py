"""Caches of a training: what is in them is what encoders give."""

import pytest
import soundfile
import torch
from lhotse import CutSet

from lhotse_recipes.schema import event
from lhotse_recipes.soundscapes.captions import with_caption
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.dataio.style import caches as style_caches
from speechbrain_opensed.dataio.style import cuts as style_cuts
from speechbrain_opensed.dataio.style.caches import (
    cache_latents,
    cache_texts,
    load_clips,
)
from speechbrain_opensed.dataio.style.cuts import prepare_serst_cuts
from speechbrain_opensed.lobes.style.codec import MelCodec
from speechbrain_opensed.lobes.text.states import HashTextStates

SPEC = SedSpec(sample_rate=8000, window_seconds=0.5)


@pytest.fixture
def cuts(make_cut):
    return [
        with_caption(make_cut(f"clip{k}", 0.3 + 0.1 * k), f"sound {k % 2}")
        for k in range(3)
    ]


def codec(**options):
    settings = {"channels": 4, "num_mels": 16, "n_fft": 256, "hop_length": 80}
    return MelCodec(sample_rate=8000, **{**settings, **options})


def test_latents_are_those_of_the_codec(cuts, tmp_path):
    own = codec()
    wavs = load_clips(cuts, SPEC)
    assert wavs.shape == (3, 4000) and not wavs[0, 2400:].any()
    own.calibrate(own.mel(wavs))
    cache = cache_latents(tmp_path, cuts, own, SPEC, batch_size=2)
    expected, _ = own.encode(own.mel(wavs))
    for row, cut in zip(expected, cuts, strict=True):
        assert cache[cut.id].keys() == {"mean"}
        mean = cache[cut.id]["mean"].float()
        torch.testing.assert_close(mean, row, rtol=1e-3, atol=1e-3)


def test_variances_are_kept(cuts, tmp_path):
    class Varied(MelCodec):
        def encode(self, mel):
            mean, _ = super().encode(mel)
            return mean, mean - 1

    own = Varied(4, 16, 8000, n_fft=256, hop_length=80)
    item = cache_latents(tmp_path, cuts, own, SPEC)["clip1"]
    difference = item["mean"].float() - item["logvar"].float()
    assert (difference - 1).abs().max() < 0.02


def test_other_codecs_have_other_caches(cuts, tmp_path):
    folders = [
        cache_latents(tmp_path, cuts, own, spec).folder
        for own, spec in (
            (codec(), SPEC),
            (codec(), SPEC),
            (codec(channels=5), SPEC),
            (codec(n_fft=512), SPEC),
            (codec(hop_length=160), SPEC),
            (codec(), SedSpec(8000, window_seconds=0.6)),
        )
    ]
    assert folders[0] == folders[1] and len(set(folders)) == 5
    calibrated = codec()
    calibrated.mean += 1
    assert cache_latents(tmp_path, cuts, calibrated, SPEC).folder not in folders


def test_other_audio_under_the_same_ids_is_heard(cuts, tmp_path):
    own = codec()
    before = cache_latents(tmp_path, cuts, own, SPEC)
    path = cuts[1].recording.sources[0].source
    samples, rate = soundfile.read(path)
    soundfile.write(path, samples[::-1], rate)
    after = cache_latents(tmp_path, cuts, own, SPEC)
    assert after.folder != before.folder
    assert not torch.equal(after["clip1"]["mean"], before["clip1"]["mean"])


def test_texts_are_those_of_the_encoder(cuts, tmp_path):
    encoder = HashTextStates(8)
    cache = cache_texts(tmp_path, cuts, encoder)
    assert set(cache) == {"", "sound 0", "sound 1"}
    for name in cache:
        (states,) = encoder.states([name])
        assert (cache[name]["states"].float() - states).abs().max() < 2e-3
    assert cache_texts(tmp_path, cuts, HashTextStates(8)).folder == cache.folder
    for other in (HashTextStates(16), HashTextStates(8, seed=1)):
        assert cache_texts(tmp_path, cuts, other).folder != cache.folder


def test_nothing_is_computed_twice(cuts, tmp_path, monkeypatch):
    own = codec()
    first = cache_latents(tmp_path, cuts, own, SPEC)
    monkeypatch.setattr(style_caches, "load_clips", None)
    again = cache_latents(tmp_path, cuts, own, SPEC)
    assert torch.equal(first["clip2"]["mean"], again["clip2"]["mean"])


def test_references_are_found_once(make_cut, tmp_path, monkeypatch):
    clips = []
    for k in range(6):
        cut = with_caption(make_cut(f"clip{k}", 1.0), "a dog")
        cut.supervisions.append(event(cut.id, 0, 0.1, 0.9, "dog", "Dog"))
        clips.append(cut)
    manifest, folder = tmp_path / "cuts.jsonl", tmp_path / "out"
    CutSet.from_cuts(clips).to_file(manifest)
    options = {"seconds": 0.5, "splits": {"train": 1.0}}
    options["source"] = str(manifest)
    prepare_serst_cuts(folder, **options, num_jobs=1)
    cuts = CutSet.from_file(folder / "serst_cuts_train.jsonl.gz")
    assert all(cut.references == [f"{cut.id}-r0"] for cut in cuts)
    monkeypatch.setattr(style_cuts, "prepare_serst", None)
    prepare_serst_cuts(folder, **options, num_jobs=2)
    with pytest.raises(ValueError, match="other seconds .0.5 instead of 0.6"):
        prepare_serst_cuts(folder, **{**options, "seconds": 0.6})
    CutSet.from_cuts(clips[:-1]).to_file(manifest)
    with pytest.raises(ValueError, match="references made from other source"):
        prepare_serst_cuts(folder, **options)
