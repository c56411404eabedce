"""One style vector from a text and its reference sounds.

Paper: https://arxiv.org/abs/2409.09381

Authors
 * The speechbrain-opensed contributors 2026
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["AttentiveFusion", "ConcatFusion", "masked_mean", "shares_of"]


def shares_of(weights: Any, batch: int, count: int) -> Tensor:
    """How much each reference of a clip counts.

    Arguments
    ---------
    weights : sequence of float, torch.Tensor or None
        `[count]` for all clips alike or `[batch, count]`. They need not sum
        to 1: they are divided by their sum. None: all count the same.
    batch, count : int
        Clips, and references per clip.

    Returns
    -------
    torch.Tensor
        `[batch, count]`; rows sum to 1.

    Raises
    ------
    ValueError
        If weights are negative, not finite, all zero for a clip, or not one
        per reference.

    Example
    -------
    >>> shares_of([3, 1], 1, 2)
    tensor([[0.7500, 0.2500]])
    """
    if weights is None:
        return torch.full((batch, count), 1 / count)
    weights = torch.as_tensor(weights, dtype=torch.float32)
    if weights.shape not in ((count,), (batch, count)):
        raise ValueError(
            f"reference weights of shape {list(weights.shape)} for {batch} "
            f"clips with {count} references: give [{count}] or "
            f"[{batch}, {count}]"
        )
    if not bool(torch.isfinite(weights).all()) or bool((weights < 0).any()):
        raise ValueError(
            f"reference weights {weights.tolist()}: give numbers of at least 0"
        )
    total = weights.sum(-1, keepdim=True)
    if not bool((total > 0).all()):
        raise ValueError(
            f"reference weights {weights.tolist()} are all zero for a clip: "
            "let one reference count, or generate without style"
        )
    return (weights / total).expand(batch, count)


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Mean over the tokens that count.

    Arguments
    ---------
    x : torch.Tensor
        `[batch, tokens, dim]`.
    mask : torch.Tensor
        bool or weights, `[batch, tokens]`.

    Returns
    -------
    torch.Tensor
        `[batch, dim]`; zeros where no token counts.

    Example
    -------
    >>> x = torch.tensor([[[2.0], [4.0], [9.0]]])
    >>> masked_mean(x, torch.tensor([[True, True, False]]))
    tensor([[3.]])
    """
    weights = mask.to(x.dtype).unsqueeze(-1)
    total = weights.sum(1)
    total = torch.where(total > 0, total, torch.ones_like(total))
    return (x * weights).sum(1) / total


class AttentiveFusion(nn.Module):
    """Text attends to the references; the mean of its tokens is the style.

    The attention is residual and has several heads. Its inputs are
    normalised: states of T5 are large and would drown the references.

    Arguments
    ---------
    text_dim : int
        Width of the text states.
    ref_dim : int
        Width of the reference tokens.
    style_dim : int
        Width of the style.
    num_heads : int
        Attention heads; they divide `style_dim`.

    Raises
    ------
    ValueError
        If they do not.

    Example
    -------
    >>> fuse = AttentiveFusion(8, 6, style_dim=16, num_heads=2)
    >>> weights = torch.full((2, 7), 1 / 7)
    >>> mask = torch.ones(2, 3, dtype=torch.bool)
    >>> fuse(torch.rand(2, 3, 8), mask, torch.rand(2, 7, 6), weights).shape
    torch.Size([2, 16])
    """

    def __init__(
        self,
        text_dim: int,
        ref_dim: int,
        style_dim: int = 1024,
        num_heads: int = 16,
    ):
        super().__init__()
        if style_dim % num_heads:
            raise ValueError(
                f"{num_heads} heads do not divide a style of {style_dim}"
            )
        self.num_heads = num_heads
        self.text_norm = nn.LayerNorm(text_dim)
        self.ref_norm = nn.LayerNorm(ref_dim)
        self.residual = nn.Identity()
        if text_dim != style_dim:
            self.residual = nn.Linear(text_dim, style_dim)
        self.query = nn.Linear(text_dim, style_dim)
        # Without bias: it would move all logits of a query alike.
        self.key = nn.Linear(ref_dim, style_dim, bias=False)
        self.value = nn.Linear(ref_dim, style_dim)
        self.out = nn.Linear(style_dim, style_dim)
        for layer in (self.query, self.key, self.value, self.out):
            nn.init.xavier_uniform_(layer.weight)
        for layer in (self.query, self.value, self.out):
            nn.init.zeros_(layer.bias)

    def forward(
        self, text: Tensor, text_mask: Tensor, refs: Tensor, weights: Tensor
    ) -> Tensor:
        """Fuse.

        Arguments
        ---------
        text : torch.Tensor
            Text states `[batch, tokens, text_dim]`.
        text_mask : torch.Tensor
            Text tokens that count, bool `[batch, tokens]`.
        refs : torch.Tensor
            Reference tokens `[batch, ref tokens, ref_dim]`.
        weights : torch.Tensor
            What each of them counts, `[batch, ref tokens]`: attention before
            any query prefers one over another. Zero: it is not there.

        Returns
        -------
        torch.Tensor
            Style `[batch, style_dim]`.
        """
        text, refs = self.text_norm(text), self.ref_norm(refs)
        query = self._split(self.query(text))
        attended = F.scaled_dot_product_attention(
            query,
            self._split(self.key(refs)),
            self._split(self.value(refs)),
            attn_mask=weights.log().to(query.dtype)[:, None, None, :],
        )
        attended = attended.transpose(1, 2).flatten(2)
        return masked_mean(self.residual(text) + self.out(attended), text_mask)

    def _split(self, x):
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)


class ConcatFusion(nn.Module):
    """Means of text and references side by side, mapped to the style.

    What attention is to be compared with.

    Arguments
    ---------
    text_dim, ref_dim, style_dim : int
        Widths of text states, reference tokens and style.

    Example
    -------
    >>> fuse = ConcatFusion(8, 6, style_dim=16)
    >>> weights = torch.full((2, 7), 1 / 7)
    >>> mask = torch.ones(2, 3, dtype=torch.bool)
    >>> fuse(torch.rand(2, 3, 8), mask, torch.rand(2, 7, 6), weights).shape
    torch.Size([2, 16])
    """

    def __init__(self, text_dim: int, ref_dim: int, style_dim: int = 1024):
        super().__init__()
        self.text_norm = nn.LayerNorm(text_dim)
        self.ref_norm = nn.LayerNorm(ref_dim)
        self.out = nn.Linear(text_dim + ref_dim, style_dim)

    def forward(
        self, text: Tensor, text_mask: Tensor, refs: Tensor, weights: Tensor
    ) -> Tensor:
        """Fuse; see :meth:`AttentiveFusion.forward`."""
        means = [
            masked_mean(self.text_norm(text), text_mask),
            masked_mean(self.ref_norm(refs), weights),
        ]
        return self.out(torch.cat(means, dim=-1))
