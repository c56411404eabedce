"""From an encoder's features to a common space of audio and text.

The variants of FineLAP (https://arxiv.org/abs/2604.01155, table 6).

Authors
 * The speechbrain-opensed contributors 2026
"""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

__all__ = ["mlp", "make_local_projector", "FrameMlp", "FrameRnn"]


def mlp(dim: int, out: int) -> nn.Sequential:
    """Two linear layers with a ReLU between them.

    Arguments
    ---------
    dim : int
        Width of the input.
    out : int
        Width between the layers and of the output.

    Returns
    -------
    torch.nn.Sequential
        From `[..., dim]` to `[..., out]`.

    Example
    -------
    >>> mlp(16, 8)(torch.rand(2, 16)).shape
    torch.Size([2, 8])
    """
    return nn.Sequential(nn.Linear(dim, out), nn.ReLU(), nn.Linear(out, out))


def make_local_projector(kind: str, dim: int, out: int) -> nn.Module:
    """Builds a projector of frames.

    Arguments
    ---------
    kind : str
        `transformer`: a linear layer, then two transformer layers;
        `transformer_linearlast`: the other way round; `rnn`: two layers of
        a bidirectional GRU; `linear`: frame by frame.
    dim : int
        Width of the input.
    out : int
        Width of the output.

    Returns
    -------
    torch.nn.Module
        From `[batch, time, dim]`, and optionally how many frames of each
        clip count, `[batch]`, to `[batch, time, out]`.

    Raises
    ------
    ValueError
        If the kind has another name, or a width does not fit it.

    Example
    -------
    >>> projector = make_local_projector("rnn", 16, 8)
    >>> projector(torch.rand(2, 5, 16), torch.tensor([5, 3])).shape
    torch.Size([2, 5, 8])
    """
    if kind == "transformer":
        return _FrameTransformer([nn.Linear(dim, out), _transformer(out)])
    if kind == "transformer_linearlast":
        return _FrameTransformer([_transformer(dim), nn.Linear(dim, out)])
    if kind == "rnn":
        if out % 2:
            raise ValueError(f"embed_size {out} is odd: an rnn halves it")
        return FrameRnn(dim, out)
    if kind == "linear":
        return FrameMlp(dim, out)
    raise ValueError(
        f"unknown local_audio_proj_type {kind!r}: choose transformer, "
        "transformer_linearlast, rnn or linear"
    )


class FrameMlp(nn.Sequential):
    """Projects each frame by itself.

    Arguments
    ---------
    dim : int
        Width of the input.
    out : int
        Width of the output.

    Example
    -------
    >>> FrameMlp(16, 8)(torch.rand(2, 5, 16)).shape
    torch.Size([2, 5, 8])
    """

    def __init__(self, dim: int, out: int):
        super().__init__(*mlp(dim, out))

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Projects x `[batch, time, dim]`; `valid` has no effect."""
        return super().forward(x)


class FrameRnn(nn.GRU):
    """Projects frames by two layers of a bidirectional GRU.

    Arguments
    ---------
    dim : int
        Width of the input.
    out : int
        Width of the output, of which each direction gives one half.

    Example
    -------
    >>> FrameRnn(16, 8)(torch.rand(2, 5, 16)).shape
    torch.Size([2, 5, 8])
    """

    def __init__(self, dim: int, out: int):
        super().__init__(
            dim, out // 2, num_layers=2, batch_first=True, bidirectional=True
        )

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Projects x `[batch, time, dim]`, of which `valid` frames count."""
        if valid is None:
            return super().forward(x)[0]
        packed = pack_padded_sequence(
            x, valid.cpu(), batch_first=True, enforce_sorted=False
        )
        return pad_packed_sequence(
            super().forward(packed)[0],
            batch_first=True,
            total_length=x.shape[1],
        )[0]


class _FrameTransformer(nn.Sequential):
    """Transformer layers before or after a linear one."""

    def __init__(self, layers):
        super().__init__(*layers)

    def forward(self, x, valid=None):
        mask = None
        if valid is not None:
            place = torch.arange(x.shape[1], device=x.device)
            mask = place >= valid.to(x.device)[:, None]
        for layer in self:
            if isinstance(layer, nn.TransformerEncoder):
                x = layer(x, src_key_padding_mask=mask)
            else:
                x = layer(x)
        return x


def _transformer(dim):
    heads = 8
    if dim % heads:
        raise ValueError(
            f"width {dim} of the projector is not a multiple of its {heads} "
            "attention heads"
        )
    layer = nn.TransformerEncoderLayer(dim, heads, 4 * dim, batch_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
