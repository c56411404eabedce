"""Pre-norm transformer blocks, plain and conditioned by a query.

The plain block is that of ViT as Dasheng uses it; the conditioned one adds
FlexSED's AdaLN-One (https://arxiv.org/abs/2509.18606, section 2).

Authors
 * The speechbrain-opensed contributors 2026
"""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Attention", "Mlp", "Block", "AdaptiveBlock", "GATES"]

# What multiplies a branch, given the gate that the query predicts. All
# queries start at gate 0: a scaled copy, a copy, or nothing of the branch.
GATES = {
    "tanh_one_minus": lambda gate: torch.tanh(1 - gate),
    "one": lambda gate: 1 + gate,
    "zero": lambda gate: gate,
}


class Attention(nn.Module):
    """Multi-head self-attention with one fused projection `[q | k | v]`.

    Arguments
    ---------
    dim : int
        Width of the tokens.
    num_heads : int
        Number of heads; divides `dim`.

    Example
    -------
    >>> Attention(16, num_heads=2)(torch.rand(3, 10, 16)).shape
    torch.Size([3, 10, 16])
    """

    def __init__(self, dim: int, num_heads: int):
        super().__init__()
        if dim % num_heads:
            raise ValueError(
                f"embed_dim {dim} is not a multiple of num_heads {num_heads}"
            )
        self.num_heads = num_heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Attends within each sequence.

        Arguments
        ---------
        x : torch.Tensor
            `[batch, time, dim]`.
        mask : torch.Tensor, optional
            What may be attended to, bool `[batch, 1, 1, time]`; default:
            all.

        Returns
        -------
        torch.Tensor
            `[batch, time, dim]`.
        """
        batch, time, dim = x.shape
        q, k, v = (
            self.qkv(x)
            .view(batch, time, 3, self.num_heads, dim // self.num_heads)
            .permute(2, 0, 3, 1, 4)
        )
        if mask is None:
            x = _attend(q, k, v)
        else:
            x = F.scaled_dot_product_attention(q, k, v, mask)
        return self.proj(x.transpose(1, 2).reshape(batch, time, dim))


class Mlp(nn.Module):
    """Two linear layers with a GELU between them.

    Arguments
    ---------
    dim : int
        Width of the tokens.
    hidden : int
        Width between the layers.

    Example
    -------
    >>> Mlp(16, 64)(torch.rand(3, 10, 16)).shape
    torch.Size([3, 10, 16])
    """

    def __init__(self, dim: int, hidden: int):
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Transforms each token of x `[batch, time, dim]`."""
        return self.fc2(F.gelu(self.fc1(x)))


class _Branches(nn.Module):
    """Attention and MLP, each behind a LayerNorm."""

    def __init__(self, dim: int, num_heads: int, mlp_ratio: float = 4.0):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, num_heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim, int(dim * mlp_ratio))


class Block(_Branches):
    """Attention and MLP, each behind a LayerNorm and a residual.

    Arguments
    ---------
    dim : int
        Width of the tokens.
    num_heads : int
        Number of attention heads.
    mlp_ratio : float
        Hidden width of the MLP over `dim`.

    Example
    -------
    >>> Block(16, num_heads=2)(torch.rand(3, 10, 16)).shape
    torch.Size([3, 10, 16])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Transforms x `[batch, time, dim]`."""
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class AdaptiveBlock(_Branches):
    """A block whose norms and branches follow a condition.

    Scale, gate and shift of both branches come from one linear layer that
    is zero at the start, so that a pretrained block begins as itself (up to
    the constant that `gate` starts from).

    Arguments
    ---------
    dim : int
        Width of the tokens and of the condition.
    num_heads : int
        Number of attention heads.
    mlp_ratio : float
        Hidden width of the MLP over `dim`.
    gate : str
        `tanh_one_minus`: factor tanh(1 - g), that of the released FlexSED
        weights; `one`: 1 + g, as its paper describes AdaLN-One; `zero`: g,
        AdaLN-Zero.

    Raises
    ------
    ValueError
        If the gate has another name.

    Example
    -------
    >>> block = AdaptiveBlock(16, num_heads=2)
    >>> block(torch.rand(3, 10, 16), torch.rand(3, 16)).shape
    torch.Size([3, 10, 16])
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        mlp_ratio: float = 4.0,
        gate: str = "tanh_one_minus",
    ):
        super().__init__(dim, num_heads, mlp_ratio)
        if gate not in GATES:
            raise ValueError(
                f"unknown gate {gate!r}: choose from {sorted(GATES)}"
            )
        self.gate = gate
        self.adaln = nn.Linear(dim, 6 * dim)
        nn.init.zeros_(self.adaln.weight)
        nn.init.zeros_(self.adaln.bias)

    def modulation(self, condition: Tensor) -> tuple[Tensor, ...]:
        """Turns a condition into what the branches need.

        Arguments
        ---------
        condition : torch.Tensor
            `[batch, dim]`.

        Returns
        -------
        tuple of torch.Tensor
            Weight, bias and gate of the attention branch, then of the MLP
            branch, each `[batch, 1, dim]`; the norms' own affine part is
            folded into weight and bias.
        """
        parts = self.adaln(condition).unsqueeze(1).chunk(6, dim=-1)
        factor = GATES[self.gate]
        folded = []
        for norm, (scale, gate, shift) in (
            (self.norm1, parts[:3]),
            (self.norm2, parts[3:]),
        ):
            scale = 1 + scale
            bias = torch.addcmul(shift, scale, norm.bias)
            folded += [scale * norm.weight, bias, factor(gate)]
        return tuple(folded)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Transforms x `[batch, time, dim]` by condition `[batch, dim]`."""
        weight1, bias1, gate1, weight2, bias2, gate2 = self.modulation(
            condition
        )
        # The residual stream keeps its precision; branches may have less.
        dtype = self.attn.qkv.weight.dtype
        branch = torch.addcmul(bias1, _standardise(x), weight1)
        branch = self.attn(branch.to(dtype))
        x = torch.addcmul(x, gate1, branch.to(x.dtype))
        branch = torch.addcmul(bias2, _standardise(x), weight2)
        branch = self.mlp(branch.to(dtype))
        return torch.addcmul(x, gate2, branch.to(x.dtype))

    def lowered(self, dtype: torch.dtype) -> "AdaptiveBlock":
        """A copy for inference whose branches compute in `dtype`.

        Arguments
        ---------
        dtype : torch.dtype
            Type of the branches' weights and activations; norms, modulation
            and the residual stream stay as they are.

        Returns
        -------
        AdaptiveBlock
            Shares everything but the branches with this block.
        """
        block = copy.copy(self)
        block._modules = dict(
            self._modules,
            attn=copy.deepcopy(self.attn).to(dtype),
            mlp=copy.deepcopy(self.mlp).to(dtype),
        )
        return block


def _attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    if q.dtype is not torch.bfloat16 or q.device.type != "cpu":
        return F.scaled_dot_product_attention(q, k, v)
    # In bf16 on CPUs torch's fused kernel takes twice the time of this.
    shape = q.shape
    q, k, v = (x.flatten(0, 1) for x in (q * shape[-1] ** -0.5, k, v))
    weights = torch.bmm(q, k.transpose(1, 2)).softmax(-1)
    return torch.bmm(weights, v).view(shape)


def _standardise(x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], eps=1e-6)
