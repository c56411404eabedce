"""FlexSED's decoder: audio tokens and a query to a track of logits.

Paper: https://arxiv.org/abs/2509.18606, section 2.

Authors
 * The speechbrain-opensed contributors 2026
"""

from typing import Any

import torch
from torch import Tensor, nn

from speechbrain_opensed.lobes.transformer import AdaptiveBlock, Block

__all__ = ["QueryDecoder"]


class QueryDecoder(nn.Module):
    """Turns audio tokens and one query into a track of logits.

    Arguments
    ---------
    embed_dim : int
        Width of the tokens.
    depth : int
        Number of blocks.
    num_heads : int
        Attention heads per block.
    cls_dim : int
        Width of a query.
    fusion : str
        `adaln`: the query sets the norms and gates of each block; `token`:
        it is a token before the audio.
    gate : str
        Gate of the adaptive blocks, see
        :class:`~speechbrain_opensed.lobes.transformer.AdaptiveBlock`.

    Raises
    ------
    ValueError
        If the fusion has another name.

    Example
    -------
    >>> decoder = QueryDecoder(16, depth=1, num_heads=2, cls_dim=8)
    >>> decoder(torch.rand(3, 25, 16), torch.rand(3, 8)).shape
    torch.Size([3, 25])
    """

    def __init__(
        self,
        embed_dim: int,
        depth: int,
        num_heads: int,
        *,
        cls_dim: int = 512,
        fusion: str = "adaln",
        gate: str = "tanh_one_minus",
    ):
        super().__init__()
        if fusion not in ("adaln", "token"):
            raise ValueError(
                f"unknown fusion {fusion!r}: choose 'adaln' or 'token'"
            )
        self.fusion = fusion
        self.cls_embed = nn.Sequential(
            nn.Linear(cls_dim, embed_dim),
            nn.SiLU(),
            nn.Linear(embed_dim, embed_dim),
        )
        self.blocks = nn.ModuleList(
            AdaptiveBlock(embed_dim, num_heads, gate=gate)
            if fusion == "adaln"
            else Block(embed_dim, num_heads)
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(embed_dim, eps=1e-6)
        self.sed_head = nn.Linear(embed_dim, 1)
        # As published: Xavier, but for the modulation, which stays zero.
        for name, layer in self.named_modules():
            if isinstance(layer, nn.Linear) and not name.endswith("adaln"):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, queries: Tensor, blocks: Any = None) -> Tensor:
        """Decodes pairs of clip and query.

        Arguments
        ---------
        x : torch.Tensor
            Audio tokens, `[pairs, time, embed_dim]`.
        queries : torch.Tensor
            Text embeddings, `[pairs, cls_dim]`.
        blocks : iterable of AdaptiveBlock, optional
            Copies of this decoder's blocks in another precision.

        Returns
        -------
        torch.Tensor
            Logits, `[pairs, time]`.
        """
        condition = self.cls_embed(queries)
        if self.fusion == "token":
            x = torch.cat([condition.unsqueeze(1), x], dim=1)
            for block in self.blocks:
                x = block(x)
            x = x[:, 1:]
        else:
            for block in self.blocks if blocks is None else blocks:
                x = block(x, condition)
        return self.sed_head(self.norm(x)).squeeze(-1)
