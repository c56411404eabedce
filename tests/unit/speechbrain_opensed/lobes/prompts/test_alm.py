"""Towers are frozen, deterministic, and read vectors as they read words."""

import json

import numpy as np
import pytest
import torch
from transformers import (
    ClapFeatureExtractor,
    CLIPTextConfig,
    CLIPTextModelWithProjection,
)

from speechbrain_opensed.lobes.encoders.clap_mel import ClapMel
from speechbrain_opensed.lobes.prompts import PALM, CoOp
from speechbrain_opensed.lobes.prompts.alm import AudioLanguageModel
from speechbrain_opensed.lobes.prompts.alm_clap import (
    TINY,
    TINY_FRONT,
    ClapTower,
)
from speechbrain_opensed.lobes.prompts.alm_finelap import FineLAPTower
from speechbrain_opensed.lobes.prompts.alm_table import TableTower

TEXTS = ["dog barking", "rain", "a bell in the old town"]
TOWERS = {
    "clap": ClapTower.tiny,
    "fused": lambda: ClapTower.tiny(fused=True),
    "finelap": FineLAPTower.tiny,
}


@pytest.fixture(params=TOWERS)
def tower(request):
    return TOWERS[request.param]()


def noise(seconds, rate, batch=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, int(seconds * rate), generator=generator) / 8


def test_vectors_are_read_as_ids_are(tower):
    if isinstance(tower, FineLAPTower):
        expected = tower.model.encode_phrases(TEXTS)
    else:
        rows = tower.tokenizer(TEXTS)
        width = max(map(len, rows))
        ids = torch.tensor([r + [1] * (width - len(r)) for r in rows])
        expected = tower.model.get_text_features(
            ids, attention_mask=(ids != 1).long()
        )
        expected = getattr(expected, "pooler_output", expected)
    assert (tower.encode_text(TEXTS) - expected).abs().max() == 0
    # A text's embedding does not depend on how far others make it padded.
    alone = torch.cat([tower.encode_text([text]) for text in TEXTS])
    torch.testing.assert_close(alone, expected, atol=1e-4, rtol=0)
    parts = tower.encode_text(TEXTS, texts_at_once=2)
    torch.testing.assert_close(parts, expected, atol=1e-4, rtol=0)


def test_context_stands_between_start_and_words(tower):
    (ids,) = tower.tokenize(["bell"])
    context = tower.embed_tokens(torch.tensor([7, 8]))
    embeds, mask = tower.assemble([ids, [9, 9, 9]], context)
    row = [tower.start_id, 7, 8, *ids, tower.end_id]
    assert mask.tolist() == [[1] * len(row) + [0] * 2, [1] * 7]
    expected = tower.embed_tokens(torch.tensor(row))
    assert torch.equal(embeds[0, : len(row)], expected)
    each = torch.stack([context, 2 * context])
    assert torch.equal(tower.assemble([ids, ids], each)[0][1, 1:3], each[1])


def test_training_leaves_all_of_it_as_it_is(tower):
    before = {k: v.clone() for k, v in tower.state_dict().items()}
    learner = CoOp(tower, ["dog", "rain"], context=2)
    modules = torch.nn.ModuleDict({"tower": tower, "learner": learner})
    modules.train()
    wavs = noise(0.7, tower.sample_rate, batch=2)
    heard = tower.encode_audio(wavs)
    trained = [p for p in modules.parameters() if p.requires_grad]
    assert [p.shape for p in trained] == [learner.ctx.shape]
    optimizer = torch.optim.SGD(trained, lr=0.1)
    start = learner.ctx.detach().clone()
    for _ in range(2):
        optimizer.zero_grad()
        clips = tower.encode_audio(wavs)
        losses = learner(clips, torch.tensor([0, 1]))
        losses["cross_entropy"].backward()
        optimizer.step()
    assert (learner.ctx != start).any()
    assert not any(module.training for module in tower.modules())
    assert all(p.grad is None for p in tower.parameters())
    after = tower.state_dict()
    assert all(torch.equal(after[k], v) for k, v in before.items())
    assert torch.equal(tower.encode_audio(wavs), heard)
    assert not heard.requires_grad
    # The tower is saved by itself, not with each learner.
    assert list(learner.state_dict()) == ["ctx"]


