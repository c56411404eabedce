"""Embeddings are computed once, from the middle of any audio."""

import numpy as np
import pytest
import soundfile as sf
import torch
from lhotse import AudioSource, Recording

from speechbrain_opensed.dataio.feature_cache import FeatureCache

RATE = 8000


def cut_of(path, name=None):
    """A cut over a file, described by its header as it is now."""
    info = sf.info(path)
    return Recording(
        id=name or path.stem,
        sources=[AudioSource("file", list(range(info.channels)), str(path))],
        sampling_rate=info.samplerate,
        num_samples=info.frames,
        duration=info.frames / info.samplerate,
    ).to_cut()


@pytest.fixture
def clips(tmp_path):
    """Three files, constant at 0.1, 0.2 and 0.3."""
    paths = []
    for number in (1, 2, 3):
        path = tmp_path / f"clip{number}.wav"
        sf.write(path, np.full(800, number / 10), RATE, subtype="FLOAT")
        paths.append(path)
    return paths


class Mean:
    """Embeds a clip by its mean, and counts the clips it heard."""

    def __init__(self):
        self.heard = 0

    def __call__(self, wavs, wav_lens):
        self.heard += len(wavs)
        counts = wav_lens * wavs.shape[1]
        return (wavs.sum(1) / counts).unsqueeze(1)


def test_each_clip_is_heard_once(clips, tmp_path):
    cuts = [cut_of(path) for path in clips]
    mean = Mean()
    cache = FeatureCache(tmp_path / "cache", "mean", RATE, block_size=2)
    first = cache(cuts[:2], mean)
    again = cache(list(reversed(cuts)), mean)
    assert mean.heard == 3
    assert again.report.counts == {"found": 2, "computed": 1}
    assert again.ids == ("clip3", "clip2", "clip1")
    torch.testing.assert_close(
        again.embeddings[:, 0], torch.tensor([0.3, 0.2, 0.1])
    )
    assert torch.equal(again.of(first.ids), first.embeddings)


def test_a_stopped_run_goes_on_where_it_was(clips, tmp_path):
    cuts = [cut_of(path) for path in clips]
    cache = FeatureCache(tmp_path / "cache", "mean", RATE, block_size=1)
    mean = Mean()

    def stops(wavs, wav_lens):
        if mean.heard == 2:
            raise KeyboardInterrupt
        return mean(wavs, wav_lens)

    with pytest.raises(KeyboardInterrupt):
        cache(cuts, stops)
    assert cache(cuts, mean).report.counts == {"found": 2, "computed": 1}


def test_changed_files_other_models_and_crops_are_heard_anew(clips, tmp_path):
    cut = cut_of(clips[0])
    mean = Mean()

    def heard(tower="mean", **options):
        before = mean.heard
        FeatureCache(tmp_path / "c", tower, RATE, **options)([cut], mean)
        return mean.heard - before

    assert heard() == 1
    assert heard() == 0
    assert heard("other") == 1
    assert heard(seconds=0.05) == 1
    assert heard(normalize="peak") == 1
    sf.write(clips[0], np.full(800, 0.7), RATE, subtype="FLOAT")
    assert heard() == 1


def test_the_middle_counts_channels_are_averaged_rates_converted(tmp_path):
    path = tmp_path / "stereo.wav"
    left = np.repeat([0.0, 0.4, 0.0], 2 * RATE)
    sf.write(path, np.stack([left, 0 * left], 1), 2 * RATE, subtype="FLOAT")
    cache = FeatureCache(tmp_path / "cache", "mean", RATE, seconds=0.5)
    shapes = []

    def mean(wavs, wav_lens):
        shapes.append(wavs.shape)
        return wavs.mean(1, keepdim=True)

    (found,) = cache([cut_of(path)], mean).embeddings
    assert shapes == [(1, RATE // 2)]
    # Converting the rate rings at the ends of what is cut out.
    assert found.item() == pytest.approx(0.2, abs=5e-3)


def test_what_cannot_be_read_is_reported(clips, tmp_path):
    cuts = [cut_of(path) for path in clips]
    clips[1].unlink()
    clips[2].write_bytes(b"RIFF")
    features = FeatureCache(tmp_path / "cache", "mean", RATE)(cuts, Mean())
    assert features.ids == ("clip1",)
    assert features.report.coverage == (1, 3)
    reasons = features.report.dropped["unreadable audio"]
    assert "clip2.wav" in reasons[0] and "clip3" in reasons[1]
    with pytest.raises(ValueError, match="none of 2 clips can be read"):
        FeatureCache(tmp_path / "cache", "mean", RATE)(cuts[1:], Mean())


def test_damaged_blocks_and_double_ids_are_refused(clips, tmp_path):
    cuts = [cut_of(clips[0], "a"), cut_of(clips[1], "a")]
    cache = FeatureCache(tmp_path / "cache", "mean", RATE)
    with pytest.raises(ValueError, match="ids of others"):
        cache(cuts, Mean())
    cache(cuts[:1], Mean())
    (block,) = cache.folder.glob("*.safetensors")
    block.write_bytes(block.read_bytes()[:20])
    with pytest.raises(ValueError, match="remove it, and it is computed"):
        cache(cuts[:1], Mean())
