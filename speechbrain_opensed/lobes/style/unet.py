"""A U-Net and its style adapter as one module, to train and to average.

Authors
 * The speechbrain-opensed contributors 2026
"""

import copy
from typing import Any

from torch import Tensor, nn

__all__ = ["TRAINED", "StyledUNet"]

TRAINED = ("adapter_only", "adapter+norms", "full", "unet")


class StyledUNet(nn.Module):
    """Predicts velocities from noisy latents, text and references.

    Its parts may be frozen or not; as one module they are synchronised
    between processes, and copies of it have an adapter of their own.

    Arguments
    ---------
    unet : diffusers.UNet2DConditionModel
        The pretrained model.
    adapter : StyleAdapter
        One that was made for it.

    Example
    -------
    >>> import torch
    >>> from diffusers import UNet2DConditionModel
    >>> from speechbrain_opensed.lobes.style.reference_encoder import (
    ...     ReferenceEncoder,
    ... )
    >>> from speechbrain_opensed.lobes.style.adapter import StyleAdapter
    >>> unet = UNet2DConditionModel(
    ...     in_channels=4, out_channels=4, layers_per_block=1,
    ...     block_out_channels=(8, 16), attention_head_dim=1,
    ...     down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
    ...     up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    ...     cross_attention_dim=8, norm_num_groups=4,
    ... )
    >>> encoder = ReferenceEncoder(16, channels=(4, 8), blocks=(1, 1))
    >>> net = StyledUNet(unet, StyleAdapter(unet, encoder, style_dim=16))
    >>> net.set_trained("adapter_only")
    >>> net(
    ...     torch.rand(2, 4, 8, 4),
    ...     torch.tensor([3, 700]),
    ...     torch.rand(2, 5, 8),
    ...     torch.ones(2, 5, dtype=torch.bool),
    ...     torch.rand(2, 8000),
    ...     torch.ones(2),
    ...     torch.tensor([True, False]),
    ... ).shape
    torch.Size([2, 4, 8, 4])
    """  # fmt: skip

    def __init__(self, unet: nn.Module, adapter: nn.Module):
        super().__init__()
        self.unet = unet
        self.adapter = adapter

    def set_trained(self, trained: str) -> None:
        """Freeze what is not to be trained.

        Arguments
        ---------
        trained : str
            `"adapter_only"`; `"adapter+norms"`: the U-Net's norms as well;
            `"full"`: all; `"unet"`: the U-Net alone, as before there is an
            adapter.

        Raises
        ------
        ValueError
            If it is none of these.
        """
        if trained not in TRAINED:
            raise ValueError(
                f"trained {trained!r}: choose from {', '.join(TRAINED)}"
            )
        self.unet.requires_grad_(trained in ("full", "unet"))
        self.adapter.requires_grad_(trained != "unet")
        if trained == "adapter+norms":
            for module in self.unet.modules():
                if isinstance(module, nn.GroupNorm | nn.LayerNorm):
                    module.requires_grad_(True)

    def forward(
        self,
        latents: Tensor,
        time: Tensor,
        text_states: Tensor,
        text_mask: Tensor,
        references: Tensor,
        reference_lens: Tensor,
        keep_style: Tensor,
    ) -> Tensor:
        """Velocity, shaped as the latents.

        Arguments
        ---------
        latents : torch.Tensor
            With noise, `[batch, channels, columns, bins]`.
        time : torch.Tensor
            Steps of the noise schedule, `[batch]`.
        text_states : torch.Tensor
            `[batch, tokens, dim]`.
        text_mask : torch.Tensor
            Tokens that count, bool `[batch, tokens]`.
        references : torch.Tensor
            Sounds, `[batch, samples]`.
        reference_lens : torch.Tensor
            Relative lengths, `[batch]`.
        keep_style : torch.Tensor
            Rows whose reference counts, bool `[batch]`.
        """
        self.adapter.clear_style()
        # Batch norm would take silent references for sounds.
        if bool(keep_style.any()):
            style = self.adapter.style(
                text_states, text_mask, references, lens=reference_lens
            )
            self.adapter.set_style(style, keep_style)
        return self.unet(
            latents,
            time,
            encoder_hidden_states=text_states,
            encoder_attention_mask=text_mask,
        ).sample

    def __deepcopy__(self, memo: Any) -> Any:
        # A U-Net's copy would carry the hooks of the adapter it was on.
        self.adapter.detach()
        copied = type(self)(
            copy.deepcopy(self.unet, memo), copy.deepcopy(self.adapter, memo)
        )
        for net in (self, copied):
            net.adapter.attach(net.unet)
        return copied.train(self.training)
