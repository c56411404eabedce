"""The statistics over encoders, and the encoders of other libraries."""

import io

import numpy as np
import pytest
import torch

from speechbrain_opensed.metrics.generation import (
    GenerationStats,
    frechet_distance,
)
from speechbrain_opensed.metrics.generation.encoding import (
    AudioEncoder,
    Encoding,
    RandomEncoder,
)
from speechbrain_opensed.metrics.generation.evaluators import (
    BeatsEncoder,
    Cnn14Encoder,
    build_evaluator,
)


class Ears(AudioEncoder):
    """Hears the first four samples; reads letters."""

    hears_text = True

    def encode(self, wavs):
        return Encoding(wavs[:, :4], wavs[:, :8].unflatten(1, (2, 4)), wavs)

    def text(self, prompts):
        return torch.tensor([[float(p == x) for x in "abcd"] for p in prompts])


def sounds(seed, count=6):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 8, generator=generator)


def test_all_scores_of_an_encoder():
    stats = GenerationStats({"ears": Ears(16000)})
    ids = list("uvwxyz")
    made, real = sounds(0), sounds(1)
    stats.append(ids[:4], made[:4], prompts="abca")
    stats.append(ids[4:], made[4:], prompts="bc")
    stats.append(ids[::-1], real.flip(0), "real")
    style = made.clone()
    stats.append(ids, style, "style")
    scores = stats.summarize()
    x, y = made.numpy(), real.numpy()
    assert scores["FD_ears"] == pytest.approx(
        frechet_distance(x[:, :4], y[:, :4])
    )
    assert scores["FAD_ears"] == pytest.approx(
        frechet_distance(x.reshape(-1, 4), y.reshape(-1, 4))
    )
    p, q = (torch.softmax(z.double(), 1) for z in (real, made))
    divergence = (p * (p / q).log()).sum(1).mean()
    assert scores["KL_exact_ears"] == pytest.approx(divergence.item())
    published = (p * (p / (q + 1e-6)).log()).sum(1).mean()
    assert scores["KL_ears"] == pytest.approx(published.item(), rel=1e-9)
    assert scores["KL_sigmoid_ears"] < scores["KL_binary_ears"]
    assert scores["style_ears"] == pytest.approx(1)
    assert scores["style_floor_ears"] < 0.9
    columns = [0, 1, 2, 0, 1, 2]
    cosines = x[range(6), columns] / np.linalg.norm(x[:, :4], axis=1)
    assert scores["text_ears"] == pytest.approx(cosines.mean(), rel=1e-5)
    assert scores["IS_splits_ears"] == 1 and scores["IS_ears"] >= 1
    assert [scores[f"clips_{r}"] for r in ("generated", "real", "style")] == [
        6,
        6,
        6,
    ]
    written = io.StringIO()
    stats.write_stats(written)
    assert f"FD_ears: {scores['FD_ears']}\n" in written.getvalue()
    stats.clear()
    with pytest.raises(ValueError, match="nothing was generated"):
        stats.summarize()


def test_unpaired_clips_raise_unless_said():
    for paired in (True, False):
        stats = GenerationStats({"ears": Ears(16000)}, paired=paired)
        stats.append("abcdef", sounds(0))
        stats.append("ghijkl", sounds(1), "real")
        if paired:
            with pytest.raises(ValueError, match=r"6 of 6 generated .*\['a', "):
                stats.summarize()
        else:
            assert "KL_ears" not in stats.summarize()
            assert stats.summarize("FD_ears") > 0


@pytest.mark.parametrize(
    "ids, waves, options, message",
    [
        ("ab", sounds(0, 2), {"role": "fake"}, "'fake': choose"),
        ("abc", sounds(0, 2), {}, "3 ids, 2 waves"),
        ("ab", sounds(0, 2), {"prompts": "x"}, "1 prompts"),
        ("a", torch.full((1, 8), torch.nan), {}, "'a' .*NaN"),
        ("aa", sounds(0, 2), {}, "'a' came twice"),
    ],
)
def test_bad_input_is_named(ids, waves, options, message):
    stats = GenerationStats({"ears": Ears(16000)})
    with pytest.raises(ValueError, match=message):
        stats.append(ids, waves, **options)
    with pytest.raises(ValueError, match="no encoder"):
        GenerationStats({})


