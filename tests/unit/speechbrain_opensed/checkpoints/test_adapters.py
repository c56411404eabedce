"""One adapter for U-Nets and transformers, saved as its own weights."""

import copy
from types import SimpleNamespace

import pytest
import torch
from diffusers import StableAudioDiTModel, UNet2DConditionModel
from diffusers.pipelines.audioldm2.modeling_audioldm2 import (
    AudioLDM2UNet2DConditionModel,
)

from speechbrain_opensed.checkpoints.adapters import (
    load_adapter,
    new_adapter,
    save_adapter,
)

TINY = {
    "text_dim": 8,
    "style_dim": 16,
    "num_heads": 2,
    "rank": 4,
    "channels": [4, 8],
    "blocks": [1, 1],
}
UNET = {
    "in_channels": 4,
    "out_channels": 4,
    "layers_per_block": 1,
    "block_out_channels": (8, 16),
    "norm_num_groups": 4,
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
}


def tango():
    unet = UNet2DConditionModel(
        **UNET, attention_head_dim=2, cross_attention_dim=8
    )

    def ask(text, seed=0):
        noise = torch.Generator().manual_seed(seed)
        z = torch.randn(2, 4, 8, 4, generator=noise)
        return unet(z, 5, encoder_hidden_states=text).sample

    return SimpleNamespace(unet=unet), ask


def audioldm2():
    unet = AudioLDM2UNet2DConditionModel(
        **UNET,
        attention_head_dim=2,
        cross_attention_dim=([None, 8], [None, 8]),
        transformer_layers_per_block=1,
    )

    def ask(text, seed=0):
        noise = torch.Generator().manual_seed(seed)
        z = torch.randn(2, 4, 8, 4, generator=noise)
        return unet(
            z,
            5,
            encoder_hidden_states=text,
            encoder_hidden_states_1=text[:, :2],
        ).sample

    return SimpleNamespace(unet=unet), ask


def stable_audio():
    model = StableAudioDiTModel(
        sample_size=8,
        in_channels=3,
        num_layers=2,
        attention_head_dim=4,
        num_attention_heads=2,
        num_key_value_attention_heads=2,
        out_channels=3,
        cross_attention_dim=8,
        time_proj_dim=8,
        global_states_input_dim=8,
        cross_attention_input_dim=8,
    )

    def ask(text, seed=0):
        noise = torch.Generator().manual_seed(seed)
        z = torch.randn(2, 3, 8, generator=noise)
        return model(
            z,
            torch.full((2,), 0.5),
            encoder_hidden_states=text,
            global_hidden_states=text[:, :1],
        ).sample

    return SimpleNamespace(transformer=model), ask


BASES = {"tango": tango, "audioldm2": audioldm2, "stable-audio": stable_audio}


@pytest.fixture(scope="module", params=BASES)
def base(request):
    torch.manual_seed(0)
    pipeline, ask = BASES[request.param]()
    (denoiser,) = vars(pipeline).values()
    denoiser.eval().requires_grad_(False)
    return request.param, pipeline, denoiser, ask


def styled(adapter, ask, text, references, **options):
    with adapter.styled(adapter.style(text, None, references), **options):
        return ask(text)


def test_an_adapter_is_trained_exported_and_put_on_the_stock_base(
    base, tmp_path
):
    kind, pipeline, denoiser, ask = base
    torch.manual_seed(1)
    text, references = torch.randn(2, 3, 8), torch.randn(2, 8000)
    before = {k: v.clone() for k, v in denoiser.state_dict().items()}
    with torch.no_grad():
        plain = ask(text)
    adapter = new_adapter(pipeline, **TINY)
    # Nothing is different at first, to the bit.
    assert list(denoiser.state_dict()) == list(before)
    with torch.no_grad():
        adapter.eval()
        assert torch.equal(styled(adapter, ask, text, references), plain)

    adapter.train()
    wanted = plain + 0.1 * torch.randn(plain.shape)
    optimizer = torch.optim.Adam(adapter.parameters(), lr=0.01)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        out = styled(adapter, ask, text, references)
        loss = (out - wanted).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    for name, value in denoiser.state_dict().items():
        assert torch.equal(value, before[name]), f"{name} of the base moved"

    adapter.eval()
    folder = save_adapter(tmp_path / kind, adapter, pipeline)
    names = {path.name for path in folder.glob("[!.]*")}
    assert names == {"adapter.json", "adapter.safetensors"}
    with torch.no_grad():
        out = styled(adapter, ask, text, references)
        assert not torch.equal(out, plain)
        half = styled(
            adapter, ask, text, references, keep=torch.tensor([False, True])
        )
        torch.testing.assert_close(half[0], plain[0])
        torch.testing.assert_close(half[1], out[1])
        adapter.detach()
        assert torch.equal(ask(text), plain)
        again = load_adapter(folder, pipeline)
        assert torch.equal(styled(again, ask, text, references), out)
        again.detach()


def test_an_adapter_for_another_base_is_refused(tmp_path):
    torch.manual_seed(0)
    pipelines = {name: make()[0] for name, make in BASES.items()}
    adapter = new_adapter(pipelines["tango"], **TINY)
    folder = save_adapter(tmp_path / "adapter", adapter, pipelines["tango"])
    with pytest.raises(ValueError, match="is for a UNet2D.*StableAudioDiT"):
        load_adapter(folder, pipelines["stable-audio"])
    wider = copy.deepcopy(UNET) | {"block_out_channels": (16, 16)}
    other = UNet2DConditionModel(
        **wider, attention_head_dim=2, cross_attention_dim=8
    )
    with pytest.raises(ValueError, match="or of other widths"):
        load_adapter(folder, SimpleNamespace(unet=other))
    (folder / "adapter.json").write_text("{}")
    with pytest.raises(ValueError, match="does not tell what"):
        load_adapter(folder, pipelines["tango"])
    with pytest.raises(ValueError, match="neither unet nor transformer"):
        new_adapter(SimpleNamespace())
