"""Models of others behind the detector's contract."""

import torch
import torch.nn.functional as F

from speechbrain_opensed.lobes.frame_text import FlamFrames, FlamText

FRAMES = 32


class Flam(torch.nn.Module):
    """Answers with the methods of `openflam.OpenFLAM`, from small tables."""

    def __init__(self, repeats=1):
        super().__init__()
        self.repeats = repeats
        generator = torch.Generator().manual_seed(0)
        self.sound = torch.randn(15000, 8, generator=generator)
        self.texts = torch.randn(16, 8, generator=generator)

    def get_local_audio_features(self, wav):
        assert wav.shape[1] == 480_000
        frames = wav.view(len(wav), FRAMES, 15000) @ self.sound
        return F.normalize(frames, dim=-1).repeat_interleave(self.repeats, 1)

    def get_text_branch_output(self, texts):
        return self.texts[: len(texts)]

    def get_text_features(self, texts):
        return F.normalize(self.texts[: len(texts)], dim=-1)

    def get_logit_scale(self):
        return torch.tensor([1.5])

    def get_per_text_logit_scale(self, states):
        return states[:, 0].exp()

    def get_per_text_logit_bias(self, states):
        return states[:, 1] - 8


def test_flam_gives_the_unbiased_score():
    """Equation 7: p / (p + sigmoid(bias)) of the biased probability p."""
    flam = Flam()
    wav = torch.randn(2, 480_000)
    text = FlamText(flam, dim=8)
    model = FlamFrames(flam, FRAMES)
    scores = model.decode(model.encode(wav), text(["a", "b", "c"])).sigmoid()
    cosine = flam.get_local_audio_features(wav) @ F.normalize(
        flam.texts[:3], dim=-1
    ).transpose(0, 1)
    bias = flam.texts[:3, 1] - 8
    p = (1.5 * flam.texts[:3, 0].exp() * cosine + bias).sigmoid()
    expected = (p / (p + bias.sigmoid())).transpose(1, 2)
    assert scores.shape == (2, 3, FRAMES)
    assert torch.allclose(scores, expected, atol=1e-6)


def test_short_windows_and_repeated_frames():
    wav = torch.randn(1, 45_000)
    short = FlamFrames(Flam(), FRAMES).encode(wav)
    repeated = FlamFrames(Flam(repeats=32), FRAMES).encode(wav)
    assert short.shape == (1, 3, 8)
    assert torch.equal(short, repeated)
