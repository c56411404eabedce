"""A model that hears tones and reads what animals and weather they are."""

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_opensed.core.spec import SedSpec

RATE, HOP = 16000, 1600
TONES = {"dog": 500.0, "cat": 2000.0, "rain": 4500.0}


class ToneModel(torch.nn.Module):
    """Embeds a sound by its tones and a text by the words for these.

    It counts what it is asked, frames last 0.1 s, and nothing else is heard.
    """

    def __init__(self):
        super().__init__()
        self.temp_global = torch.nn.Parameter(torch.tensor(0.1))
        self.spec = SedSpec(RATE, HOP / RATE, 10.0, normalize=None)
        self.least_samples = 400
        self.clips, self.texts, self.modes = 0, [], set()

    def encode_audio(self, wav, wav_lens):
        self.clips += len(wav)
        self.modes.add(self.training)
        wav = torch.nn.functional.pad(wav, (0, -wav.shape[1] % HOP))
        spectra = torch.fft.rfft(wav.unfold(1, HOP, HOP)).abs()
        tones = torch.stack(
            [spectra[..., round(f * HOP / RATE)] for f in TONES.values()], -1
        )
        frames = torch.cat(
            [tones, tones.new_full((*tones.shape[:2], 1), 5.0)], -1
        )
        unit = torch.nn.functional.normalize
        return unit(tones.sum(1), dim=-1), unit(frames, dim=-1)

    def encode_phrases(self, texts):
        self.texts += texts
        rows = torch.tensor(
            [[float(w in text.lower()) for w in TONES] for text in texts]
        )
        return torch.nn.functional.normalize(rows, dim=-1)

    def clip_logits(self, clips, texts):
        return clips @ texts.T

    def frame_scores(self, frames, texts):
        return (texts @ frames[..., :3].transpose(1, 2)).clamp(0, 1)


@pytest.fixture
def model():
    return ToneModel().train()


@pytest.fixture
def write_tones():
    """Writes a file of tones at the given spans."""

    def write(path, spans, seconds=2.0, rate=22050, channels=1):
        time = np.arange(round(seconds * rate)) / rate
        wave = np.zeros(len(time))
        for word, onset, offset in spans:
            inside = (time >= onset) & (time < offset)
            wave[inside] += 0.2 * np.sin(2 * np.pi * TONES[word] * time[inside])
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.stack([wave] * channels, 1), rate)

    return write


@pytest.fixture
def write_text():
    """Writes a text file, with the folders above it."""

    def write(path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    return write
