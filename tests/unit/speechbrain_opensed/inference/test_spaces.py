"""Which models can be indexed, and what they say."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.inference import SoundEventDetector
from speechbrain_opensed.inference.spaces import (
    ClapSpace,
    FrameSpace,
    space_of,
)
from speechbrain_opensed.lobes.finelap import FineLAP
from speechbrain_opensed.lobes.flexsed import FlexSED
from speechbrain_opensed.lobes.frame_text import FlamFrames
from speechbrain_opensed.lobes.prompts.alm_clap import TINY, TINY_FRONT
from speechbrain_opensed.lobes.text.encoders import HashTextEncoder
from speechbrain_opensed.lobes.text.finelap import FineLAPTextEncoder

RNG = np.random.default_rng(0)


def noise(*samples):
    return [RNG.normal(0, 0.1, n).astype(np.float32) for n in samples]


def test_finelap_says_what_it_says_itself():
    torch.manual_seed(0)
    model = FineLAP.tiny().eval()
    detector = SoundEventDetector(
        {"model": model, "text_encoder": FineLAPTextEncoder(model)},
        {"spec": model.spec},
        {"device": "cpu"},
    )
    space = space_of(detector)
    assert space_of(space) is space and space.levels == ("moment", "window")
    waves = noise(32000, 16000)
    query = space.read(["dog", "rain"])
    for wave, (clip, frames) in zip(waves, space.hear(waves), strict=True):
        with torch.no_grad():
            wav = torch.from_numpy(wave)[None]
            expected, all_frames = model.encode_audio(wav)
            texts = model.encode_phrases(["dog", "rain"])
            by_frame = model.frame_scores(all_frames, texts)
            by_clip = model.clip_scores(expected, texts)
        count = model.num_frames(len(wave))
        np.testing.assert_allclose(clip, expected[0], atol=1e-5)
        np.testing.assert_allclose(frames, all_frames[0, :count], atol=1e-5)
        for row in range(2):
            torch.testing.assert_close(
                space.scores("moment", torch.from_numpy(frames), query[row]),
                by_frame[0, row, :count],
            )
            torch.testing.assert_close(
                space.scores(
                    "window", torch.from_numpy(clip)[None], query[row]
                ),
                by_clip[:, row],
            )
    other = space_of_other()
    assert other.fingerprint() != space.fingerprint()


def space_of_other():
    model = FineLAP.tiny().eval()
    detector = SoundEventDetector(
        {"model": model, "text_encoder": FineLAPTextEncoder(model)},
        {"spec": model.spec},
        {"device": "cpu"},
    )
    return space_of(detector)


class Words(HashTextEncoder):
    """A text's embedding of 8, its scale and its bias, as FLAM has them."""

    def __init__(self):
        super().__init__(dim=10)

    def embed(self, phrases):
        rows = torch.nn.functional.normalize(super().embed(phrases)[:, :8])
        scale = torch.tensor([[5.0, -3.0]]).expand(len(rows), 2)
        return torch.cat([rows, scale], dim=1)


class Flam(torch.nn.Module):
    """What `FlamFrames` asks OpenFLAM for: here, the levels of eight parts."""

    def get_local_audio_features(self, wav):
        frames = wav.unflatten(1, (32, -1)).unflatten(2, (8, -1))
        return F.normalize(frames.abs().mean(-1), dim=-1)


def test_flam_scores_with_scale_and_bias_of_each_text():
    model = FlamFrames(Flam())
    space = FrameSpace(model, Words(), 8)
    wave = noise(480000)[0]
    (clip, frames), (_, again) = space.hear([wave, wave])
    assert clip is None and space.unit and frames.shape == (32, 8)
    np.testing.assert_array_equal(frames, again)
    queries = space.read(["dog", "rain"])
    assert space.directions(queries).shape == (2, 8)
    scores = space.scores("moment", torch.from_numpy(frames), queries[1])
    expected = model.decode(model.encode(torch.from_numpy(wave)[None]), queries)
    torch.testing.assert_close(scores, expected[0, 1].sigmoid())


def test_clap_has_windows():
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

    torch.manual_seed(0)
    model = ClapModel(ClapConfig(**TINY)).eval()

    class Tokens(dict):
        def to(self, device):
            return self

    def tokenizer(texts, **options):
        rows = [[0, 5 + len(text), 2] for text in texts]
        ids = torch.tensor(rows)
        return Tokens(input_ids=ids, attention_mask=torch.ones_like(ids))

    front = ClapFeatureExtractor(**TINY_FRONT)
    space = ClapSpace(model, tokenizer, front)
    assert space.levels == ("window",)
    size = space.spec.num_samples
    heard = space.hear(noise(size, size // 2))
    for clip, frames in heard:
        assert frames is None
        assert np.linalg.norm(clip) == pytest.approx(1, abs=1e-5)
    queries = space.read(["dog", "a longer text"])
    clips = torch.from_numpy(np.stack([clip for clip, _ in heard]))
    torch.testing.assert_close(
        space.scores("window", clips, queries[0]),
        (clips @ queries[0]).clamp(0, 1),
    )


def test_models_that_listen_for_each_phrase_are_refused_in_words():
    detector = SoundEventDetector(
        {
            "model": FlexSED(16, 2, 2, ft_blocks=1, cls_dim=8),
            "text_encoder": HashTextEncoder(dim=8),
        },
        {"spec": SedSpec()},
        {"device": "cpu"},
    )
    with pytest.raises(ValueError, match="FlexSED cannot be indexed.*FineLAP"):
        space_of(detector)
