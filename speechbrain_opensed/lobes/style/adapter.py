"""Style for a pretrained text-to-audio U-Net, which stays as it is.

The sound-event enhanced prompt adapter (https://arxiv.org/abs/2409.09381),
with adaptive normalisation that begins as none
(https://arxiv.org/abs/2212.09748).

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speechbrain_opensed.lobes.style.fusion import (
    AttentiveFusion,
    ConcatFusion,
    shares_of,
)
from speechbrain_opensed.lobes.style.sites import find_sites

__all__ = ["BlockModulation", "StyleAdapter"]


class BlockModulation(nn.Module):
    """Scales and shifts for the two norms of one ResNet block.

    All are zero at first.

    Arguments
    ---------
    cond_dim : int
        Width of the condition.
    widths : sequence of int
        Channels of each norm.
    rank : int or None
        Width in between, shared by the norms; None: none in between.

    Example
    -------
    >>> modulation = BlockModulation(8, [4, 6], rank=2)
    >>> scale, shift = modulation(torch.rand(3, 8), 1)
    >>> scale.shape, bool((shift == 0).all())
    (torch.Size([3, 6, 1, 1]), True)
    """

    def __init__(
        self, cond_dim: int, widths: Sequence[int], rank: int | None = 64
    ):
        super().__init__()
        self.down = nn.Identity()
        if rank is not None:
            self.down = nn.Linear(cond_dim, rank, bias=False)
        self.up = nn.ModuleList(
            nn.Linear(cond_dim if rank is None else rank, 2 * width)
            for width in widths
        )
        for layer in self.up:
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, cond: Tensor, index: int) -> tuple[Tensor, Tensor]:
        """Scale and shift of one norm.

        Arguments
        ---------
        cond : torch.Tensor
            `[batch, cond_dim]`.
        index : int
            Which norm.

        Returns
        -------
        tuple of torch.Tensor
            Two `[batch, channels, 1, 1]`.
        """
        both = self.up[index](self.down(cond))[:, :, None, None]
        return both.chunk(2, dim=1)


class StyleAdapter(nn.Module):
    """Gives a stock denoiser of diffusers the style of reference sounds.

    It may be any that :func:`~speechbrain_opensed.lobes.style.sites.find_sites`
    knows: the U-Nets of Tango and AudioLDM 2, Stable Audio's transformer.

    A style is computed once per clip from text states and references, and
    set; the U-Net is then called as ever. Untrained, without a style, at
    strength 0 or where a row is not kept, the U-Net computes exactly what it
    did before. Its parameters and their names stay the same and do not
    belong to the adapter. Where both are trained by several processes, put
    them into one parent module.

    The set style is read again when gradient checkpointing recomputes a
    block: in training, `set_style` and leave it until the backward pass is
    done. One thread at a time may use a U-Net. Make the adapter before
    `torch.compile`. A copy of the adapter is on no U-Net until attached.

    Arguments
    ---------
    unet : nn.Module
        What to adapt; it is frozen or not as the caller wishes.
    encoder : nn.Module
        From sounds to tokens, see
        :class:`~speechbrain_opensed.lobes.style.reference_encoder.ReferenceEncoder`.
    text_dim : int, optional
        Width of the text states; default: that of the U-Net's cross-attention.
    style_dim : int
        Width of the style.
    num_heads : int
        Heads of the attention from text to references.
    rank : int or None
        Width between condition and norms in each block; None: full.
    fusion : str
        `"attention"`, or `"concatenation"` of means.
    modulation : str
        `"adaptive"`: every norm of every ResNet block is scaled and shifted;
        `"shift"`: the style is added to the embedding of the time step,
        nothing more.

    Raises
    ------
    ValueError
        If an option is unknown or the U-Net has no ResNet blocks.

    Example
    -------
    >>> from diffusers import UNet2DConditionModel
    >>> from speechbrain_opensed.lobes.style.reference_encoder import (
    ...     ReferenceEncoder,
    ... )
    >>> unet = UNet2DConditionModel(
    ...     in_channels=4, out_channels=4, layers_per_block=1,
    ...     block_out_channels=(8, 16), attention_head_dim=1,
    ...     down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
    ...     up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    ...     cross_attention_dim=8, norm_num_groups=4,
    ... ).eval()
    >>> encoder = ReferenceEncoder(16, channels=(4, 8), blocks=(1, 1))
    >>> adapter = StyleAdapter(unet, encoder, style_dim=16, num_heads=2).eval()
    >>> text, mask = torch.rand(2, 3, 8), torch.ones(2, 3, dtype=torch.bool)
    >>> latents = torch.rand(2, 4, 8, 4)
    >>> with torch.no_grad():
    ...     base = unet(latents, 5, text, encoder_attention_mask=mask).sample
    ...     style = adapter.style(text, mask, torch.rand(2, 8000))
    ...     with adapter.styled(style, strength=1.5):
    ...         out = unet(latents, 5, text, encoder_attention_mask=mask).sample
    >>> style.shape, float((out - base).abs().max())
    (torch.Size([2, 16]), 0.0)
    """  # fmt: skip

    def __init__(
        self,
        unet: nn.Module,
        encoder: nn.Module,
        text_dim: int | None = None,
        *,
        style_dim: int = 1024,
        num_heads: int = 16,
        rank: int | None = 64,
        fusion: str = "attention",
        modulation: str = "adaptive",
    ):
        super().__init__()
        if fusion not in ("attention", "concatenation"):
            raise ValueError(
                f"fusion {fusion!r}: choose 'attention' or 'concatenation'"
            )
        if modulation not in ("adaptive", "shift"):
            raise ValueError(
                f"modulation {modulation!r}: choose 'adaptive' or 'shift'"
            )
        sites = find_sites(unet)
        time_dim = sites.time_dim
        text_dim = text_dim or unet.config.cross_attention_dim
        #: What it is made with, but for the encoder.
        self.sizes = {
            "text_dim": text_dim,
            "style_dim": style_dim,
            "num_heads": num_heads,
            "rank": rank,
            "fusion": fusion,
            "modulation": modulation,
        }
        self.encoder = encoder
        self.style_dim = style_dim
        if fusion == "attention":
            self.fusion = AttentiveFusion(
                text_dim, encoder.dim, style_dim, num_heads
            )
        else:
            self.fusion = ConcatFusion(text_dim, encoder.dim, style_dim)
        self.proj = nn.Linear(style_dim, time_dim)
        self.blocks = nn.ModuleList()
        if modulation == "adaptive":
            for widths in sites.widths:
                self.blocks.append(BlockModulation(2 * time_dim, widths, rank))
        else:
            nn.init.zeros_(self.proj.weight)
            nn.init.zeros_(self.proj.bias)
        self._style = None
        self._scale = None
        self._cond = None
        self._handles: list[Any] = []
        self.attach(unet)

    def attach(self, unet: nn.Module) -> None:
        """Put the adapter on a U-Net; off the one it was on.

        Arguments
        ---------
        unet : diffusers.UNet2DConditionModel
            Of the sizes the adapter was made for.
        """
        self.detach()
        sites = find_sites(unet)
        if self.blocks:
            if len(sites.blocks) != len(self.blocks):
                raise ValueError(
                    f"the U-Net has {len(sites.blocks)} blocks, the adapter "
                    f"is for {len(self.blocks)}"
                )
            pairs = zip(sites.blocks, self.blocks, strict=True)
            for block, modulation in pairs:
                for index, norm in enumerate(block):
                    self._handles.append(
                        norm.register_forward_hook(
                            self._norm_hook(modulation, index)
                        )
                    )
        self._handles.append(sites.time.register_forward_hook(self._time_hook))

    def detach(self) -> None:
        """Take the adapter off its U-Net."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self.clear_style()

    def style(
        self,
        text_states: Tensor,
        text_mask: Tensor | None,
        references: Tensor,
        *,
        lens: Tensor | None = None,
        weights: Any = None,
    ) -> Tensor:
        """Style of some clips.

        Arguments
        ---------
        text_states : torch.Tensor
            `[batch, tokens, text_dim]`.
        text_mask : torch.Tensor or None
            Tokens that count, bool `[batch, tokens]`; None: all.
        references : torch.Tensor
            Mono sounds at the encoder's rate: `[batch, samples]`, or
            `[batch, count, samples]` with several for each clip.
        lens : torch.Tensor, optional
            Relative lengths, `[batch]` or `[batch, count]`.
        weights : sequence of float or torch.Tensor, optional
            What each reference counts, `[count]` or `[batch, count]`; see
            :func:`~speechbrain_opensed.lobes.style.fusion.shares_of`.

        Returns
        -------
        torch.Tensor
            `[batch, style_dim]`.

        Raises
        ------
        ValueError
            If shapes do not fit or the weights are none.
        """
        if references.ndim == 2:
            references = references[:, None]
        if references.ndim != 3 or len(references) != len(text_states):
            raise ValueError(
                f"references of shape {list(references.shape)} for "
                f"{len(text_states)} texts: give [batch, samples] or "
                "[batch, count, samples]"
            )
        batch, count, _ = references.shape
        if lens is not None and lens.numel() != batch * count:
            raise ValueError(
                f"{lens.numel()} lengths for {batch} x {count} references"
            )
        shares = shares_of(weights, batch, count).to(references.device)
        tokens, mask = self.encoder(
            references.flatten(0, 1), None if lens is None else lens.flatten()
        )
        # A long reference counts no more than a short one.
        each = shares.flatten()[:, None] * mask / mask.sum(1, keepdim=True)
        if text_mask is None:
            text_mask = text_states.new_ones(text_states.shape[:2]).bool()
        return self.fusion(
            text_states,
            text_mask,
            tokens.unflatten(0, (batch, count)).flatten(1, 2),
            each.unflatten(0, (batch, count)).flatten(1, 2),
        )

    def set_style(
        self,
        style: Tensor | None,
        keep: Tensor | None = None,
        strength: float = 1.0,
    ) -> None:
        """Let the U-Net use a style from now on.

        Arguments
        ---------
        style : torch.Tensor or None
            `[batch, style_dim]` in the order of the U-Net's batch, or one row
            for all. None: no style.
        keep : torch.Tensor, optional
            Rows that have a style, bool `[batch]`; the others are computed
            without the adapter.
        strength : float
            Factor on all scales and shifts. 0: none.

        Raises
        ------
        ValueError
            If shapes do not fit.
        """
        if style is None:
            self.clear_style()
            return
        if style.ndim != 2 or style.shape[1] != self.style_dim:
            raise ValueError(
                f"a style of shape {list(style.shape)}: give "
                f"[batch, {self.style_dim}]"
            )
        scale = torch.full(
            (len(style), 1), strength, dtype=style.dtype, device=style.device
        )
        if keep is not None:
            if keep.ndim != 1 or len(style) not in (1, len(keep)):
                raise ValueError(
                    f"keep of shape {list(keep.shape)} for "
                    f"{len(style)} styles: give [{len(style)}]"
                )
            scale = scale * keep[:, None].to(scale)
        self._style, self._scale = style, scale

    def clear_style(self) -> None:
        """Let the U-Net be itself."""
        self._style = self._scale = self._cond = None

    @contextmanager
    def styled(
        self,
        style: Tensor | None,
        keep: Tensor | None = None,
        strength: float = 1.0,
    ) -> Iterator["StyleAdapter"]:
        """`set_style` for the duration of a `with` block."""
        self.set_style(style, keep, strength)
        try:
            yield self
        finally:
            self.clear_style()

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles keep: they are on no U-Net."""
        hooked = {"_style": None, "_scale": None, "_cond": None}
        return {**self.__dict__, **hooked, "_handles": []}

    def _time_hook(self, module, args, time):
        if self._style is None:
            return None
        # Stable Audio's pipeline gives one time step for the whole batch.
        batch = max(len(time), len(self._style), len(self._scale))
        for name, rows in (("style", self._style), ("keep", self._scale)):
            if len(rows) not in (1, batch) or len(time) not in (1, batch):
                raise ValueError(
                    f"{name} has {len(rows)} rows, the U-Net's batch "
                    f"{len(time)}"
                )
        weight = self.proj.weight
        style = self.proj(self._style.to(weight.dtype))
        if not self.blocks:
            return time + (self._scale * style).to(time.dtype)
        parts = [
            time.to(style.dtype).expand(batch, -1),
            style.expand(batch, -1),
        ]
        self._cond = F.silu(torch.cat(parts, dim=1))
        return None

    def _norm_hook(self, modulation, index):
        def hook(module, args, x):
            if self._style is None:
                return None
            scale, shift = modulation(self._cond, index)
            each = self._scale[:, :, None, None]
            if x.ndim == 3:
                # Tokens, whose channels come last.
                scale, shift, each = (
                    part.flatten(1)[:, None] for part in (scale, shift, each)
                )
            scale, shift = (
                (each * scale).to(x.dtype),
                (each * shift).to(x.dtype),
            )
            return x * (1 + scale) + shift

        return hook
