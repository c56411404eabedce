"""FlexSED's decoder: audio tokens and a query to a track of logits.

Paper: https://arxiv.org/abs/2509.18606, section 2.

Authors
 * The speechbrain-opensed contributors 2026
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speechbrain_opensed.core.precision import PRECISIONS, check_precision
from speechbrain_opensed.lobes.transformer import AdaptiveBlock, Block

__all__ = ["QueryDecoder", "smooth"]

MEMORY_BUDGET = {"cpu": 80 * 2**20, "cuda": 2 * 2**30}


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
        self._lowered: tuple[tuple, list[nn.Module]] | None = None
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

    def decode(
        self,
        feats: Tensor,
        queries: Tensor,
        precision: str = "fp32",
        memory_budget: int | None = None,
    ) -> Tensor:
        """Looks for every query in every clip.

        Without gradients the pairs of clip and query are decoded in groups,
        so that memory does not grow with their number.

        Arguments
        ---------
        feats : torch.Tensor
            Audio tokens, `[batch, time, embed_dim]`.
        queries : torch.Tensor
            `[queries, cls_dim]` for all clips, or `[batch, queries,
            cls_dim]`.
        precision : str
            `fp32`, `bf16` or `fp16`: that of attention and MLP where no
            gradients are taken; the residual stream stays in fp32.
        memory_budget : int, optional
            Bytes that a group's activations may take.

        Returns
        -------
        torch.Tensor
            Logits, `[batch, queries, time]`.

        Raises
        ------
        ValueError
            If there is no query, the shapes do not fit, or the precision
            has another name.

        Example
        -------
        >>> decoder = QueryDecoder(16, depth=1, num_heads=2, cls_dim=8)
        >>> with torch.no_grad():
        ...     decoder.decode(torch.rand(2, 25, 16), torch.rand(3, 8)).shape
        torch.Size([2, 3, 25])
        """
        batch, time, dim = feats.shape
        width = self.cls_embed[0].in_features
        if queries.ndim == 2:
            queries = queries.expand(batch, *queries.shape)
        if (
            queries.ndim != 3
            or queries.shape[0] != batch
            or queries.shape[2] != width
        ):
            raise ValueError(
                f"queries of shape {list(queries.shape)} for {batch} clips: "
                f"give [queries, {width}] or [{batch}, queries, {width}]"
            )
        if queries.shape[1] == 0:
            raise ValueError("no query: give at least one phrase")
        check_precision(precision)
        count = queries.shape[1]
        if torch.is_grad_enabled():
            logits = self(
                feats.repeat_interleave(count, 0), queries.flatten(0, 1)
            )
            return logits.view(batch, count, time)
        blocks = self._blocks_in(PRECISIONS[precision])
        if memory_budget is None:
            memory_budget = MEMORY_BUDGET.get(
                feats.device.type, MEMORY_BUDGET["cpu"]
            )
        size = PRECISIONS[precision].itemsize
        group = max(1, memory_budget // self._bytes_per_pair(time, size))
        logits = feats.new_empty(batch * count, time, dtype=torch.float32)
        queries = queries.reshape(batch * count, width)
        for start in range(0, batch * count, group):
            pairs = torch.arange(
                start,
                min(start + group, batch * count),
                device=feats.device,
            )
            logits[pairs] = self(
                feats[pairs // count], queries[pairs], blocks
            ).float()
        return logits.view(batch, count, time)

    def _bytes_per_pair(self, time: int, size: int) -> int:
        dim = self.norm.normalized_shape[0]
        heads = self.blocks[0].attn.num_heads
        residual = 3 * dim * 4
        branch = (2 * 4 * dim + 2 * heads * time) * size
        return time * (residual + branch)

    def _blocks_in(self, dtype: torch.dtype) -> Any:
        if dtype is torch.float32 or self.fusion == "token":
            return self.blocks
        # Kept from call to call; a step of training or a move to another
        # device changes the key.
        key = (
            dtype,
            tuple((p.data_ptr(), p._version) for p in self.parameters()),
        )
        if self._lowered is None or self._lowered[0] != key:
            blocks = [b.lowered(dtype) for b in self.blocks]
            self._lowered = (key, blocks)
        return self._lowered[1]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lowered": None}


def smooth(logits: Tensor, frames: int) -> Tensor:
    """Means over an odd number of frames, fewer at the ends of a clip.

    Arguments
    ---------
    logits : torch.Tensor
        `[batch, queries, time]`.
    frames : int
        How many; 1: nothing changes.

    Returns
    -------
    torch.Tensor
        Of the same shape.

    Example
    -------
    >>> smooth(torch.tensor([[[0.0, 3.0, 0.0]]]), 3)
    tensor([[[1.5000, 1.0000, 1.5000]]])
    """
    if frames == 1:
        return logits
    return F.avg_pool1d(logits, frames, 1, frames // 2, count_include_pad=False)
