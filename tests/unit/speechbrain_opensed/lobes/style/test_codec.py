"""Codecs between sound and latents."""

import pytest
import torch

from speechbrain_opensed.lobes.style.codec import (
    LogMel,
    MelCodec,
    full_scale,
    sample_latent,
)
from speechbrain_opensed.lobes.text.states import HashTextStates


@pytest.fixture(scope="module")
def wavs():
    time = torch.arange(8000) / 16000
    tone = torch.sin(2 * torch.pi * 440 * time) * torch.exp(-3 * time)
    generator = torch.Generator().manual_seed(0)
    return torch.stack([tone, 0.1 * torch.randn(8000, generator=generator)])


def test_spectrogram_is_that_of_tango(wavs):
    from torchaudio.transforms import MelSpectrogram

    reference = MelSpectrogram(
        16000,
        n_fft=1024,
        hop_length=160,
        n_mels=64,
        power=1.0,
        norm="slaney",
        mel_scale="slaney",
    )(wavs)
    expected = reference.clamp(min=1e-5).log().transpose(1, 2)[:, :50]
    torch.testing.assert_close(LogMel()(wavs)[:, 0], expected)


def test_latents_are_white_and_keep_lengths(wavs):
    codec = MelCodec(channels=16)
    mel = codec.mel(wavs)
    codec.calibrate(mel)
    z, logvar = codec.encode(mel)
    assert logvar is None and z.shape == (2, 16, 13, 16)
    assert z.mean(dim=(0, 2, 3)).abs().max() < 1e-4
    torch.testing.assert_close(z.std(dim=(0, 2, 3)), torch.ones(16))
    torch.testing.assert_close(codec.decode(z), mel, atol=1e-4, rtol=0)
    few = MelCodec(channels=4)
    lossy = few.decode(few.encode(mel)[0])
    # The basis is orthonormal: what is kept is kept exactly.
    torch.testing.assert_close(few.encode(lossy)[0], few.encode(mel)[0])
    assert 0.05 < (lossy - mel).square().mean() < mel.var() / 2


def test_waves_have_the_spectrogram_and_do_not_depend_on_the_batch(wavs):
    codec = MelCodec(channels=16)
    mel = codec.mel(wavs)
    state = torch.get_rng_state()
    back = codec.wave(mel)
    assert torch.equal(state, torch.get_rng_state())
    assert back.shape == (2, 8320)
    assert (codec.mel(back) - mel).abs().mean() < 0.35
    torch.testing.assert_close(
        codec.wave(mel[1:])[0], back[1], atol=1e-3, rtol=0
    )


def test_silence_and_clicks_stay_finite():
    codec = MelCodec()
    for wav in (torch.zeros(1, 3), torch.zeros(1, 9000), torch.ones(1, 9000)):
        mel = codec.mel(wav)
        assert mel.shape[2] % 4 == 0
        assert torch.isfinite(
            codec.wave(codec.decode(codec.encode(mel)[0]))
        ).all()
    assert full_scale(torch.zeros(1, 5)).abs().max() == 0
    assert torch.isfinite(codec.wave(torch.full((1, 1, 4, 64), 1e4))).all()


def test_latents_are_drawn_with_their_variance():
    mean = torch.full((1, 8, 100, 16), 2.0)
    generator = torch.Generator().manual_seed(0)
    z = sample_latent(mean, torch.full_like(mean, -2.0), generator)
    assert z.mean().item() == pytest.approx(2, abs=0.02)
    assert z.var().log().item() == pytest.approx(-2, abs=0.05)


@pytest.mark.parametrize("settings", [{"channels": 17}, {"num_mels": 30}])
def test_sizes_that_do_not_fit(settings):
    with pytest.raises(ValueError, match="1 to 16 channels and a multiple"):
        MelCodec(**settings)


def test_prompts_are_read_once():
    encoder = HashTextStates(4)
    asked = []
    embed = encoder.embed
    encoder.embed = lambda prompts: asked.extend(prompts) or embed(prompts)
    states, mask = encoder(["rain", "", "a bell, far off", "rain"])
    again, _ = encoder(["", "a bell, far off"])
    assert asked == ["rain", "", "a bell, far off"]
    assert mask.sum(1).tolist() == [2, 1, 5, 2]
    torch.testing.assert_close(again, states[1:3])
    assert states[~mask].abs().max() == 0
    encoder.most = 1
    encoder(["snow"])
    assert list(encoder._cache) == ["snow"]
    with pytest.raises(ValueError, match="'rain' is one prompt"):
        encoder("rain")


def test_ten_seconds_of_tango_are_256_columns():
    from diffusers import AutoencoderKL
    from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

    from speechbrain_opensed.lobes.style.tango_codec import TangoCodec

    vae = AutoencoderKL(
        1,
        1,
        ("DownEncoderBlock2D",) * 3,
        ("UpDecoderBlock2D",) * 3,
        (8, 8, 8),
        latent_channels=8,
        norm_num_groups=4,
    )
    config = SpeechT5HifiGanConfig(
        model_in_dim=64,
        upsample_initial_channel=32,
        upsample_rates=[5, 4, 2, 2, 2],
        upsample_kernel_sizes=[16, 16, 8, 4, 4],
        normalize_before=False,
    )
    codec = TangoCodec(vae, SpeechT5HifiGan(config)).eval()
    assert codec.num_columns(10.0) == 256
    assert [codec.num_columns(x) % 8 for x in (0.1, 1.0, 9.3)] == [0, 0, 0]
    generator = torch.Generator().manual_seed(0)
    wavs = 0.1 * torch.randn(1, 160000, generator=generator)
    mel = codec.mel(wavs)
    assert mel.shape == (1, 1, 1024, 64)
    # Behind the ten seconds there is silence, before it what was there.
    assert (mel[0, 0, 1004:] == mel.min()).all()
    torch.testing.assert_close(
        mel[:, :, :990],
        codec.mel(wavs[:, :159680])[:, :, :990],
        atol=1e-3,
        rtol=0.05,
    )