def test_a_clip_is_itself_in_any_batch(tower):
    rate = tower.sample_rate
    wavs = noise(1.5, rate, batch=3)
    lengths = torch.tensor([1.0, 0.5, 0.2])
    state = np.random.get_state()[1].copy()
    together = tower.encode_audio(wavs, lengths)
    torch.testing.assert_close(together.norm(dim=1), torch.ones(3))
    for row, length in enumerate(lengths):
        count = round(length.item() * wavs.shape[1])
        alone = tower.encode_audio(wavs[row : row + 1, :count])
        torch.testing.assert_close(
            alone[0], together[row], atol=1e-5, rtol=1e-4
        )
    assert (np.random.get_state()[1] == state).all()
    raw = tower.encode_audio(wavs, lengths, normalize=False)
    torch.testing.assert_close(
        torch.nn.functional.normalize(raw, dim=1), together
    )


def test_long_clips_are_heard_in_the_middle():
    tower = ClapTower.tiny()
    wav = noise(3, 48000)
    changed = wav.clone()
    changed[:, :40000] = 0
    changed[:, 100000:] = 0
    torch.testing.assert_close(
        tower.encode_audio(wav), tower.encode_audio(changed)
    )
    changed[:, 70000:80000] = 0
    assert (tower.encode_audio(wav) - tower.encode_audio(changed)).norm() > 1e-4


def test_fusion_hears_the_rest_too_and_knows_true_lengths():
    tower = ClapTower.tiny(fused=True)
    _, longer = tower.mel(noise(3, 48000, batch=3), [144000, 48000, 30000])
    assert longer.tolist() == [[True], [False], [False]]
    wav = noise(3, 48000)
    changed = wav.clone()
    changed[:, :40000] = 0
    assert (tower.encode_audio(wav) - tower.encode_audio(changed)).norm() > 1e-4


@pytest.mark.parametrize("padding", ["repeatpad", "repeat", "pad"])
@pytest.mark.parametrize("fused", [False, True])
def test_mel_is_the_librarys_for_short_clips(padding, fused):
    settings = {"feature_size": 16, "max_length_s": 1, "padding": padding}
    theirs = ClapFeatureExtractor(
        truncation="fusion" if fused else "rand_trunc",
        **settings,
    )
    wavs = noise(1, 48000, batch=2)
    wavs[1] *= 1e-4
    counts = [48000, 19000]
    expected = theirs(
        [wav[:n].numpy() for wav, n in zip(wavs, counts, strict=True)],
        sampling_rate=48000,
        return_tensors="pt",
    )["input_features"]
    features, longer = ClapMel(settings, fused)(wavs, counts)
    torch.testing.assert_close(features, expected, atol=1e-3, rtol=0)
    assert not longer.any()


def test_mel_of_long_clips_is_a_choice_the_library_could_have_made():
    settings = {"max_length_s": 1}
    (wav,) = noise(2, 48000)
    mel = ClapMel(settings)
    features, longer = mel(wav[None], [96000])
    middle, _ = mel(wav[None, 24000:72000], [48000])
    assert longer.item() and torch.equal(features, middle)

    fused = ClapMel(settings, fused=True)
    features, _ = fused(wav[None], [96000])
    theirs = ClapFeatureExtractor(**settings)
    whole = theirs._np_extract_fbank_features(wav.numpy(), theirs.mel_filters)
    expected = [whole[i : i + 101] for i in (17, 51, 84)]
    torch.testing.assert_close(
        features[0, 1:], torch.tensor(np.stack(expected)), atol=1e-3, rtol=0
    )
    shrunk = theirs._random_mel_fusion(whole, len(whole), 101)[0]
    torch.testing.assert_close(
        features[0, 0], torch.tensor(shrunk), atol=1e-3, rtol=0
    )
    # A bit more than a window is still one window of frames.
    assert not fused(wav[None, :48100], [48100])[1].item()


