"""Half overlapping windows of clips of any length, for a differentiable model.

`inference.windows` does the same to streams of samples and to scores.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["ClipWindows", "clip_lengths", "cut_windows"]


@dataclass(frozen=True)
class ClipWindows:
    """The windows of all clips of a batch.

    Arguments
    ---------
    wavs : torch.Tensor
        `[windows, samples]`, zeros behind the end of a clip.
    lengths : list of int
        Samples of each window that are of its clip.
    owners : torch.Tensor
        Row of the clip that each belongs to, int64 `[windows]`.
    starts : torch.Tensor
        First frame of each, int64 `[windows]`.
    batch : int
        Number of clips.

    Example
    -------
    >>> windows = cut_windows(torch.ones(1, 12), [12], frames=4, hop=2)
    >>> windows.starts.tolist()
    [0, 2]
    >>> frames = torch.tensor([[1.0] * 4, [2.0] * 4]).unsqueeze(2)
    >>> windows.blend_frames(frames, 6)[0, :, 0].tolist()
    [0.5, 1.5, 2.5, 3.5, 3.0, 1.0]
    """

    wavs: Tensor
    lengths: list[int]
    owners: Tensor
    starts: Tensor
    batch: int

    def __len__(self) -> int:
        return len(self.lengths)

    def part(self, first: int, count: int) -> tuple[Tensor, list[int]]:
        """Samples and lengths of some consecutive windows."""
        span = slice(first, first + count)
        return self.wavs[span], self.lengths[span]

    def sum_clips(self, clips: Tensor) -> Tensor:
        """Adds up what windows `[windows, dim]` say of their clips.

        Returns
        -------
        torch.Tensor
            `[batch, dim]`.
        """
        sums = clips.new_zeros(self.batch, clips.shape[1])
        return sums.index_add(0, self.owners, clips)

    def blend_frames(self, frames: Tensor, total: int) -> Tensor:
        """Adds up overlapping frames, those in a window's middle most.

        Arguments
        ---------
        frames : torch.Tensor
            `[windows, frames, dim]`.
        total : int
            Frames of the longest clip.

        Returns
        -------
        torch.Tensor
            `[batch, total, dim]`, of arbitrary scale; zeros where no window
            is.
        """
        size = frames.shape[1]
        ramp = torch.arange(size, device=frames.device) + 0.5
        weight = torch.minimum(ramp, ramp.flip(0))[:, None]
        # A clip within one window may reach behind the longest one's end.
        room = total + size
        place = torch.arange(size, device=frames.device)
        place = place + (self.owners * room + self.starts)[:, None]
        track = frames.new_zeros(self.batch * room, frames.shape[2])
        track = track.index_add(
            0, place.flatten(), (frames * weight).flatten(0, 1)
        )
        return track.unflatten(0, (self.batch, room))[:, :total]


def cut_windows(
    wav: Tensor, lengths: Sequence[int], frames: int, hop: int
) -> ClipWindows:
    """Cuts each clip into windows, each half a window after the one before.

    The last one ends with the clip's last frame.

    Arguments
    ---------
    wav : torch.Tensor
        `[batch, samples]`.
    lengths : sequence of int
        Samples of each clip.
    frames : int
        Frames of a window.
    hop : int
        Samples of a frame.

    Returns
    -------
    ClipWindows
        At least one window for each clip.

    Example
    -------
    >>> windows = cut_windows(torch.ones(2, 13), [13, 3], frames=4, hop=2)
    >>> windows.owners.tolist(), windows.starts.tolist(), windows.lengths
    ([0, 0, 0, 1], [0, 2, 3, 0], [8, 8, 7, 3])
    """
    size = frames * hop
    wavs, counts, owners, starts = [], [], [], []
    for row, length in enumerate(lengths):
        last = max(0, -(-length // hop) - frames)
        for start in [*range(0, last, max(1, frames // 2)), last]:
            window = wav[row, start * hop : min(start * hop + size, length)]
            wavs.append(F.pad(window, (0, size - len(window))))
            counts.append(len(window))
            owners.append(row)
            starts.append(start)
    return ClipWindows(
        torch.stack(wavs),
        counts,
        torch.tensor(owners, device=wav.device),
        torch.tensor(starts, device=wav.device),
        len(wav),
    )


def clip_lengths(wav: Tensor, wav_lens: Tensor | None, least: int) -> list[int]:
    """Samples of each clip of a batch.

    Arguments
    ---------
    wav : torch.Tensor
        `[batch, samples]`, padded at the end.
    wav_lens : torch.Tensor or None
        Relative lengths `[batch]`; None: all clips are full.
    least : int
        Samples that a model needs.

    Returns
    -------
    list of int
        The lengths.

    Raises
    ------
    ValueError
        If the batch has another shape or a clip is too short.

    Example
    -------
    >>> clip_lengths(torch.zeros(2, 800), torch.tensor([1.0, 0.5]), 400)
    [800, 400]
    """
    if wav.ndim != 2:
        raise ValueError(
            f"wav of shape {list(wav.shape)}: give [batch, samples]"
        )
    size = wav.shape[1]
    lengths = [size] * len(wav)
    if wav_lens is not None:
        relative = wav_lens.double().cpu()
        lengths = (relative * size).round().long().tolist()
    for row, length in enumerate(lengths):
        if not least <= length <= size:
            raise ValueError(
                f"clip {row} of {len(lengths)} has {length} of {size} "
                f"samples: a clip needs {least} (25 ms); pad it with "
                "zeros or leave it out"
            )
    return lengths
