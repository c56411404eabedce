"""Where a style enters a pretrained denoiser, whatever its kind.

A denoiser has an embedding of the time step and norms in blocks. U-Nets
(Tango, AudioLDM 2: ResNet blocks with group norms) and diffusion transformers
(Stable Audio Open: blocks with layer norms) differ in nothing else that an
adapter has to know.

Authors
 * The speechbrain-opensed contributors 2026
"""

from dataclasses import dataclass

from torch import nn

__all__ = ["Sites", "denoiser_of", "find_sites"]


@dataclass(frozen=True)
class Sites:
    """What is hooked in a denoiser.

    Arguments
    ---------
    time : nn.Module
        Its output is the embedding of the time step, `[batch, time_dim]`.
    time_dim : int
        Width of it.
    blocks : tuple of tuple of nn.Module
        The norms of each block that takes part.

    Example
    -------
    >>> norms = (nn.GroupNorm(2, 4), nn.LayerNorm(8))
    >>> Sites(nn.Identity(), 8, (norms,)).widths
    [[4, 8]]
    """

    time: nn.Module
    time_dim: int
    blocks: tuple[tuple[nn.Module, ...], ...]

    @property
    def widths(self) -> list[list[int]]:
        """Channels of each norm of each block."""
        return [[_width(norm) for norm in block] for block in self.blocks]


def find_sites(denoiser: nn.Module) -> Sites:
    """The sites of a denoiser as diffusers ships it.

    Arguments
    ---------
    denoiser : nn.Module
        `UNet2DConditionModel`, `AudioLDM2UNet2DConditionModel` or
        `StableAudioDiTModel`, or another of their layout.

    Returns
    -------
    Sites
        In the order of the modules.

    Raises
    ------
    ValueError
        If it has neither layout.

    Example
    -------
    >>> find_sites(nn.Linear(2, 2))
    Traceback (most recent call last):
    ValueError: Linear has no ResNet blocks and no transformer blocks ...
    """
    from diffusers.models.resnet import ResnetBlock2D

    resnets = [m for m in denoiser.modules() if isinstance(m, ResnetBlock2D)]
    if resnets and hasattr(denoiser, "time_embedding"):
        return Sites(
            denoiser.time_embedding,
            denoiser.time_embedding.linear_2.out_features,
            tuple((block.norm1, block.norm2) for block in resnets),
        )
    blocks = getattr(denoiser, "transformer_blocks", ())
    if len(blocks) and hasattr(denoiser, "timestep_proj"):
        return Sites(
            denoiser.timestep_proj,
            denoiser.inner_dim,
            # Before self-attention and before the feed-forward layers.
            tuple((block.norm1, block.norm3) for block in blocks),
        )
    raise ValueError(
        f"{type(denoiser).__name__} has no ResNet blocks and no transformer "
        "blocks with an embedding of time: give a UNet2DConditionModel, an "
        "AudioLDM2UNet2DConditionModel or a StableAudioDiTModel of diffusers"
    )


def denoiser_of(pipeline: object) -> nn.Module:
    """The denoiser of a pipeline of diffusers, or of Tango's parts.

    Arguments
    ---------
    pipeline : object
        With a `unet` or a `transformer`.

    Returns
    -------
    nn.Module
        That one.

    Raises
    ------
    ValueError
        If there is neither.

    Example
    -------
    >>> from types import SimpleNamespace
    >>> denoiser_of(SimpleNamespace(unet=nn.Identity()))
    Identity()
    """
    for name in ("unet", "transformer"):
        found = getattr(pipeline, name, None)
        if isinstance(found, nn.Module):
            return found
    raise ValueError(
        f"{type(pipeline).__name__} has neither unet nor transformer: give a "
        "pipeline that turns text into sound"
    )


def _width(norm):
    if isinstance(norm, nn.GroupNorm):
        return norm.num_channels
    return norm.normalized_shape[0]
