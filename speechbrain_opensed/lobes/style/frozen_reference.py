"""A pretrained audio encoder in place of the reference encoder.

Authors
 * The speechbrain-opensed contributors 2026
"""

import torch
from torch import Tensor, nn

__all__ = ["FrozenReference"]


class FrozenReference(nn.Module):
    """Frames of a frozen encoder as the tokens of reference sounds.

    Arguments
    ---------
    encoder : nn.Module
        From sounds `[batch, samples]` to frames `[batch, frames, dim]`, e.g.
        :class:`Dasheng`. It is frozen, and
        stays in `eval` mode.
    dim : int
        Width of its frames.

    Example
    -------
    >>> from speechbrain_opensed.lobes.encoders.dasheng import Dasheng
    >>> dasheng = Dasheng(embed_dim=16, depth=1, num_heads=2)
    >>> encoder = FrozenReference(dasheng, dim=16).train()
    >>> tokens, mask = encoder(torch.rand(2, 32000), torch.tensor([1.0, 0.5]))
    >>> tokens.shape, mask.sum(1).tolist(), encoder.encoder.training
    (torch.Size([2, 50, 16]), [50, 25], False)
    """

    def __init__(self, encoder: nn.Module, dim: int):
        super().__init__()
        self.encoder = encoder.requires_grad_(False).eval()
        self.dim = dim

    def train(self, mode: bool = True) -> "FrozenReference":
        """Set the mode of the module, but not of the encoder."""
        super().train(mode)
        self.encoder.eval()
        return self

    @torch.no_grad()
    def forward(
        self, wavs: Tensor, lens: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Encode sounds.

        Arguments
        ---------
        wavs : torch.Tensor
            Mono sounds `[batch, samples]` at the encoder's sample rate.
        lens : torch.Tensor, optional
            Relative lengths `[batch]`.

        Returns
        -------
        tuple of torch.Tensor
            Tokens `[batch, tokens, dim]` and which of them count, bool
            `[batch, tokens]`; at least one per sound.
        """
        tokens = self.encoder(wavs)
        if lens is None:
            lens = wavs.new_ones(len(wavs))
        size = tokens.shape[1]
        counted = (lens.double() * size).round().clamp(min=1)
        mask = torch.arange(size, device=wavs.device) < counted[:, None]
        return tokens, mask