def test_random_encoder_tells_sounds_apart():
    noise = torch.randn(24, 8000, generator=torch.Generator().manual_seed(0))
    time = torch.arange(8000) / 16000
    tones = torch.stack(
        [torch.sin(2 * torch.pi * 200 * (1 + i / 24) * time) for i in range(24)]
    )
    encoder, again = RandomEncoder(dim=8), RandomEncoder(dim=8)
    heard = [encoder(w).embedding for w in (noise[:12], noise[12:], tones)]
    torch.testing.assert_close(again(noise[:12]).embedding, heard[0])
    near = frechet_distance(heard[0], heard[1])
    assert frechet_distance(heard[0], heard[2]) > 10 * near


@pytest.mark.slow
def test_cnn14_takes_the_published_names(tmp_path):
    torch.manual_seed(0)
    encoder = Cnn14Encoder()
    wavs = torch.rand(1, 6400)
    published = {
        "spectrogram_extractor.stft.conv_real.weight": torch.zeros(1),
        "logmel_extractor.melW": encoder.bank,
    }
    for name, value in encoder.state_dict().items():
        name = name.removeprefix("trunk.")
        for number in "012":
            name = name.replace(f"norm{number}", f"bn{number}")
        published[name] = value
    assert "conv_block6.bn2.running_var" in published
    assert {"bn0.weight", "fc1.weight", "fc_audioset.bias"} < set(published)
    torch.save({"model": published}, tmp_path / "cnn14.pth")
    loaded = build_evaluator(f"cnn14={tmp_path / 'cnn14.pth'}")
    ours, theirs = encoder(wavs), loaded(wavs)
    assert ours.embedding.shape == (1, 2048) and ours.logits.shape == (1, 527)
    torch.testing.assert_close(theirs.logits, ours.logits)
    del published["fc1.bias"]
    torch.save(published, tmp_path / "cnn14.pth")
    with pytest.raises(ValueError, match="fc1.bias"):
        Cnn14Encoder(tmp_path / "cnn14.pth")


@pytest.mark.slow
def test_beats_hears_frames():
    encoding = BeatsEncoder()(torch.rand(1, 16000))
    assert encoding.embedding.shape == (1, 768)
    assert encoding.frames.shape[2] == 768 and encoding.logits is None


@pytest.mark.slow
def test_clap_hears_and_reads(tmp_path):
    from transformers import (
        ClapConfig,
        ClapFeatureExtractor,
        ClapModel,
        ClapProcessor,
        RobertaTokenizer,
    )

    sizes = dict(num_hidden_layers=1, intermediate_size=16, projection_dim=8)
    text = dict(vocab_size=99, hidden_size=16, num_attention_heads=2, **sizes)
    audio = dict(
        patch_embeds_hidden_size=8,
        depths=[1, 1, 1, 1],
        num_attention_heads=[1, 1, 2, 2],
        hidden_size=64,
        projection_dim=8,
    )
    ClapModel(
        ClapConfig(text_config=text, audio_config=audio, projection_dim=8)
    ).save_pretrained(tmp_path)
    letters = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *"abilnr"]
    vocabulary = {letter: i for i, letter in enumerate(letters)}
    ClapProcessor(
        ClapFeatureExtractor(truncation="rand_trunc", padding="repeatpad"),
        RobertaTokenizer(vocab=vocabulary, merges=[]),
    ).save_pretrained(tmp_path)
    judge = build_evaluator(f"clap={tmp_path}")
    wavs = torch.randn(2, 11 * judge.sample_rate)
    heard = judge(wavs).embedding
    assert heard.shape == judge.text(["rain", "a bell"]).shape == (2, 8)
    # No stretch at random, no influence of the batch.
    torch.testing.assert_close(judge(wavs[1:]).embedding, heard[1:])


def test_encoders_are_named():
    with pytest.raises(ValueError, match="'vggish': choose from clap"):
        build_evaluator("vggish")
    with pytest.raises(ValueError, match="cnn14=FILE"):
        build_evaluator("cnn14")
    with pytest.raises(FileNotFoundError, match="no.pth"):
        build_evaluator("cnn14=no.pth")
