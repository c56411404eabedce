"""Sounds made from three words: a register, a pattern and a timbre."""

import numpy as np

__all__ = [
    "PATTERNS",
    "REGISTERS",
    "TIMBRES",
    "coloured_noise",
    "synthesize_event",
]

REGISTERS = {"low": 200.0, "mid": 620.0, "high": 1900.0}
"""Centre frequency of each register in Hz: about 1.6 octaves apart."""

PATTERNS = ("steady", "pulsing", "rising", "falling", "warbling")
TIMBRES = ("tone", "buzz", "bell", "hiss", "horn")

COLOURS = (0.0, 1.0, 2.0, -1.0, 1.5, 0.5)
"""Power falls with frequency to these exponents: white, pink, brown, ..."""

# Inharmonic partials of a struck bar: ratio, amplitude, decay in dB over the
# ringing time. None falls so far that the event ends in silence.
BELL_PARTIALS = (
    (1.0, 1.0, 8.0),
    (1.19, 0.7, 10.0),
    (1.56, 0.6, 12.0),
    (2.14, 0.5, 16.0),
    (2.76, 0.4, 20.0),
)
LEVEL_DBFS = -20.0
FADE_SECONDS = (0.004, 0.015)


def synthesize_event(
    register: str,
    pattern: str,
    timbre: str,
    rng: np.random.Generator,
    sampling_rate: int = 16000,
) -> np.ndarray:
    """
    Make one event of 0.6 to 3 s that sounds from its first sample to its last.

    :param register: a key of :data:`REGISTERS`.
    :param pattern: one of :data:`PATTERNS`.
    :param timbre: one of :data:`TIMBRES`.
    :param rng: the source of pitch, rate, duration and phase.
    :param sampling_rate: samples per second.
    :return: float32 array ``[samples]`` at -20 dB full scale (RMS).

    >>> rng = np.random.default_rng(0)
    >>> samples = synthesize_event("high", "pulsing", "bell", rng)
    >>> 0.5 < len(samples) / 16000 < 3.1
    True
    """
    # A glide over more than two seconds would look steady for a while.
    longest = 2.2 if pattern in ("rising", "falling") else 3.0
    seconds = rng.uniform(0.6, longest)
    rate = rng.uniform(4.0, 6.0)
    duty = rng.uniform(0.56, 0.64)
    if pattern == "pulsing":
        pulses = max(3, round(seconds * rate))
        seconds = (pulses - 1 + duty) / rate
    time = np.arange(round(seconds * sampling_rate)) / sampling_rate
    octaves = _trajectory(pattern, time, seconds, rng)
    pitch = REGISTERS[register] * 2.0**octaves
    if pattern == "pulsing":
        since_onset = np.mod(time, 1.0 / rate)
        ringing = duty / rate
        gate = _gate(since_onset, ringing, rng)
    else:
        since_onset, ringing = time, seconds
        gate = _gate(time, seconds, rng)
    sound = _TIMBRE[timbre](pitch, since_onset / ringing, rng, sampling_rate)
    # A slow drift of at most 1.5 dB keeps two variants from being twins.
    drift = rng.uniform(-1.5, 1.5) * np.sin(
        np.pi * time / seconds * rng.uniform(0.5, 2.0)
    )
    return _to_level(sound * gate * 10.0 ** (drift / 20.0), LEVEL_DBFS)


def coloured_noise(
    seconds: float,
    exponent: float,
    rng: np.random.Generator,
    sampling_rate: int = 16000,
) -> np.ndarray:
    """
    Noise whose power falls as 1 / frequency ** ``exponent``, slowly modulated.

    :param seconds: its duration.
    :param exponent: 0 white, 1 pink, 2 brown, -1 blue.
    :param rng: the source of randomness.
    :param sampling_rate: samples per second.
    :return: float32 array ``[samples]`` at -20 dB full scale (RMS).

    >>> coloured_noise(2.0, 1.0, np.random.default_rng(0)).shape
    (32000,)
    """
    count = round(seconds * sampling_rate)
    frequency = np.fft.rfftfreq(count, 1.0 / sampling_rate)
    # Below 60 Hz the spectrum stays flat, or brown noise would be inaudible.
    shape = np.maximum(frequency, 60.0) ** (-exponent / 2.0)
    shape[frequency < 20.0] = 0.0
    noise = np.fft.irfft(
        np.fft.rfft(rng.standard_normal(count)) * shape, n=count
    )
    time = np.arange(count) / sampling_rate
    depth, speed = rng.uniform(0.0, 2.5), rng.uniform(0.05, 0.3)
    swell = depth * np.sin(2 * np.pi * (speed * time + rng.uniform()))
    return _to_level(noise * 10.0 ** (swell / 20.0), LEVEL_DBFS)