def test_bad_mel_settings():
    with pytest.raises(ValueError, match="padding is 'mirror'"):
        ClapMel({"padding": "mirror"})
    with pytest.raises(ValueError, match="gives 64 mels, the model takes 16"):
        ClapTower(TINY, {"max_length_s": 1})


def test_model_from_a_folder(tmp_path):
    tower = ClapTower.tiny()
    tower.model.save_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match="no CLAP model with tokenizer"):
        ClapTower(tmp_path)
    letters = [*"abcdefghijklmnopqrstuvwxyz.", "Ġ"]
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    vocab = {word: i for i, word in enumerate([*special, *letters, "Ġd"])}
    (tmp_path / "vocab.json").write_text(json.dumps(vocab))
    (tmp_path / "merges.txt").write_text("#version: 0.2\nĠ d\n")
    (tmp_path / "tokenizer_config.json").write_text(
        '{"tokenizer_class": "RobertaTokenizer"}'
    )
    ClapFeatureExtractor(
        truncation="rand_trunc", frequency_min=100, **TINY_FRONT
    ).save_pretrained(tmp_path)
    loaded = ClapTower(tmp_path)
    assert loaded.settings["band"] == [100, 14000]
    # A word in the middle of a prompt has a space before it.
    assert loaded.tokenize([" dog"]) == [[vocab[c] for c in ("Ġd", "o", "g")]]
    assert loaded.tokenize(["dog"]) == [[vocab[c] for c in "dog"]]
    learner = CoOp(loaded, ["Dog", "rain"], context="the sound of")
    assert learner.ctx.shape == (12, 16)
    assert learner(loaded.encode_audio(noise(0.5, 48000))).shape == (1, 2)


def test_too_long_or_empty_texts_are_named():
    tower = FineLAPTower.tiny()
    long = " ".join(["word"] * 30)
    with pytest.raises(ValueError, match="'word word.* 30 tokens; .* 28 of 30"):
        tower.encode_text(["rain", long])
    assert tower.encode_text([long[: 28 * 5 - 1]]).shape == (1, 32)
    with pytest.raises(ValueError, match="'...' has no token"):
        tower.encode_text(["rain", "..."])
    for texts in ("rain", []):
        with pytest.raises(ValueError, match="give a list of some"):
            tower.encode_text(texts)
    # The limit is that of the positions: one more would be an index error.
    tower = ClapTower.tiny()
    assert tower.max_tokens == 512
    tower.encode_text([" ".join(["word"] * 510)])
    with pytest.raises(ValueError, match="has 511 tokens"):
        tower.encode_text([" ".join(["word"] * 511)])


def test_bad_audio():
    tower = ClapTower.tiny()
    with pytest.raises(ValueError, match=r"give \[batch, samples\]"):
        tower.encode_audio(torch.zeros(2, 2, 100))
    with pytest.raises(ValueError, match="clip 1 of 2 has 0 of 100 samples"):
        tower.encode_audio(torch.zeros(2, 100), torch.tensor([1.0, 0.0]))


def test_fingerprint_is_of_weights_and_settings():
    names = {
        ClapTower.tiny(seed=0).fingerprint(),
        ClapTower.tiny(seed=1).fingerprint(),
        ClapTower(TINY, {**TINY_FRONT, "padding": "pad"}).fingerprint(),
        FineLAPTower.tiny().fingerprint(),
    }
    assert len(names) == 4
    assert ClapTower.tiny(seed=0).fingerprint() in names


def test_logit_scales_are_the_models():
    tower = ClapTower.tiny()
    assert tower.logit_scale.item() == pytest.approx(1 / 0.07)
    assert FineLAPTower.tiny().logit_scale.item() == pytest.approx(10.0)


