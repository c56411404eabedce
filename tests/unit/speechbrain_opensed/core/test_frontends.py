"""Each encoder's features are, to the bit, those of its plain formula."""

import torch
import torch.nn.functional as F
from torchaudio.compliance.kaldi import get_mel_banks
from torchaudio.functional import melscale_fbanks
from transformers import ClapFeatureExtractor

from speechbrain_opensed.core.frontends import KaldiMel
from speechbrain_opensed.lobes.encoders.clap_mel import ClapMel
from speechbrain_opensed.lobes.encoders.dasheng import MagnitudeMel
from speechbrain_opensed.lobes.encoders.mobilenet import MobileNetMel
from speechbrain_opensed.lobes.style.codec import LogMel
from speechbrain_opensed.metrics.generation.evaluators import Cnn14Encoder

WAVS = torch.randn(3, 33001, generator=torch.Generator().manual_seed(0))


def stft(wavs, n_fft, hop, **options):
    window = torch.hann_window(n_fft, dtype=wavs.dtype)
    return torch.stft(
        wavs, n_fft, hop, window=window, return_complex=True, **options
    )


def kaldi(bands, n_fft, rate, low, high):
    options = (bands, n_fft, float(rate), low, high, 100.0, -500.0, 1.0)
    return F.pad(get_mel_banks(*options)[0], (0, 1))


def slaney(n_fft, low, high, bands, rate):
    names = {"norm": "slaney", "mel_scale": "slaney"}
    return melscale_fbanks(n_fft // 2 + 1, low, high, bands, rate, **names)


def test_dasheng():
    bank = melscale_fbanks(257, 0.0, 8000.0, 64, 16000)
    for wavs, mode in ((WAVS, "reflect"), (WAVS[:, :400], "constant")):
        spectrum = stft(wavs, 512, 160, pad_mode=mode).abs()
        expected = (spectrum.transpose(1, 2) @ bank).transpose(1, 2)
        assert torch.equal(MagnitudeMel()(wavs), expected)


def test_tango():
    spectrum = stft(WAVS, 1024, 160).abs()[:, :, : 33001 // 160]
    mel = spectrum.transpose(1, 2) @ slaney(1024, 0.0, 8000.0, 64, 16000)
    expected = mel.clamp(min=1e-5).log()[:, None]
    assert torch.equal(LogMel()(WAVS), expected)


def test_cnn14():
    heard = []
    encoder = Cnn14Encoder()
    encoder.trunk.forward = lambda mel: (
        heard.append(mel) or mel.new_zeros(len(mel), 1, 2048)
    )
    encoder(WAVS)
    power = stft(WAVS, 512, 160).abs().square().transpose(1, 2)
    mel = power @ slaney(512, 50.0, 8000.0, 64, 16000)
    assert torch.equal(heard[0], 10 * mel.clamp(min=1e-10).log10())


def test_clap():
    front = ClapFeatureExtractor(truncation="rand_trunc", frequency_min=50)
    mel = ClapMel({"frequency_min": 50})
    wav = WAVS[0].repeat(15)[:480000]
    power = stft(wav.double(), 1024, 480).abs().square().T
    bands = power @ torch.from_numpy(front.mel_filters_slaney).double()
    expected = (10 * bands.clamp(min=1e-10).log10()).float()
    features, _ = mel(wav[None], [480000])
    assert torch.equal(features[0, 0], expected)


def test_mobilenet():
    emphasised = WAVS[:, 1:] - 0.97 * WAVS[:, :-1]
    spectrum = torch.stft(
        emphasised,
        1024,
        320,
        win_length=800,
        window=torch.hann_window(800, periodic=False),
        return_complex=True,
    )
    power = spectrum.real.square() + spectrum.imag.square()
    bank = kaldi(128, 1024, 32000, 0.0, 15000.0)
    expected = ((bank @ power + 1e-5).log() + 4.5) / 5
    assert torch.equal(MobileNetMel()(WAVS), expected)


def test_eat():
    wavs = WAVS - WAVS.mean(dim=1, keepdim=True)
    frames = wavs.unfold(1, 400, 160)
    frames = frames - frames.mean(dim=-1, keepdim=True)
    before = torch.cat([frames[..., :1], frames[..., :-1]], dim=-1)
    window = torch.hann_window(400, periodic=False)
    spectrum = torch.fft.rfft((frames - 0.97 * before) * window, 512)
    bank = kaldi(128, 512, 16000, 20.0, 0.0).T
    mel = (spectrum.abs().square() @ bank).clamp(min=1.1920928955078125e-07)
    assert torch.equal(KaldiMel()(WAVS), (mel.log() + 4.268) / (2 * 4.569))


def test_nothing_of_it_is_in_checkpoints():
    for mel in (LogMel(), MagnitudeMel(), KaldiMel(), MobileNetMel()):
        assert not mel.state_dict()
