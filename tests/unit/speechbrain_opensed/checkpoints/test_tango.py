"""Tango's released layout loads strictly, into models that compute alike."""

import json

import pytest
import torch
import torchaudio
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint
from safetensors.torch import save_file
from transformers import (
    SpeechT5HifiGan,
    SpeechT5HifiGanConfig,
    T5Config,
    T5EncoderModel,
)

from speechbrain_opensed.checkpoints import load_tango
from speechbrain_opensed.checkpoints.tango_layout import (
    SIZES,
    rename_vae,
    rename_vocoder,
)
from speechbrain_opensed.lobes.style.codec import LogMel, full_scale
from speechbrain_opensed.lobes.style.diffusion import NOISE_SCHEDULE
from tests.tango_folder import tango_states, vae_in_ldm, write_tango

TINY = {
    "unet": {
        "block_out_channels": [8, 8, 16, 16],
        "attention_head_dim": 2,
        "layers_per_block": 1,
        "cross_attention_dim": 16,
        "norm_num_groups": 4,
    },
    "vae": {
        "block_out_channels": [4, 8, 8],
        "layers_per_block": 1,
        "norm_num_groups": 4,
    },
    "vocoder": {"upsample_initial_channel": 32},
    "text_encoder": {
        "vocab_size": 24,
        "d_model": 16,
        "d_kv": 8,
        "d_ff": 24,
        "num_layers": 2,
        "num_heads": 2,
    },
}


def sizes(part):
    return {**SIZES[part], **TINY[part]}


@pytest.fixture(scope="module")
def originals():
    torch.manual_seed(0)
    return {
        "unet": UNet2DConditionModel(**sizes("unet")).eval(),
        "vae": AutoencoderKL(**sizes("vae")).eval(),
        "vocoder": SpeechT5HifiGan(
            SpeechT5HifiGanConfig(**sizes("vocoder"))
        ).eval(),
        "text_encoder": T5EncoderModel(
            T5Config(**sizes("text_encoder"))
        ).eval(),
    }


@pytest.fixture
def states(originals):
    return tango_states(originals)


@pytest.fixture
def folder(tmp_path, states):
    return write_tango(tmp_path, states, scale_factor=0.5)


def load(folder, **options):
    return load_tango(folder, config=TINY, tokenizer=object(), **options)


@torch.no_grad()
def test_loaded_models_compute_what_the_originals_do(folder, originals):
    tango = load(folder)
    ids = torch.tensor([[3, 4, 1]])
    states = originals["text_encoder"](ids).last_hidden_state
    assert torch.equal(tango.text_encoder(ids).last_hidden_state, states)
    latents = torch.randn(1, 8, 16, 8)
    assert torch.equal(
        tango.unet(latents, 7, states).sample,
        originals["unet"](latents, 7, states).sample,
    )
    mel = tango.mel(torch.randn(1, 2560))
    assert mel.shape == (1, 1, 16, 64)
    ours, theirs = (
        vae.encode(mel).latent_dist.mean
        for vae in (tango.vae, originals["vae"])
    )
    assert torch.equal(ours, theirs)
    assert torch.equal(
        tango.vae.decode(ours).sample, originals["vae"].decode(ours).sample
    )
    assert torch.equal(
        tango.vocoder(mel[:, 0]), originals["vocoder"](mel[:, 0])
    )
    assert tango.vae.config.scaling_factor == 0.5
    assert tango.schedule == NOISE_SCHEDULE
    for model in (tango.unet, tango.vae, tango.vocoder, tango.text_encoder):
        assert not model.training


def test_safetensors_with_one_name_per_tensor_load_alike(folder, states):
    reference = load(folder)
    del states["main"]["text_encoder.encoder.embed_tokens.weight"]
    for name, state in states.items():
        (folder / f"pytorch_model_{name}.bin").unlink()
        state = {k: v.contiguous() for k, v in state.items()}
        save_file(state, folder / f"pytorch_model_{name}.safetensors")
    tango = load(folder)
    for part in ("unet", "vae", "vocoder", "text_encoder"):
        for a, b in zip(
            getattr(tango, part).state_dict().values(),
            getattr(reference, part).state_dict().values(),
            strict=True,
        ):
            assert torch.equal(a, b)


def test_names_agree_with_the_converter_of_diffusers(originals):
    vae = originals["vae"]
    theirs = convert_ldm_vae_checkpoint(vae_in_ldm(vae), vae.config)
    ours = rename_vae(vae_in_ldm(vae), levels=3)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[k], theirs[k]) for k in ours)


