"""Encoders by name, so that a recipe's YAML and an export can choose one.

Authors
 * The speechbrain-opensed contributors 2026
"""

import re
from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from speechbrain_opensed.lobes.encoders.beats import BEATs
from speechbrain_opensed.lobes.encoders.dasheng import Dasheng
from speechbrain_opensed.lobes.encoders.eat import EAT
from speechbrain_opensed.lobes.encoders.htsat import HTSAT
from speechbrain_opensed.lobes.encoders.mobilenet import MobileNet
from speechbrain_opensed.lobes.encoders.protocol import Encoder

__all__ = [
    "ENCODERS",
    "adopt",
    "detector_hop",
    "encode_window",
    "encoder_class",
    "encoder_rate",
    "make_encoder",
    "pooled_frames",
]

#: By what a YAML calls them; MobileNets are `mn04` to `mn40` by their width.
ENCODERS: Mapping[str, type[nn.Module]] = {
    "mn": MobileNet,
    "dasheng": Dasheng,
    "eat": EAT,
    "htsat": HTSAT,
    "beats": BEATs,
}
# A detector decides this often; finer frames are averaged.
DECISION_SECONDS = 0.08


def encoder_class(name: str) -> tuple[type[nn.Module], dict[str, float]]:
    """The class of an encoder, and the sizes that its name tells.

    Arguments
    ---------
    name : str
        `mn04` to `mn40`, `dasheng`, `eat`, `htsat` or `beats`.

    Returns
    -------
    type
        The class.
    dict
        Sizes for it.

    Raises
    ------
    ValueError
        If there is no encoder of that name.

    Example
    -------
    >>> encoder_class("mn04")[1]
    {'width': 0.4}
    >>> encoder_class("wav2vec")
    Traceback (most recent call last):
    ValueError: encoder 'wav2vec': choose from mn04 (to mn40), dasheng, ...
    """
    mobile = re.fullmatch(r"mn(\d\d)", str(name))
    if mobile and int(mobile[1]):
        return MobileNet, {"width": int(mobile[1]) / 10}
    if name == "mn" or name not in ENCODERS:
        others = [other for other in ENCODERS if other != "mn"]
        raise ValueError(
            f"encoder {name!r}: choose from mn04 (to mn40), {', '.join(others)}"
        )
    return ENCODERS[name], {}


def make_encoder(name: str, config: Mapping | None = None) -> nn.Module:
    """A random encoder, for pretrained weights to go into.

    Arguments
    ---------
    name : str
        See :func:`encoder_class`.
    config : mapping, optional
        Sizes other than those of the released model.

    Returns
    -------
    torch.nn.Module
        An :class:`~speechbrain_opensed.lobes.encoders.protocol.Encoder`.

    Raises
    ------
    ValueError
        If there is no encoder of that name, or it has no such size.

    Example
    -------
    >>> make_encoder("mn01", {"num_tags": 5}).num_tags
    5
    """
    kind, sizes = encoder_class(name)
    try:
        return kind(**{**sizes, **(config or {})})
    except TypeError as error:
        raise ValueError(f"encoder_config of {name}: {error}") from error


def pooled_frames(encoder: Encoder | type[Encoder]) -> int:
    """How many of its frames a detector averages to one of its own.

    Example
    -------
    >>> pooled_frames(MobileNet), pooled_frames(EAT)
    (2, 1)
    """
    return max(1, round(DECISION_SECONDS / encoder.hop_seconds))


def detector_hop(name: str) -> float:
    """Seconds between two frames of a detector on an encoder as released.

    Example
    -------
    >>> detector_hop("mn04"), detector_hop("beats")
    (0.08, 0.16)
    """
    kind, _ = encoder_class(name)
    return kind.hop_seconds * pooled_frames(kind)


def encoder_rate(name: str) -> int:
    """Samples per second of an encoder as released.

    Example
    -------
    >>> encoder_rate("htsat")
    48000
    """
    return encoder_class(name)[0].sample_rate


def encode_window(encoder: Encoder, wav: Tensor, pool: int) -> Tensor:
    """Frames of clips, each heard with silence up to a whole window.

    Means over a clip, such as squeeze-excite, depend on its length: shorter
    ones are heard as in training.

    Arguments
    ---------
    encoder : Encoder
        What hears.
    wav : torch.Tensor
        `[batch, samples]` at the encoder's rate.
    pool : int
        Frames that are averaged to one.

    Returns
    -------
    torch.Tensor
        `[batch, time, dim]`, as many as cover the samples.

    Example
    -------
    >>> import torch
    >>> encoder = make_encoder("mn01", {"num_tags": 5}).eval()
    >>> encode_window(encoder, torch.rand(1, 32000), 2).shape
    torch.Size([1, 13, 421])
    """
    rate = encoder.sample_rate
    hop = encoder.hop_seconds * pool
    count = -(-wav.shape[1] // round(hop * rate))
    window = round(encoder.window_seconds * rate)
    if wav.shape[1] < window:
        wav = F.pad(wav, (0, window - wav.shape[1]))
    feats = encoder.encode(wav)
    if pool > 1:
        feats = F.avg_pool1d(feats.transpose(1, 2), pool).transpose(1, 2)
    return feats[:, :count]


def adopt(encoder: nn.Module, pretrained: nn.Module) -> None:
    """Takes over a pretrained encoder's weights, of the same sizes.

    Arguments
    ---------
    encoder : torch.nn.Module
        Gets them.
    pretrained : torch.nn.Module
        Has them.

    Raises
    ------
    ValueError
        If they are of different kinds or sizes.

    Example
    -------
    >>> adopt(make_encoder("mn01"), make_encoder("mn02"))
    Traceback (most recent call last):
    ValueError: the pretrained MobileNet has other sizes than the model's: ...
    """
    if type(encoder) is not type(pretrained):
        raise ValueError(
            f"the pretrained encoder is a {type(pretrained).__name__}, the "
            f"model has a {type(encoder).__name__}: choose it by encoder="
        )
    mine, theirs = (getattr(x, "sizes", {}) for x in (encoder, pretrained))
    other = {k: v for k, v in theirs.items() if mine.get(k) != v}
    state = pretrained.state_dict()
    shapes = {k: v.shape for k, v in encoder.state_dict().items()}
    if other or shapes != {k: v.shape for k, v in state.items()}:
        raise ValueError(
            f"the pretrained {type(encoder).__name__} has other sizes than "
            f"the model's: {other or 'see its tensors'}; give them by "
            "encoder_config, or the width by encoder"
        )
    encoder.load_state_dict(state)
