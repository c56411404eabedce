"""Augmentation of magnitude mel spectrograms with the labels following.

Frame shift, time mask and FilterAugment as FlexSED trains with them
(https://arxiv.org/abs/2509.18606; FilterAugment: step type of
https://arxiv.org/abs/2110.03282). Every choice comes from a given generator,
so a resumed training repeats it.

Authors
 * The speechbrain-opensed contributors 2026
"""

import math
from dataclasses import dataclass

import torch

__all__ = ["MelAugment", "filter_augment", "frame_shift", "time_mask"]


def frame_shift(
    mel: torch.Tensor,
    targets: torch.Tensor,
    shifts: torch.Tensor,
    lengths: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Move each clip around in a circle, labels and features alike.

    Labels move by whole label frames, rounded towards the past as FlexSED
    does; where a shift is a multiple of a label frame, the two stay aligned
    exactly. The few mel frames behind the last label frame stay where they
    are.

    Arguments
    ---------
    mel : torch.Tensor
        Spectrograms `[batch, mel, time]`.
    targets : torch.Tensor
        Labels `[batch, queries, frames]`; `time // frames` mel frames each.
    shifts : torch.Tensor
        Mel frames to move each clip later by, int64 `[batch]`.
    lengths : torch.Tensor
        Length of each clip relative to the batch, `[batch]`: padding stays
        behind. None: all clips are full.

    Returns
    -------
    tuple of torch.Tensor
        Spectrograms and labels of the same shapes.

    Example
    -------
    >>> mel = torch.arange(8.0).view(1, 1, 8)
    >>> targets = torch.tensor([[[1.0, 0.0, 0.0, 0.0]]])
    >>> mel, targets = frame_shift(mel, targets, torch.tensor([2]))
    >>> mel.tolist()
    [[[6.0, 7.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0]]]
    >>> targets.tolist()
    [[[0.0, 1.0, 0.0, 0.0]]]
    """
    num_frames = targets.shape[-1]
    ratio = mel.shape[-1] // num_frames
    shifts = shifts.to(mel.device)
    valid = torch.full_like(shifts, num_frames)
    if lengths is not None:
        valid = torch.ceil(lengths.to(mel.device) * num_frames - 1e-4).long()
        valid = valid.clamp(1, num_frames)
    return (
        _roll(mel, shifts, valid * ratio),
        _roll(targets, shifts.div(ratio, rounding_mode="floor"), valid),
    )


def _roll(x, shifts, valid):
    """Roll the first `valid` of the last axis of `x` `[batch, any, time]`."""
    time = torch.arange(x.shape[-1], device=x.device)
    shifts, valid = shifts[:, None], valid[:, None]
    source = torch.where(time < valid, (time - shifts) % valid, time)
    return x.gather(2, source[:, None].expand_as(x))


def time_mask(
    mel: torch.Tensor,
    targets: torch.Tensor,
    starts: torch.Tensor,
    widths: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Silence one stretch of each clip; nothing sounds there any more.

    Arguments
    ---------
    mel : torch.Tensor
        Magnitude spectrograms `[batch, mel, time]`.
    targets : torch.Tensor
        Labels `[batch, queries, frames]`; `time // frames` mel frames each.
    starts : torch.Tensor
        First masked label frame, int64 `[batch]` or `[1]` for all clips.
    widths : torch.Tensor
        Label frames to mask, int64, shaped like `starts`.

    Returns
    -------
    tuple of torch.Tensor
        Spectrograms and labels, zero in the masks.

    Example
    -------
    >>> mel, targets = torch.ones(1, 1, 8), torch.ones(1, 1, 4)
    >>> mel, targets = time_mask(
    ...     mel, targets, torch.tensor([1]), torch.tensor([2])
    ... )
    >>> mel.tolist(), targets.tolist()
    ([[[1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0]]], [[[1.0, 0.0, 0.0, 1.0]]])
    """
    ratio = mel.shape[-1] // targets.shape[-1]
    starts, stops = starts[:, None, None], (starts + widths)[:, None, None]
    return (
        _silence(mel, starts * ratio, stops * ratio),
        _silence(targets, starts, stops),
    )


def _silence(x, starts, stops):
    time = torch.arange(x.shape[-1], device=x.device)
    masked = (time >= starts.to(x.device)) & (time < stops.to(x.device))
    return x.masked_fill(masked, 0.0)


def filter_augment(
    mel: torch.Tensor,
    generator: torch.Generator,
    bands: tuple[int, int] = (2, 4),
    *,
    min_width: int = 4,
    gains_db: tuple[float, float] = (-4.5, 6.0),
    per_clip: bool = False,
) -> torch.Tensor:
    """Weight random bands of each clip, as another room or microphone does.

    Arguments
    ---------
    mel : torch.Tensor
        Magnitude spectrograms `[batch, mel, time]`.
    generator : torch.Generator
        Source of all choices, on the CPU.
    bands : tuple of int
        Least and most bands.
    min_width : int
        Least mel bins of a band.
    gains_db : tuple of float
        Range of a band's gain in dB of magnitude; each clip has its own.
    per_clip : bool
        Whether each clip has its own number and edges of bands; in the paper
        a batch shares them.

    Returns
    -------
    torch.Tensor
        Spectrograms of the same shape.

    Raises
    ------
    ValueError
        If that many bands do not fit.

    Example
    -------
    >>> generator = torch.Generator().manual_seed(0)
    >>> gains = filter_augment(torch.ones(1, 64, 2), generator)
    >>> 2 <= len(gains.unique()) <= 4
    True
    """
    batch, num_mel, _ = mel.shape
    fewest, most = bands
    if not 1 <= fewest <= most or most * min_width > num_mel:
        raise ValueError(
            f"{most} bands of at least {min_width} bins do not fit into "
            f"{num_mel} mel bins: ask for fewer or narrower bands"
        )
    drawn = batch if per_clip else 1
    count = torch.randint(fewest, most + 1, (drawn, 1), generator=generator)
    # Sorted cuts in what the least widths leave free, then the widths back in:
    # every admissible set of edges is equally likely.
    free = num_mel - count * min_width
    cuts = torch.rand(drawn, most - 1, generator=generator) * (free + 1)
    inner = torch.arange(1, most)
    cuts = cuts.floor().masked_fill(inner >= count, float(num_mel))
    edges = cuts.sort(dim=1).values + inner * min_width
    band = (torch.arange(num_mel)[None, :, None] >= edges[:, None]).sum(2)
    low, high = gains_db
    band = band.expand(batch, -1)
    gains = torch.rand(batch, most, generator=generator) * (high - low) + low
    weights = 10.0 ** (gains.gather(1, band) / 20.0)
    return mel * weights[:, :, None].to(mel)


@dataclass(frozen=True)
class MelAugment:
    """Frame shift, one time mask and FilterAugment, in this order.

    Defaults are those of FlexSED. Any step is switched off by the value that
    makes it do nothing.

    Arguments
    ---------
    shift_std : float
        Standard deviation of the circular shift in mel frames, 0 is off.
    shift_whole_frames : bool
        Whether shifts are rounded to label frames, so that labels and sound
        stay aligned exactly; in the paper labels are up to one mel frame
        short of a label frame early.
    mask_width : tuple of float
        Range of the time mask's width, relative to the label frames; (0, 0)
        is off.
    mask_per_clip : bool
        Whether each clip has a mask of its own; in the paper a batch shares
        one.
    bands : tuple of int
        Least and most bands of FilterAugment.
    bands_per_clip : bool
        Whether each clip has bands of its own; in the paper a batch shares
        their number and edges.
    min_band_width : int
        Least mel bins of a band.
    gains_db : tuple of float
        Range of a band's gain; (0, 0) is off.

    Raises
    ------
    ValueError
        If a range is upside down.

    Example
    -------
    >>> augment = MelAugment(shift_std=8)
    >>> mel, targets = torch.rand(2, 64, 101), torch.zeros(2, 5, 25)
    >>> generator = torch.Generator().manual_seed(0)
    >>> mel, targets = augment(mel, targets, generator)
    >>> mel.shape, targets.shape
    (torch.Size([2, 64, 101]), torch.Size([2, 5, 25]))
    """

    shift_std: float = 90.0
    shift_whole_frames: bool = False
    mask_width: tuple[float, float] = (0.05, 0.2)
    mask_per_clip: bool = False
    bands: tuple[int, int] = (2, 4)
    bands_per_clip: bool = False
    min_band_width: int = 4
    gains_db: tuple[float, float] = (-4.5, 6.0)

    def __post_init__(self) -> None:
        for name in ("mask_width", "bands", "gains_db"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(
                    f"{name} ({low}, {high}): give the smaller value first"
                )
        if self.shift_std < 0 or not 0 <= self.mask_width[1] <= 1:
            raise ValueError(
                f"shift_std {self.shift_std} must be 0 or more and mask_width "
                f"{self.mask_width} within 0 and 1"
            )

    def __call__(
        self,
        mel: torch.Tensor,
        targets: torch.Tensor,
        generator: torch.Generator,
        lengths: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Augment a batch.

        Arguments
        ---------
        mel : torch.Tensor
            Magnitude spectrograms `[batch, mel, time]`.
        targets : torch.Tensor
            Labels `[batch, queries, frames]`.
        generator : torch.Generator
            Source of all choices, on the CPU; see `step_generator` of
            `OpenSEDBrain`.
        lengths : torch.Tensor
            Relative lengths `[batch]`; padding keeps its place.

        Returns
        -------
        tuple of torch.Tensor
            Spectrograms and labels of the same shapes.
        """
        batch, num_frames = len(mel), targets.shape[-1]
        if self.shift_std > 0:
            ratio = mel.shape[-1] // num_frames
            shifts = torch.randn(batch, generator=generator) * self.shift_std
            if self.shift_whole_frames:
                shifts = (shifts / ratio).round() * ratio
            shifts = shifts.long()
            mel, targets = frame_shift(mel, targets, shifts, lengths)
        if self.mask_width[1] > 0:
            masks = batch if self.mask_per_clip else 1
            low, high = (math.floor(w * num_frames) for w in self.mask_width)
            draws = torch.rand(2, masks, generator=generator)
            widths = low + (draws[0] * max(high - low, 1)).long()
            starts = (draws[1] * (num_frames - widths + 1)).long()
            mel, targets = time_mask(mel, targets, starts, widths)
        if any(self.gains_db):
            mel = filter_augment(
                mel,
                generator,
                self.bands,
                min_width=self.min_band_width,
                gains_db=self.gains_db,
                per_clip=self.bands_per_clip,
            )
        return mel, targets
