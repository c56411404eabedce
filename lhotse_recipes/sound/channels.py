"""One channel of several."""

import logging
from collections.abc import Callable, Iterator

import numpy as np

__all__ = ["CHANNELS", "mix_down"]

logger = logging.getLogger(__name__)

#: How several channels become one; besides, the number of a channel from 1.
CHANNELS = ("mix", "left", "right", "loudest")

# A mixture with less of its channels' energy has lost them.
_CANCELLED, _SILENCE = 0.02, 1e-10


def mix_down(
    name: str,
    channels: int,
    read: Callable[[], Iterator[np.ndarray]],
    channel: str | int = "mix",
) -> Iterator[np.ndarray]:
    """
    Make one channel of several.

    :param name: what they are of, for messages.
    :param channels: how many there are.
    :param read: gives their blocks ``[samples, channels]``; called twice for
        the loudest.
    :param channel: see :func:`lhotse_recipes.sound.mono_blocks`.
    :return: blocks ``[samples]``.
    :raises ValueError: there is no such channel.

    >>> blocks = [np.array([[1.0, 3.0]], np.float32)]
    >>> next(mix_down("a.wav", 2, lambda: iter(blocks), "right"))
    array([3.], dtype=float32)
    """
    index = _channel_index(name, channels, read, channel)
    mixed, energy, count = 0.0, 0.0, 0
    for block in read():
        if index is not None:
            yield np.ascontiguousarray(block[:, index])
            continue
        one = block.mean(axis=1)
        yield one
        if channels > 1:
            count += len(block)
            mixed += float(np.vdot(one, one))
            energy += float(np.vdot(block, block)) / channels
    if energy > _SILENCE * count and mixed < _CANCELLED * energy:
        logger.warning(
            "%s: its channels cancel each other, their mixture has %.1f %% of "
            "their energy (a balanced line recorded as stereo?): mend the "
            "recording, or take one of them: channel left, right, loudest or "
            "a number (--channel of detect and annotate)",
            name,
            100 * mixed / energy,
        )


def _channel_index(
    name: str,
    channels: int,
    read: Callable[[], Iterator[np.ndarray]],
    channel: str | int,
) -> int | None:
    """The number of a channel from 0; None for the mixture."""
    if channel == "mix" or (channels == 1 and channel in CHANNELS):
        return None
    if channel == "loudest":
        energy = np.zeros(channels)
        for block in read():
            energy += np.square(block, dtype=np.float64).sum(axis=0)
        return int(energy.argmax())
    names: dict[str | int, int] = {"left": 1, "right": 2}
    number = names.get(channel, channel)
    if isinstance(number, str):
        number = int(number) if number.isdecimal() else 0
    if isinstance(channel, bool) or not 1 <= number <= channels:
        raise ValueError(
            f"{name} has {channels} channels and no {channel!r}: choose "
            f"{', '.join(CHANNELS)} or a number from 1"
        )
    return number - 1
