"""FineLAP's released layouts load strictly and give the original numbers."""

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from speechbrain_opensed.checkpoints import load_eat, load_finelap
from speechbrain_opensed.checkpoints.recognize import recognize
from speechbrain_opensed.lobes.encoders.eat import sincos_positions
from speechbrain_opensed.lobes.finelap import FineLAP
from speechbrain_opensed.losses import clip_sigmoid_loss, frame_sigmoid_loss

FIXTURES = Path(__file__).parents[3] / "fixtures"
IMAGE = "audio_encoder.audio_enc.model.modality_encoders.IMAGE."
AUDIO = "audio_encoder.audio_enc."
LINE = re.compile(r"(\S+)\t\((.*?)\)\t")


@pytest.fixture(scope="module")
def parity():
    with safe_open(FIXTURES / "finelap_tiny.safetensors", "pt") as file:
        config = json.loads(file.metadata()["config"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    state = {
        key[3:]: value
        for key, value in tensors.items()
        if key.startswith("sd.")
    }
    return config, state, tensors


@pytest.fixture(scope="module")
def model(parity):
    config, state, _ = parity
    return load_finelap(state, config=config)


def wavs(expected):
    """Both clips, the second zero behind its end."""
    wav = torch.zeros(2, 160000)
    for row, name in enumerate(("wav1_int16", "wav2_int16")):
        samples = expected[name].float() / 32768
        wav[row, : len(samples)] = samples
    return wav, torch.tensor([1.0, 48077 / 160000])


def close(ours, theirs, tolerance):
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= tolerance


@torch.no_grad()
def test_parity_with_the_original(parity, model):
    expected = parity[2]
    wav, lens = wavs(expected)
    lengths = (lens.double() * wav.shape[1]).round().long()
    mel = model.tower.mel(wav, lengths, 1024)
    close(mel[0, ::16], expected["mel1"], 1e-5)
    close(mel[1, ::16], expected["mel2"], 1e-5)
    close(model.tower.tokens(mel)[:, ::8], expected["eat_tokens"], 1e-4)

    clip, frames = model.encode_audio(wav, lens)
    text = model.encode_text(expected["input_ids"], expected["attention_mask"])
    close(clip, expected["global_audio"], 1e-5)
    close(frames, expected["dense_audio"], 1e-5)
    close(text, expected["text"], 1e-5)
    close(model.clip_scores(clip, text), expected["clip_score"], 1e-5)
    close(model.frame_scores(frames, text), expected["frame_score"], 1e-5)

    loss = clip_sigmoid_loss(clip, text[:2], *model.clip_scale)
    assert loss.item() == pytest.approx(expected["clip_loss"].item(), rel=1e-4)
    logits = model.frame_logits(frames, text)
    labels = expected["frame_labels"].float()
    targets = torch.stack([labels, 1 - labels])
    loss = frame_sigmoid_loss(logits, targets)
    assert loss.item() == pytest.approx(
        expected["frame_loss_two_grounded"].item(), rel=1e-4
    )
    only_first = torch.tensor([True, False])[:, None, None].expand(2, 3, 64)
    loss = frame_sigmoid_loss(logits, targets, only_first)
    assert loss.item() == pytest.approx(
        expected["frame_loss_one_grounded"].item(), rel=1e-4
    )


def same(model, other):
    state = other.state_dict()
    return all(
        torch.equal(value, state[key])
        for key, value in model.state_dict().items()
    )


def with_unused(state):
    """What the official file holds beside the tensors that count."""
    return {
        **state,
        IMAGE + "fixed_positional_encoder.positions": sincos_positions(48, 768),
        AUDIO + "fc_norm.weight": torch.ones(48),
        AUDIO + "fc_norm.bias": torch.zeros(48),
        AUDIO + "head.weight": torch.rand(527, 48),
        AUDIO + "head.bias": torch.rand(527),
        "text_encoder.text_encoder.embeddings.position_ids": torch.arange(
            514
        ).unsqueeze(0),
    }


def hugging_face(state):
    names = {}
    for key in state:
        new = key.replace(IMAGE + "context_encoder.norm", IMAGE + "pre_norm")
        new = new.replace(IMAGE, "audio_encoder.model.")
        new = new.replace(AUDIO + "model.", "audio_encoder.model.")
        new = new.replace(AUDIO, "audio_encoder.model.")
        new = new.replace("text_encoder.text_encoder.", "text_encoder.model.")
        names[key] = new
    return {names[key]: value for key, value in state.items()}


def legacy(state):
    names = {
        "local_audio_proj": "audio_adapter",
        "global_text_proj": "clap_model.text_proj",
        "global_audio_proj": "clap_model.audio_proj",
        "b_global": "clap_model.b",
        "temp_global": "clap_model.temp",
        "b_local": "b",
        "temp_local": "temp",
        "text_encoder": "clap_model.text_encoder",
        "audio_encoder": "clap_model.audio_encoder",
    }
    renamed = {}
    for key, value in state.items():
        old = next(n for n in names if key.startswith(n))
        renamed[names[old] + key.removeprefix(old)] = value
    return renamed


@pytest.mark.parametrize(
    "layout",
    [
        with_unused,
        hugging_face,
        lambda state: hugging_face(with_unused(state)),
        legacy,
        lambda state: legacy(with_unused(state)),
        lambda state: {"module." + k: v for k, v in state.items()},
    ],
    ids=["official", "hf", "hf unused", "legacy", "legacy unused", "ddp"],
)
def test_layouts(parity, model, layout):
    config, state, _ = parity
    assert recognize(layout(state)) == "FineLAP"
    assert same(model, load_finelap(layout(state), config=config))


def test_folder_and_training_checkpoint(tmp_path, parity, model):
    config, state, _ = parity
    save_file(state, tmp_path / "model.safetensors")
    assert same(model, load_finelap(tmp_path, config=config))
    path = tmp_path / "last_epoch.pt"
    torch.save({"model": state, "epoch": 3, "optimizer": {}}, path)
    assert same(model, load_finelap(path, config=config))


def test_frame_grid_of_released_weights(parity, model):
    config, state, _ = parity
    assert model.spec.hop_seconds == 10 / 64
    assert model.spec.window_seconds == 10
    retrained = load_finelap(state, config={**config, "frame_seconds": 0.16})
    assert retrained.spec.window_seconds == 10.24


def test_what_does_not_fit_is_named(parity):
    config, state, _ = parity
    key = AUDIO + "model.blocks.1.attn.qkv.weight"
    lacking = {k: v for k, v in state.items() if k != key}
    with pytest.raises(ValueError, match=re.escape(f"1 missing ({key})")):
        load_finelap(lacking, config=config)
    with pytest.raises(ValueError, match=r"1 unexpected \(decoder.weight\)"):
        load_finelap({**state, "decoder.weight": torch.ones(1)}, config=config)
    with pytest.raises(ValueError, match=r"b_local \[1\] for \[\]"):
        load_finelap({**state, "b_local": torch.ones(1)}, config=config)
    with pytest.raises(ValueError, match="b_local twice, as .*b"):
        load_finelap({**state, "b": torch.ones(())}, config=config)
    with pytest.raises(ValueError, match="unknown config keys .'layers'"):
        load_finelap(state, config={**config, "layers": 2})
    with pytest.raises(ValueError, match="unknown sizes .'width'"):
        load_finelap(state, config={**config, "roberta": {"width": 2}})


def test_released_keys_and_shapes():
    text = (FIXTURES / "finelap_state_dict.txt").read_text()
    released = {
        key: tuple(int(n) for n in re.findall(r"\d+", shape))
        for key, shape in LINE.findall(text)
    }
    assert len(released) == 389
    unused = ("positions", "fc_norm", "head.")
    released = {
        key: shape
        for key, shape in released.items()
        if not any(part in key for part in unused)
    }
    with torch.device("meta"):
        own = FineLAP().state_dict()
    assert {k: tuple(v.shape) for k, v in own.items()} == released


@pytest.mark.parametrize(
    "kind, parameters",
    [
        ("rnn", 226_771_731),
        ("linear", 219_945_747),
        ("transformer_linearlast", 233_071_891),
        ("transformer", 244_088_595),
    ],
)
def test_variants_have_their_size(kind, parameters):
    with torch.device("meta"):
        model = FineLAP(local_audio_proj_type=kind)
    # The table of positions and the classifier are not kept here.
    unused = 6144 * 768 + 2 * 768 + 527 * 769
    assert sum(p.numel() for p in model.parameters()) + unused == parameters


def test_pretrained_encoder_of_both_layouts(parity, model):
    config, state, _ = parity
    sizes = {k: config[k] for k in ("embed_dim", "depth", "num_heads")}
    fairseq = {
        key.removeprefix(AUDIO): value
        for key, value in with_unused(state).items()
        if key.startswith(AUDIO)
    }
    fairseq["model." + "modality_encoders.IMAGE.decoder.proj.bias"] = (
        torch.ones(3)
    )
    assert same(load_eat(fairseq, sizes), model.tower)
    hf = {
        key.removeprefix("audio_encoder."): value
        for key, value in hugging_face(with_unused(state)).items()
        if key.startswith("audio_encoder.")
    }
    assert same(load_eat(hf, sizes), model.tower)
    with pytest.raises(ValueError, match="missing .*blocks.1.mlp.fc2.bias"):
        del hf["model.blocks.1.mlp.fc2.bias"]
        load_eat(hf, sizes)
