"""The samples of a mixture, fast enough to mix while training."""

from collections import OrderedDict

import numpy as np
from lhotse import MonoCut
from lhotse.augmentation import AudioTransform, Volume
from lhotse.cut import Cut, MixedCut, MixTrack, PaddingCut
from lhotse.utils import compute_num_samples, fastcopy

__all__ = ["SourceCache", "render"]


class SourceCache:
    """
    Decoded recordings, the least recently used ones forgotten first.

    Short recordings are kept whole, so that any part of them is at hand;
    of resampled ones (whose samples depend a little on where reading began)
    the parts that were read are kept.

    :param max_bytes: how much to keep.
    :param max_seconds: longer recordings are read from the file each time.

    >>> SourceCache(max_bytes=2**20).num_bytes
    0
    """

    def __init__(self, max_bytes: int = 2**29, max_seconds: float = 30.0):
        self.max_bytes = max_bytes
        self.max_seconds = max_seconds
        self.num_bytes = 0
        self._kept: OrderedDict[tuple, np.ndarray] = OrderedDict()

    def read(self, cut: MonoCut) -> tuple[np.ndarray, float]:
        """
        The samples of a cut as ``gain * samples``.

        :param cut: cut of one channel.
        :return: float32 array ``[samples]``, not to be changed, and the gain
            that the recording's volume transforms make.
        """
        recording, gain = cut.recording, 1.0
        transforms = list(recording.transforms or ())
        while transforms and isinstance(transforms[-1], Volume):
            gain *= transforms.pop().factor
        if gain != 1.0:
            recording = fastcopy(recording, transforms=transforms or None)
        sources = tuple(source.source for source in recording.sources)
        if transforms or recording.duration > self.max_seconds:
            span = (cut.start, cut.duration)
            short = cut.duration <= self.max_seconds
            key = (sources, cut.channel, str(transforms), *span)
            samples = self._load(
                key if short else None, recording, cut.channel, *span
            )
            return samples, gain
        whole = self._load(
            (sources, cut.channel), recording, cut.channel, 0.0, None
        )
        rate = recording.sampling_rate
        start = compute_num_samples(cut.start, rate)
        stop = start + compute_num_samples(cut.duration, rate)
        if stop > len(whole):
            # Lhotse knows what to do with durations that are a little off.
            span = (cut.start, cut.duration)
            return self._load(None, recording, cut.channel, *span), gain
        return whole[start:stop], gain

    def _load(self, key, recording, channel, offset, duration) -> np.ndarray:
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        samples = recording.load_audio(
            channels=channel, offset=offset, duration=duration
        )[0]
        if key is not None and samples.nbytes <= self.max_bytes:
            self._kept[key] = samples
            self.num_bytes += samples.nbytes
            while self.num_bytes > self.max_bytes:
                _, forgotten = self._kept.popitem(last=False)
                self.num_bytes -= forgotten.nbytes
        return samples


_PROCESS_CACHE = SourceCache()


def render(cut: Cut, cache: SourceCache | None = None) -> np.ndarray:
    """
    The samples of a cut, as ``cut.load_audio()[0]`` gives them, but faster.

    :param cut: any cut of one channel; mixtures of plain cuts are mixed here
        by Lhotse's rule for gains, everything else is left to Lhotse.
    :param cache: recordings that were read before; by default one that all
        calls in this process share.
    :return: float32 array ``[samples]``.
    :raises ValueError: the cut has several channels.
    """
    cache = _PROCESS_CACHE if cache is None else cache
    if isinstance(cut, MonoCut) and cut.has_recording:
        samples, gain = cache.read(cut)
        return samples * np.float32(gain)
    if isinstance(cut, MixedCut) and _is_plain(cut):
        return _mix(cut, cache)
    audio = cut.load_audio()
    if audio is None or len(audio) != 1:
        raise ValueError(
            f"cut {cut.id} has {0 if audio is None else len(audio)} channels "
            "of audio; choose one of them (MultiCut.to_mono makes such cuts)"
        )
    return np.asarray(audio[0], np.float32)


def _is_plain(cut: MixedCut) -> bool:
    reference = _reference_of(cut)
    return (
        reference is not None
        and not isinstance(reference.cut, PaddingCut)
        and all(
            isinstance(track.cut, PaddingCut)
            or (isinstance(track.cut, MonoCut) and track.cut.has_recording)
            for track in cut.tracks
        )
    )


def _reference_of(cut: MixedCut) -> MixTrack | None:
    """The track that the ratios of the others refer to."""
    for track in cut.tracks:
        if track.is_snr_reference:
            return track
    for track in cut.tracks:
        if not isinstance(track.cut, PaddingCut) and track.snr is None:
            return track
    return None


def _mix(cut: MixedCut, cache: SourceCache) -> np.ndarray:
    rate, num_samples = cut.sampling_rate, cut.num_samples
    mixed = np.zeros(num_samples, np.float32)
    reference = _reference_of(cut)
    assert reference is not None, "_is_plain has asked"
    ground, ground_gain = cache.read(reference.cut)
    energy = ground_gain**2 * _power(ground)
    audible = [track for track in cut.tracks if not track.mute] or cut.tracks
    for track in audible:
        if isinstance(track.cut, PaddingCut):
            continue
        if track is reference:
            samples, gain = ground, ground_gain
        else:
            samples, gain = cache.read(track.cut)
        # A reference is left as it is only where it comes first.
        fixed = track is reference and track is audible[0]
        if track.snr is not None and not fixed and energy > 0:
            power = gain**2 * _power(samples)
            if power > 0:
                wanted = energy * 10.0 ** (-track.snr / 10.0)
                gain *= np.sqrt(wanted / power)
        start = compute_num_samples(track.offset, rate)
        stop = min(start + len(samples), num_samples)
        mixed[start:stop] += samples[: stop - start] * np.float32(gain)
    for transform in cut.transforms or ():
        if not isinstance(transform, AudioTransform):
            transform = AudioTransform.from_dict(transform)
        mixed = transform(mixed[None], rate)[0]
    return mixed


def _power(samples: np.ndarray) -> float:
    # As Lhotse computes it; a dot product differs in the fifth digit.
    return float(np.average(samples**2)) if len(samples) else 0.0
