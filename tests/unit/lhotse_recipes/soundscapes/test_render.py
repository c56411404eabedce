"""The fast renderer gives Lhotse's own samples."""

import numpy as np
import pytest
import soundfile
from lhotse import MonoCut, Recording, RecordingSet
from lhotse.cut import MixedCut, MixTrack

from lhotse_recipes.soundscapes import simulate_soundscapes
from lhotse_recipes.soundscapes.render import SourceCache, render

RATE = 16000


def check_same(cut, cache=None):
    wanted, got = cut.load_audio()[0], render(cut, cache)
    assert got.dtype == np.float32 and got.shape == wanted.shape
    assert np.abs(got - wanted).max() <= 1e-5
    return got


def recording_of(path, seconds, rate=RATE, channels=1, seed=0):
    rng = np.random.default_rng(seed)
    shape = (round(seconds * rate), channels)
    soundfile.write(path, 0.1 * rng.standard_normal(shape).clip(-4, 4), rate)
    return Recording.from_file(path)


@pytest.mark.parametrize("max_bytes", [0, 2**20, 2**29])
def test_soundscapes(bank, max_bytes):
    cache = SourceCache(max_bytes)
    cuts = simulate_soundscapes(
        bank, None, num_clips=10, seed=0, event_duration=(0.3, 1.5)
    )
    for _ in range(2):
        for cut in cuts:
            assert np.array_equal(check_same(cut, cache), check_same(cut))
    assert cache.num_bytes <= max_bytes
    assert (cache.num_bytes > 0) == (max_bytes > 0)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
def test_formats_loops_and_long_files(bank, tmp_path, suffix):
    recordings = [
        recording_of(tmp_path / f"{seconds}{suffix}", seconds, seed=k)
        for k, seconds in enumerate([1.3, 7.7, 45.0])
    ]
    grounds = RecordingSet.from_recordings(recordings)
    for cut in simulate_soundscapes(bank, grounds, num_clips=9, seed=1):
        check_same(cut)


def test_resampled_and_multichannel_sources(bank, tmp_path):
    grounds = RecordingSet.from_recordings(
        [
            recording_of(tmp_path / "a.wav", 12.0, 44100, channels=2),
            recording_of(tmp_path / "b.wav", 6.0, 22050),
        ]
    )
    cache = SourceCache()
    for cut in simulate_soundscapes(bank, grounds, num_clips=6, seed=2):
        check_same(cut, cache)
        check_same(cut, cache)


def test_plain_cuts_padding_and_volume(tmp_path):
    cut = recording_of(tmp_path / "a.wav", 3.0).to_cut()
    for one in (
        cut,
        cut.truncate(offset=0.5, duration=1.2345),
        cut.perturb_volume(0.5).truncate(offset=1.0),
        cut.pad(duration=5.0),
        cut.pad(duration=5.0, direction="left"),
        cut.mix(cut.truncate(duration=1.0), offset_other_by=2.5, snr=3),
        cut.resample(8000).mix(cut.resample(8000), snr=-3),
        cut.mix(cut, snr=10).perturb_volume(0.3),
        cut.mix(cut, snr=0).clip_amplitude(),
        cut.perturb_speed(1.1),
    ):
        check_same(one)


def test_references_that_are_muted_or_not_first(bank, tmp_path):
    cut = recording_of(tmp_path / "a.wav", 3.0).to_cut()
    quiet = recording_of(tmp_path / "b.wav", 3.0, seed=1).to_cut()
    quiet = quiet.perturb_volume(0.1)
    silent = Recording.from_file(
        recording_of(tmp_path / "c.wav", 3.0).sources[0].source
    ).to_cut()
    silent = silent.perturb_volume(0.0)
    for tracks in (
        [MixTrack(cut, snr=5), MixTrack(quiet, offset=1.0)],
        [MixTrack(cut), MixTrack(quiet, snr=5, is_snr_reference=True)],
        [
            MixTrack(cut, snr=5),
            MixTrack(quiet, is_snr_reference=True, mute=True),
        ],
        [MixTrack(silent), MixTrack(cut, snr=5)],
        [MixTrack(cut), MixTrack(silent, snr=5)],
    ):
        check_same(MixedCut("mix", tracks))
    for soundscape in simulate_soundscapes(bank, None, num_clips=3, seed=0):
        for stem in soundscape.unmix():
            check_same(stem)


def test_several_channels_are_refused(tmp_path):
    cut = recording_of(tmp_path / "a.wav", 1.0, channels=2).to_cut()
    with pytest.raises(ValueError, match="has 2 channels"):
        render(cut)
    with pytest.raises(ValueError, match="has 0 channels"):
        render(MonoCut("bare", 0, 1, 0))


def test_callers_may_change_what_they_get(tmp_path):
    cut = recording_of(tmp_path / "a.wav", 1.0).to_cut()
    cache = SourceCache()
    render(cut, cache)[:] = 0.0
    assert np.abs(render(cut, cache)).max() > 0.0