class Causal(AudioLanguageModel):
    """A tower that takes ids only and pools at the end, as Pengi's does."""

    start_id, end_id, pad_id = 97, 98, 98
    logit_scale = torch.tensor(100.0)
    sample_rate = 8000

    def __init__(self):
        torch.manual_seed(0)
        config = CLIPTextConfig(
            vocab_size=99,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=40,
            projection_dim=8,
            bos_token_id=97,
            eos_token_id=98,
            pad_token_id=98,
        )
        super().__init__(CLIPTextModelWithProjection(config))
        self.width, self.embed_dim, self.max_tokens = 16, 8, 40
        self.words = self.model.get_input_embeddings()

    def token_ids(self, texts):
        return [[ord(c) % 97 for c in text.strip()] for text in texts]

    def embed_tokens(self, ids):
        return self.words(ids)

    def text_features(self, embeds, mask):
        ids = torch.where(mask.bool(), self.start_id, self.pad_id)
        ids[torch.arange(len(ids)), mask.sum(1) - 1] = self.end_id
        hook = self.words.register_forward_hook(lambda *_: embeds)
        try:
            return self.model(ids, attention_mask=mask).text_embeds
        finally:
            hook.remove()

    def audio_features(self, wavs, counts):
        return wavs[:, :8]


def test_a_causal_tower_is_one_small_class():
    tower = Causal()
    ids = torch.tensor([[97, *tower.token_ids(["bell"])[0], 98]])
    expected = tower.model(ids).text_embeds
    embeds, mask = tower.assemble(tower.tokenize(["bell"]))
    assert torch.equal(tower.text_features(embeds, mask), expected)
    learner = CoOp(tower, ["bell", "a train"], context=4)
    clips = tower.encode_audio(noise(0.1, 8000, batch=3))
    learner(clips, torch.tensor([0, 1, 0]))["cross_entropy"].backward()
    assert learner.ctx.grad.norm() > 0


def test_a_table_serves_palm_but_no_soft_prompt(tmp_path):
    path = tmp_path / "table.npz"
    np.savez(
        path,
        labels=["Dog", "city_center", "rain"],
        embeddings=np.eye(3, dtype=np.float32) * 2,
    )
    tower = TableTower(path, logit_scale=50.0)
    assert tower.encode_text(["city center", "Dog"]).tolist() == [
        [0, 1, 0],
        [1, 0, 0],
    ]
    with pytest.raises(ValueError, match="no embedding for 1 phrases"):
        tower.encode_text(["horse"])
    with pytest.raises(ValueError, match="no tokens among which soft"):
        CoOp(tower, ["dog", "rain"])
    with pytest.raises(ValueError, match="no tokens among which soft"):
        CoOp(tower, ["dog", "rain"], context="the sound of")
    with pytest.raises(ValueError, match="cannot hear"):
        tower.encode_audio(torch.zeros(1, 800))
    learner = PALM(tower, ["Dog", "city_center"])
    assert learner(torch.tensor([[5.0, 0, 0]])).argmax() == 0
    other = tmp_path / "other.npz"
    np.savez(other, labels=["Dog"], embeddings=np.ones((1, 3)))
    assert TableTower(other, 50.0).fingerprint() != tower.fingerprint()


@pytest.mark.parametrize("make", [ClapTower.tiny, FineLAPTower.tiny])
def test_raw_clips_keep_their_norm_and_direction(make):
    # DePT's scales act on what the projection gives, not on unit vectors.
    tower = make()
    for seconds in (0.5, 12):
        wavs = noise(seconds, tower.sample_rate, batch=2)
        raw = tower.encode_audio(wavs, normalize=False)
        norms = raw.norm(dim=1)
        assert ((norms - 1).abs() > 1e-2).all()
        torch.testing.assert_close(
            raw / norms[:, None], tower.encode_audio(wavs)
        )
