"""FineLAP hears clips of any length, alone and in batches, masked or not."""

import logging

import pytest
import torch
from torchaudio.compliance.kaldi import fbank

from speechbrain_opensed.core.frontends import KaldiMel
from speechbrain_opensed.lobes.finelap import FineLAP
from speechbrain_opensed.lobes.text.finelap import FineLAPTextEncoder
from speechbrain_opensed.lobes.text.roberta import RobertaText
from tests.tiny_aligner import ROBERTA, SIZES
from tests.unit.speechbrain_opensed.lobes.encoders.sizes import HTS

TINY = SIZES | {"depth": 2}
KINDS = ["transformer", "transformer_linearlast", "rnn", "linear"]


def make(**options):
    torch.manual_seed(0)
    model = FineLAP(**{**TINY, **options}).eval()
    # At the start all biases of the front are so small that all frames
    # sound alike.
    for parameter in model.tower.modality_encoders.parameters():
        torch.nn.init.normal_(parameter)
    return model


def noise(samples, seed=0, batch=1):
    generator = torch.Generator().manual_seed(seed)
    level = torch.rand(batch, samples // 1600 + 1, generator=generator)
    level = level.repeat_interleave(1600, dim=1)[:, :samples]
    return 0.5 * level * torch.randn(batch, samples, generator=generator)


def test_mel_is_kaldis():
    wav = noise(50_000)
    theirs = fbank(
        wav - wav.mean(),
        htk_compat=True,
        sample_frequency=16000,
        use_energy=False,
        window_type="hanning",
        num_mel_bins=128,
        dither=0.0,
        frame_shift=10,
    )
    theirs = (theirs + 4.268) / 9.138
    assert (KaldiMel()(wav)[0] - theirs).abs().max() <= 1e-5


@pytest.mark.parametrize("padding", ["window", "mask"])
@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_neighbours_in_a_batch_have_no_influence(padding, kind):
    model = make(padding=padding, local_audio_proj_type=kind)
    short, long = noise(20_000, 1), noise(70_000, 2)
    batch = torch.full((2, 70_000), 0.3)
    batch[0, :20_000] = short
    batch[1] = long
    clips, frames = model.encode_audio(batch, torch.tensor([2 / 7, 1.0]))
    for row, wav in enumerate((short, long)):
        clip, alone = model.encode_audio(wav)
        covered = model.num_frames(wav.shape[1])
        assert torch.allclose(clips[row], clip[0], atol=1e-5)
        assert torch.allclose(
            frames[row, :covered], alone[0, :covered], atol=1e-5
        )
        norms = alone.norm(dim=-1)
        assert torch.allclose(norms, torch.ones_like(norms), atol=1e-5)


@torch.no_grad()
def test_mask_is_as_good_as_no_padding():
    """Masked, a clip sounds as it does to an encoder without padding."""
    model = make(padding="mask")
    wav = noise(400 + 160 * 47)  # three whole patches
    summary, _ = model.tower(model.tower.mel(wav))
    expected = torch.nn.functional.normalize(
        model.global_audio_proj(summary), dim=-1
    )
    batch = torch.nn.functional.pad(wav, (0, 90_000))
    lens = torch.tensor([wav.shape[1] / batch.shape[1]])
    clip, frames = model.encode_audio(batch, lens)
    assert torch.allclose(clip, expected, atol=1e-5)
    assert frames.shape[1] == model.num_frames(batch.shape[1])
    louder = batch.clone()
    louder[:, wav.shape[1] :] = 1.0
    assert torch.equal(clip, model.encode_audio(louder, lens)[0])


@pytest.mark.parametrize("frame_seconds", [0.16, 10 / 64])
@pytest.mark.parametrize("padding", ["window", "mask"])
@torch.no_grad()
def test_short_and_long_clips(padding, frame_seconds):
    model = make(padding=padding, frame_seconds=frame_seconds)
    for seconds in (0.025, 0.3, 9.99, 10.3, 61.7):
        samples = round(seconds * 16000)
        clip, frames = model.encode_audio(noise(samples))
        assert torch.isfinite(clip).all() and torch.isfinite(frames).all()
        covered = model.num_frames(samples)
        assert (covered - 1) * frame_seconds < seconds
        assert covered * frame_seconds >= seconds
        least = 64 if padding == "window" else 1
        assert frames.shape[1] == max(least, covered)
        assert model.encode(noise(samples)).shape[1] == covered


@torch.no_grad()
def test_long_clip_is_blended_from_windows():
    model = make(frame_seconds=10 / 64)
    wav = noise(400_000, 3)  # 25 s: windows from 0, 5, 10 and 15 s
    _, frames = model.encode_audio(wav)
    assert frames.shape[1] == 160
    # The first and the last 5 s are in one window only.
    _, first = model.encode_audio(wav[:, :160_000])
    _, last = model.encode_audio(wav[:, 240_000:])
    assert torch.allclose(frames[:, :32], first[:, :32], atol=1e-5)
    assert torch.allclose(frames[:, 128:], last[:, 32:], atol=1e-5)
    # In between the stronger window is the one whose middle is nearer.
    _, second = model.encode_audio(wav[:, 80_000:240_000])
    near = (frames[:, 60] * second[:, 28]).sum()
    far = (frames[:, 60] * first[:, 60]).sum()
    assert near > far


@torch.no_grad()
def test_long_batch_equals_clips_alone():
    model = make()
    lengths = [300_000, 20_000, 171_000]
    batch = torch.full((3, 300_000), 0.2)
    for row, length in enumerate(lengths):
        batch[row, :length] = noise(length, row)[0]
    lens = torch.tensor(lengths) / 300_000
    clips, frames = model.encode_audio(batch, lens, windows_at_once=2)
    for row, length in enumerate(lengths):
        clip, alone = model.encode_audio(noise(length, row))
        covered = model.num_frames(length)
        assert torch.allclose(clips[row], clip[0], atol=1e-5)
        assert torch.allclose(
            frames[row, :covered], alone[0, :covered], atol=1e-5
        )


def test_gradients_reach_everything():
    model = make(drop_path=0.5).train()
    ids, mask = model.text_encoder.tokenize(["a dog barks", "rain"])
    clip, frames, text = model(noise(200_000, batch=2), ids, mask)
    loss = model.clip_logits(clip, text).sum()
    loss = loss + model.frame_logits(frames, text).sum()
    loss.backward()
    without = [n for n, p in model.named_parameters() if p.grad is None]
    assert without == []


def test_one_projector_for_both():
    model = make(unify_audio_proj=True)
    assert not any("global_audio" in key for key in model.state_dict())
    with torch.no_grad():
        clip, frames = model.encode_audio(noise(30_000))
        summary, _ = model.tower(model.tower.mel(noise(30_000), None, 1024))
        expected = model.local_audio_proj(summary.unsqueeze(1))[:, 0]
    # The summary, never the first frame.
    expected = torch.nn.functional.normalize(expected, dim=-1)
    assert torch.allclose(clip, expected, atol=1e-6)
    assert not torch.allclose(clip, frames[:, 0], atol=1e-2)


def test_temperature_stays_positive():
    model = make()
    with torch.no_grad():
        model.temp_global.fill_(-0.2)
    clip, text = torch.eye(16)[:1], torch.eye(16)[:1]
    assert model.clip_scores(clip, text).item() == 1.0


def test_bad_input_is_named():
    model = make()
    with pytest.raises(ValueError, match="clip 0 of 1 has 399 of 399"):
        model.encode_audio(torch.rand(1, 399))
    with pytest.raises(ValueError, match="clip 1 of 2 has 10 of 16000"):
        model.encode_audio(
            torch.rand(2, 16000), torch.tensor([1.0, 10 / 16000])
        )
    with pytest.raises(ValueError, match=r"give \[batch, samples\]"):
        model.encode_audio(torch.rand(16000))
    with pytest.raises(ValueError, match="text 1 of 2 is empty"):
        model.encode_phrases(["rain", " "])
    with pytest.raises(ValueError, match="give at least one"):
        model.encode_phrases([])
    with pytest.raises(ValueError, match="at least one of width 16"):
        model.decode(torch.rand(1, 4, 16), torch.rand(2, 8))
    with pytest.raises(ValueError, match="local_audio_proj_type 'mamba'"):
        make(local_audio_proj_type="mamba")
    with pytest.raises(ValueError, match="frame_seconds is 0.1"):
        make(frame_seconds=0.1)
    with pytest.raises(ValueError, match="no tokenizer: give tokenizer="):
        make(tokenizer=None).encode_phrases(["rain"])
    with pytest.raises(FileNotFoundError, match="no RoBERTa model at"):
        RobertaText("./not-there")


def test_long_texts_are_cut_off_and_announced(caplog):
    tower = RobertaText(ROBERTA, "hash", max_tokens=30)
    text = " ".join(f"word{i}" for i in range(50))
    with caplog.at_level(logging.WARNING):
        ids, mask = tower.tokenize([text, "rain"])
        tower.tokenize([text])
    assert ids.shape == (2, 30) and ids[0, -1] == 2
    assert mask.sum(1).tolist() == [30, 3]
    assert len(caplog.records) == 1
    assert "52 tokens cut off after 30" in caplog.text


def test_neighbours_among_texts_have_no_influence():
    tower = RobertaText({**ROBERTA, "initializer_range": 1.0}, "hash").eval()
    words = [f"word{i}" for i in range(25)]
    texts = [" ".join(words[:n]) for n in (25, 1, 12, 2, 25, 9, 1)]
    together = tower(*tower.tokenize(texts))
    alone = torch.cat([tower(*tower.tokenize([text])) for text in texts])
    assert torch.allclose(together, alone, atol=1e-5)
    assert not torch.allclose(alone[1], alone[3], atol=1e-2)


def test_text_encoder_follows_training():
    model = make()
    encoder = FineLAPTextEncoder(model)
    before = encoder(["rain", "dog", "rain"])
    assert torch.equal(before[0], before[2])
    assert list(encoder.state_dict()) == []
    assert torch.equal(encoder(["rain"]), before[:1])
    with torch.no_grad():
        model.global_text_proj[2].bias.add_(1.0)
    assert not torch.allclose(encoder(["rain"]), before[:1])
    model.train()
    assert torch.equal(encoder(["dog"]), encoder(["dog"]))
    assert model.text_encoder.training


def test_raw_clips_are_those_of_the_projection():
    model = make()
    wav = noise(30_000)
    heard = []
    hook = model.global_audio_proj.register_forward_hook(
        lambda module, inputs, output: heard.append(output)
    )
    raw, frames = model.encode_audio(wav, normalize=False)
    hook.remove()
    assert torch.equal(raw, heard[0])
    unit, same = model.encode_audio(wav)
    assert torch.equal(frames, same)
    torch.testing.assert_close(raw / raw.norm(dim=-1), unit)
    # Of several windows the directions are added, as for unit norm.
    long = noise(400_000)
    raw, _ = model.encode_audio(long, normalize=False)
    unit, _ = model.encode_audio(long)
    torch.testing.assert_close(raw / raw.norm(dim=-1), unit)


@torch.no_grad()
def test_htsat_hears_in_place_of_eat():
    torch.manual_seed(0)
    model = FineLAP.tiny(encoder="htsat", encoder_config=HTS).eval()
    assert (model.spec.sample_rate, model.spec.hop_seconds) == (48000, 1 / 8)
    wav = torch.randn(2, 30000) * 0.1
    wav[1, 12000:] = 9.0
    clips, frames = model.encode_audio(wav, torch.tensor([1.0, 0.4]))
    assert clips.shape == (2, 8) and frames.shape == (2, 8, 8)
    # Nothing behind a clip's end is heard, and no other clip.
    alone, _ = model.encode_audio(wav[1:, :12000])
    torch.testing.assert_close(clips[1:], alone, atol=1e-5, rtol=1e-4)
    long, frames = model.encode_audio(torch.randn(1, 48000 * 3))
    assert long.shape == (1, 8) and frames.shape == (1, 24, 8)


def test_what_htsat_cannot_is_said():
    with pytest.raises(ValueError, match="choose 'eat' or 'htsat'"):
        FineLAP.tiny(encoder="beats")
    tiny = dict(encoder="htsat", encoder_config=HTS)
    for options, words in (
        (dict(padding="mask"), "choose 'window' for HTS-AT"),
        (dict(frame_seconds=0.16), r"choose from \[0.125\]"),
        (dict(unify_audio_proj=True), "have different widths"),
    ):
        with pytest.raises(ValueError, match=words):
            FineLAP.tiny(**tiny, **options)
    with pytest.raises(ValueError, match="encoder_config is HTS-AT's"):
        FineLAP.tiny(encoder_config=HTS)