def test_released_sizes_have_the_released_numbers_of_tensors():
    with torch.device("meta"):
        unet = UNet2DConditionModel(**SIZES["unet"])
        vae = AutoencoderKL(**SIZES["vae"])
        vocoder = SpeechT5HifiGan(SpeechT5HifiGanConfig(**SIZES["vocoder"]))
        text = T5EncoderModel(T5Config(**SIZES["text_encoder"]))
    assert len(unet.state_dict()) == 686
    assert sum(p.numel() for p in unet.parameters()) == 865_933_768
    released = vae_in_ldm(vae)
    assert len(released) == 204
    assert rename_vae(released, 3).keys() == vae.state_dict().keys()
    own = dict(vocoder.state_dict())
    assert len(own) - 2 == 194
    del own["mean"], own["scale"]
    own = {k.replace("upsampler", "ups"): v for k, v in own.items()}
    assert rename_vocoder(own, 64).keys() == vocoder.state_dict().keys()
    assert sum(p.numel() for p in text.parameters()) == 341_231_104


@pytest.mark.parametrize(
    "name",
    [
        "pytorch_model_vae.bin",
        "pytorch_model_main.bin",
        "vae_config.json",
        "main_config.json",
    ],
)
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"{name}.*hf download"):
        load_tango(folder, tokenizer=object())


@pytest.mark.parametrize(
    "which, change, said",
    [
        ("main", ("unet.conv_in.bias", None), "1 missing.*conv_in.bias"),
        ("main", ("unet.extra", 1), "1 unexpected.*extra"),
        ("main", ("class_embedding", 1), "class_embedding"),
        ("vae", ("decoder.conv_out.bias", None), "1 missing"),
        ("vae", ("vocoder.conv_pre.weight_g", 1), "weight_g"),
        ("main", ("unet.conv_in.bias", 99), "another shape"),
    ],
)
def test_what_does_not_fit_is_named(folder, states, which, change, said):
    name, size = change
    state = states[which]
    if size is None:
        del state[name]
    else:
        state[name] = torch.zeros(size)
    torch.save(state, folder / f"pytorch_model_{which}.bin")
    with pytest.raises(ValueError, match=said):
        load(folder)


def test_another_checkpoint_is_not_taken_for_tango(folder, states):
    torch.save(states["vae"], folder / "pytorch_model_main.bin")
    with pytest.raises(ValueError, match="AudioLDM"):
        load(folder)
    dasheng = dict.fromkeys(
        ["patch_embed.proj.w", "time_pos_embed"], torch.ones(1)
    )
    torch.save(dasheng, folder / "pytorch_model_main.bin")
    with pytest.raises(ValueError, match="main.bin.*weights of Dasheng, not"):
        load(folder)


def test_unknown_sizes_are_named(folder):
    with pytest.raises(ValueError, match="unknown config keys.*t5"):
        load_tango(folder, config={"t5": {}})
    with pytest.raises(ValueError, match="unknown config keys.*widht"):
        load_tango(
            folder,
            config={**TINY, "vae": {"widht": 3}},
            tokenizer=object(),
        )


def test_an_absent_tokenizer_is_named(folder, tmp_path):
    empty = tmp_path / "nothing"
    empty.mkdir()
    with pytest.raises(FileNotFoundError, match="nothing cannot be had"):
        load_tango(folder, config=TINY, tokenizer=empty)


def test_sizes_are_read_from_the_folder(folder):
    path = "configs/unet.json"
    (folder / "configs").mkdir()
    unet = {"_class_name": "UNet2DConditionModel", **sizes("unet")}
    (folder / path).write_text(json.dumps(unet))
    (folder / "main_config.json").write_text(
        json.dumps({"unet_model_config_path": path})
    )
    config = {k: v for k, v in TINY.items() if k != "unet"}
    tango = load_tango(folder, config=config, tokenizer=object())
    assert tango.unet.config.cross_attention_dim == 16


def test_spectrogram_is_that_of_tango():
    wav = torch.randn(2, 16000, generator=torch.Generator().manual_seed(0))
    theirs = torchaudio.transforms.MelSpectrogram(
        16000,
        n_fft=1024,
        win_length=1024,
        hop_length=160,
        f_min=0,
        f_max=8000,
        n_mels=64,
        power=1.0,
        norm="slaney",
        mel_scale="slaney",
        center=True,
        pad_mode="reflect",
    )(wav)
    theirs = theirs.clamp(min=1e-5).log().transpose(1, 2)[:, :100]
    assert (LogMel()(wav)[:, 0] - theirs).abs().max() < 2e-5


def test_a_sine_has_the_frozen_levels():
    time = torch.arange(16000, dtype=torch.float64) / 16000
    wav = 0.5 * torch.sin(2 * torch.pi * 1000 * time).float()[None]
    mel = LogMel()(wav)[0, 0, 50]
    # Worked out with NumPy from Slaney's formulas, in float64.
    torch.testing.assert_close(
        mel[[0, 20, 21, 22, 63]],
        torch.tensor([-11.51293, 0.92448, 1.04108, -11.51293, -11.51293]),
        atol=1e-3,
        rtol=0,
    )


def test_silence_has_a_spectrogram_of_numbers():
    assert torch.isfinite(LogMel()(full_scale(torch.zeros(1, 1600)))).all()
