"""FlexSED: sound event detection prompted by text.

Paper: https://arxiv.org/abs/2509.18606; layout of the released weights:
https://github.com/JHU-LCAP/FlexSED.

Authors
 * The speechbrain-opensed contributors 2026
"""

import torch
from torch import Tensor, nn

from speechbrain_opensed.lobes.encoders.dasheng import Dasheng
from speechbrain_opensed.lobes.query_decoder import QueryDecoder, smooth

__all__ = ["FlexSED"]


class FlexSED(nn.Module):
    """Encoder that hears a clip once, decoder that looks for each query.

    Arguments
    ---------
    embed_dim : int
        Width of the tokens.
    depth : int
        Number of blocks of encoder and decoder together.
    num_heads : int
        Attention heads per block.
    target_length : int
        Longest input in mel frames of 10 ms.
    ft_blocks : list of int or int
        Blocks of the pretrained encoder that become the decoder: a list of
        their indices, or how many of the last ones.
    cls_dim : int
        Width of a query.
    fusion : str
        `adaln` or `token`.
    gate : str
        `tanh_one_minus` (released weights), `one` or `zero`.
    sample_rate : int
        Samples per second.
    freeze_encoder : bool
        Whether the encoder stays as it is in training, its running
        statistics included.
    stem : str
        `patch` (released weights) or `conv`, see
        :class:`~speechbrain_opensed.lobes.encoders.dasheng.Dasheng`.
    smooth_frames : int
        Odd number of frames over which logits are averaged, except in
        training; 1 (released weights): none. Tracks of small models ripple,
        and a threshold cuts them to pieces; events that are shorter than
        this get lower scores and are missed more often.

    Raises
    ------
    ValueError
        If `ft_blocks` are not the last blocks, or `smooth_frames` is even.

    Example
    -------
    >>> model = FlexSED(
    ...     embed_dim=16, depth=2, num_heads=2, ft_blocks=1, cls_dim=8
    ... ).eval()
    >>> feats = model.encode(torch.rand(2, 16000))
    >>> feats.shape
    torch.Size([2, 25, 16])
    >>> model.decode(feats, torch.rand(5, 8)).shape
    torch.Size([2, 5, 25])
    """

    def __init__(
        self,
        embed_dim: int = 768,
        depth: int = 12,
        num_heads: int = 12,
        *,
        target_length: int = 1008,
        ft_blocks: list[int] | int = 6,
        cls_dim: int = 512,
        fusion: str = "adaln",
        gate: str = "tanh_one_minus",
        sample_rate: int = 16000,
        freeze_encoder: bool = False,
        stem: str = "patch",
        smooth_frames: int = 1,
    ):
        super().__init__()
        if smooth_frames < 1 or smooth_frames % 2 == 0:
            raise ValueError(
                f"smooth_frames {smooth_frames}: give an odd number, 1 for none"
            )
        self.smooth_frames = smooth_frames
        if isinstance(ft_blocks, int):
            ft_blocks = list(range(depth - ft_blocks, depth))
        decoded = len(ft_blocks)
        if not 0 < decoded <= depth or list(ft_blocks) != list(
            range(depth - decoded, depth)
        ):
            raise ValueError(
                f"ft_blocks {list(ft_blocks)}: name the last blocks of "
                f"{depth}, such as {list(range(depth // 2, depth))}, or "
                "their number"
            )
        self.encoder = Dasheng(
            embed_dim,
            depth - decoded,
            num_heads,
            target_length=target_length,
            sample_rate=sample_rate,
            final_norm=False,
            stem=stem,
        )
        self.decoder = QueryDecoder(
            embed_dim,
            decoded,
            num_heads,
            cls_dim=cls_dim,
            fusion=fusion,
            gate=gate,
        )
        self.freeze_encoder = freeze_encoder
        self.encoder.requires_grad_(not freeze_encoder)

    def train(self, mode: bool = True) -> "FlexSED":
        """Sets the mode of training; a frozen encoder stays in `eval`."""
        super().train(mode)
        if self.freeze_encoder:
            self.encoder.eval()
        return self

    def init_from(self, dasheng: Dasheng) -> "FlexSED":
        """Starts from a pretrained encoder, the paper's section 2.

        Its first blocks become the encoder, the others the decoder's start,
        and its last norm becomes the decoder's.

        Arguments
        ---------
        dasheng : Dasheng
            Encoder with as many blocks as this model has in all.

        Returns
        -------
        FlexSED
            This model.

        Raises
        ------
        ValueError
            If the numbers of blocks differ.

        Example
        -------
        >>> sizes = dict(embed_dim=16, depth=2, num_heads=2)
        >>> model = FlexSED(**sizes, ft_blocks=1, cls_dim=8)
        >>> pretrained = Dasheng(**sizes)
        >>> _ = model.init_from(pretrained)
        >>> bool((model.decoder.norm.weight == pretrained.norm.weight).all())
        True
        """
        split = len(self.encoder.blocks)
        wanted = split + len(self.decoder.blocks)
        if len(dasheng.blocks) != wanted:
            raise ValueError(
                f"the pretrained encoder has {len(dasheng.blocks)} blocks, "
                f"this model {wanted}: set depth to "
                f"{len(dasheng.blocks)}"
            )
        state = dasheng.state_dict()
        encoder = {
            key: value
            for key, value in state.items()
            if not key.startswith("norm.")
            and not (
                key.startswith("blocks.") and int(key.split(".")[1]) >= split
            )
        }
        self.encoder.load_state_dict(encoder)
        self.decoder.norm.load_state_dict(dasheng.norm.state_dict())
        for mine, theirs in zip(
            self.decoder.blocks, dasheng.blocks[split:], strict=True
        ):
            # The modulation is new; all else has the same name.
            mine.load_state_dict(theirs.state_dict(), strict=False)
        return self

    def mel(self, wav: Tensor) -> Tensor:
        """Magnitude mel of wav `[batch, samples]`: `[batch, 64, frames]`."""
        with torch.autocast(wav.device.type, enabled=False):
            return self.encoder.mel(wav.float())

    def encode_mel(self, mel: Tensor) -> Tensor:
        """Encodes mel `[batch, 64, frames]`: `[batch, time, embed_dim]`."""
        with torch.set_grad_enabled(
            torch.is_grad_enabled() and not self.freeze_encoder
        ):
            return self.encoder.encode_mel(mel)

    def encode(self, wav: Tensor) -> Tensor:
        """Hears each clip once.

        Arguments
        ---------
        wav : torch.Tensor
            `[batch, samples]` at the model's rate. The released weights
            expect a peak of 1: normalising is left to the caller.

        Returns
        -------
        torch.Tensor
            `[batch, time, embed_dim]`, one token per 40 ms.
        """
        return self.encode_mel(self.mel(wav))

    def decode(
        self,
        feats: Tensor,
        queries: Tensor,
        precision: str = "fp32",
        memory_budget: int | None = None,
    ) -> Tensor:
        """Looks for every query in every clip.

        Arguments
        ---------
        feats : torch.Tensor
            From :meth:`encode`, `[batch, time, embed_dim]`.
        queries, precision, memory_budget
            See :meth:`QueryDecoder.decode
            <speechbrain_opensed.lobes.query_decoder.QueryDecoder.decode>`.

        Returns
        -------
        torch.Tensor
            Logits, `[batch, queries, time]`.

        Raises
        ------
        ValueError
            As that does.

        Example
        -------
        >>> model = FlexSED(16, 2, 2, ft_blocks=1, cls_dim=8).eval()
        >>> feats, queries = torch.rand(2, 25, 16), torch.rand(2, 3, 8)
        >>> with torch.no_grad():
        ...     model.decode(feats, queries, precision="bf16").shape
        torch.Size([2, 3, 25])
        """
        logits = self.decoder.decode(feats, queries, precision, memory_budget)
        return logits if self.training else smooth(logits, self.smooth_frames)

    def forward(self, heard: Tensor, queries: Tensor) -> Tensor:
        """Encodes and decodes, the way training needs it.

        Arguments
        ---------
        heard : torch.Tensor
            Waves `[batch, samples]`, or what :meth:`mel` made of them and
            augmentation changed, `[batch, 64, frames]`. Outside of the
            module, augmentation does not keep it from being compiled.
        queries : torch.Tensor
            `[queries, cls_dim]` or `[batch, queries, cls_dim]`.

        Returns
        -------
        torch.Tensor
            Logits, `[batch, queries, time]`.
        """
        mel = heard if heard.ndim == 3 else self.mel(heard)
        return self.decode(self.encode_mel(mel), queries)