def _trajectory(
    pattern: str, time: np.ndarray, seconds: float, rng: np.random.Generator
) -> np.ndarray:
    """Octaves above the centre of the register, for each sample."""
    vibrato = rng.uniform(0.0, 0.015) * np.sin(
        2 * np.pi * (rng.uniform(3.0, 6.0) * time + rng.uniform())
    )
    span, nudge = rng.uniform(1.15, 1.35), rng.uniform(-0.08, 0.08)
    if pattern == "rising":
        return span * (time / seconds - 0.5) + nudge + vibrato
    if pattern == "falling":
        return span * (0.5 - time / seconds) + nudge + vibrato
    if pattern == "warbling":
        depth, speed = rng.uniform(0.27, 0.35), rng.uniform(5.0, 7.0)
        wave = np.sin(2 * np.pi * (speed * time + rng.uniform()))
        return rng.uniform(-0.15, 0.15) + depth * wave
    return rng.uniform(-0.25, 0.25) + vibrato


def _gate(
    since_onset: np.ndarray, sounding: float, rng: np.random.Generator
) -> np.ndarray:
    """1 while sounding, 0 after it, with raised-cosine edges."""
    attack, release = rng.uniform(*FADE_SECONDS, size=2)
    rise = np.clip(since_onset / attack, 0.0, 1.0)
    fall = np.clip((sounding - since_onset) / release, 0.0, 1.0)
    return 0.25 * (1 - np.cos(np.pi * rise)) * (1 - np.cos(np.pi * fall))


def _phase(
    pitch: np.ndarray, rng: np.random.Generator, sampling_rate: int
) -> np.ndarray:
    cycles = np.cumsum(pitch) / sampling_rate + rng.uniform()
    return 2 * np.pi * np.mod(cycles, 1.0)


def _tone(pitch, progress, rng, sampling_rate):
    return np.sin(_phase(pitch, rng, sampling_rate))


def _harmonics(pitch, rng, sampling_rate, step, slope, most):
    """Sum of harmonics 1, 1 + step, ... by the Chebyshev recurrence."""
    phase = _phase(pitch, rng, sampling_rate)
    limit = 0.47 * sampling_rate
    lowest, highest = pitch.min(), pitch.max()
    twice_cos = 2 * np.cos(step * phase)
    before, current = np.sin((1 - step) * phase), np.sin(phase)
    total = np.zeros_like(phase)
    for number in range(1, most * step + 1, step):
        if number * lowest > limit:
            break
        if number * highest > limit:
            # Fade a partial out over the last 10 % below the limit.
            fade = np.clip(10 * (1 - number * pitch / limit), 0.0, 1.0)
            total += current * fade / number**slope
        else:
            total += current / number**slope
        before, current = current, twice_cos * current - before
    return total


def _buzz(pitch, progress, rng, sampling_rate):
    slope = rng.uniform(0.7, 0.9)
    return _harmonics(pitch, rng, sampling_rate, 1, slope, most=24)


def _horn(pitch, progress, rng, sampling_rate):
    slope = rng.uniform(0.9, 1.1)
    return _harmonics(pitch, rng, sampling_rate, 2, slope, most=6)


def _bell(pitch, progress, rng, sampling_rate):
    total = np.zeros_like(pitch)
    for ratio, amplitude, decay in BELL_PARTIALS:
        partial = ratio * rng.uniform(0.99, 1.01) * pitch
        loss = decay * rng.uniform(0.8, 1.2) * progress
        total += (
            amplitude
            * 10.0 ** (-loss / 20.0)
            * np.sin(_phase(partial, rng, sampling_rate))
        )
    return total


def _hiss(pitch, progress, rng, sampling_rate):
    """Noise about an octave wide: a band around 0 Hz moved to the pitch."""
    count = len(pitch)
    width = rng.uniform(0.28, 0.36) * np.exp(np.mean(np.log(pitch)))
    spectrum = np.zeros(count, dtype=complex)
    inside = np.abs(np.fft.fftfreq(count, 1.0 / sampling_rate)) < width
    draws = rng.standard_normal((2, int(inside.sum())))
    spectrum[inside] = draws[0] + 1j * draws[1]
    band = np.fft.ifft(spectrum)
    return np.real(band * np.exp(1j * _phase(pitch, rng, sampling_rate)))


def _to_level(samples: np.ndarray, dbfs: float) -> np.ndarray:
    rms = np.sqrt(np.mean(samples**2))
    gain = 10.0 ** (dbfs / 20.0) / rms
    # 16-bit files must not clip.
    gain = min(gain, 0.98 / np.max(np.abs(samples)))
    return (samples * gain).astype(np.float32)


_TIMBRE = {
    "tone": _tone,
    "buzz": _buzz,
    "bell": _bell,
    "hiss": _hiss,
    "horn": _horn,
}
