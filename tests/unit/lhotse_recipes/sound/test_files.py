"""Any sound file becomes mono blocks; any broken one a clear error."""

import logging
import math
import struct

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from lhotse_recipes.sound import (
    inspect_audio,
    mono_blocks,
    resample_blocks,
)

NOISE = np.random.default_rng(0).normal(0, 0.1, 60000).astype(np.float32)


def write(path, samples=NOISE, rate=16000, **kwargs):
    soundfile.write(path, samples, rate, **kwargs)
    return path


@pytest.mark.parametrize(
    "source, target", [(44100, 16000), (8000, 16000), (16000, 11025),
                       (16001, 8000), (48000, 16000)]
)  # fmt: skip
def test_streamed_resampling_equals_one_pass(source, target):
    signal = np.resize(NOISE, 12 * source).astype(np.float32)
    blocks = np.array_split(signal, 11)
    streamed = np.concatenate(list(resample_blocks(blocks, source, target)))
    divisor = math.gcd(source, target)
    whole = resample_poly(signal, target // divisor, source // divisor)
    assert len(streamed) == len(whole)
    np.testing.assert_allclose(streamed, whole, atol=2e-6)


@pytest.mark.parametrize("extension", ["wav", "flac", "ogg", "mp3"])
def test_formats_channels_and_rates(tmp_path, extension):
    rate = 44100
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    path = write(
        tmp_path / f"a.{extension}", np.stack([tone, 0 * tone], 1), rate
    )
    info = inspect_audio(path)
    assert (info.sample_rate, info.channels) == (rate, 2)
    mono = np.concatenate(list(mono_blocks(path, 16000, block_seconds=0.3)))
    assert mono.dtype == np.float32
    assert len(mono) == math.ceil(info.frames * 16000 / rate)
    middle = mono[4000:12000]
    rms = np.sqrt((middle**2).mean())
    assert rms == pytest.approx(0.25 / np.sqrt(2), abs=0.02)
    assert np.argmax(np.abs(np.fft.rfft(middle))) == 220


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="nope.wav; check the path"):
        inspect_audio(tmp_path / "nope.wav")


def test_folder(tmp_path):
    with pytest.raises(ValueError, match="is a folder: name the files"):
        inspect_audio(tmp_path)


def test_empty_file(tmp_path):
    (tmp_path / "empty.wav").touch()
    with pytest.raises(ValueError, match=r"empty.wav is empty .* again"):
        inspect_audio(tmp_path / "empty.wav")


def test_no_audio(tmp_path):
    (tmp_path / "notes.wav").write_text("not audio " * 100)
    with pytest.raises(ValueError, match=r"notes.wav is not .* ffmpeg"):
        inspect_audio(tmp_path / "notes.wav")


def test_zero_length(tmp_path):
    path = write(tmp_path / "zero.wav", NOISE[:0])
    with pytest.raises(ValueError, match="zero.wav holds no samples"):
        inspect_audio(path)


@pytest.mark.parametrize("extension", ["wav", "flac"])
def test_truncated_file(tmp_path, extension):
    path = write(tmp_path / f"cut.{extension}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=r"cut.* is truncated.*ffmpeg"):
        list(mono_blocks(path, 16000))


def test_wav_written_to_a_pipe_is_whole(tmp_path):
    path = write(tmp_path / "piped.wav")
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", 0xFFFFFFFF)
    path.write_bytes(data)
    assert inspect_audio(path).frames == len(NOISE)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers(tmp_path, value):
    samples = NOISE.copy()
    samples[24000:24010] = value
    path = write(tmp_path / "nan.wav", samples, subtype="FLOAT")
    with pytest.raises(ValueError, match=r"nan.wav .* at 1.500 s: export"):
        list(mono_blocks(path, 16000, block_seconds=0.7))


def test_channels_that_cancel_are_announced(tmp_path, caplog):
    tone = 0.5 * np.sin(np.arange(8000) / 5)
    path = tmp_path / "balanced.wav"
    soundfile.write(path, np.stack([tone, -tone], 1), 8000)
    with caplog.at_level(logging.WARNING):
        mixed = np.concatenate(list(mono_blocks(path, 8000)))
    assert np.abs(mixed).max() < 1e-3
    assert "balanced.wav: its channels cancel each other" in caplog.text
    assert "--channel" in caplog.text
    for channel, sign in (("left", 1), ("right", -1), (1, 1), ("2", -1)):
        one = np.concatenate(list(mono_blocks(path, 8000, channel=channel)))
        assert np.allclose(one, sign * tone, atol=1e-4)
    with pytest.raises(ValueError, match="has 2 channels and no 3"):
        list(mono_blocks(path, 8000, channel=3))


def test_the_loudest_channel(tmp_path, caplog):
    noise = np.random.default_rng(0).normal(size=(8000, 3)) * [0.01, 0.1, 0.02]
    soundfile.write(tmp_path / "a.wav", noise, 8000)
    with caplog.at_level(logging.WARNING):
        list(mono_blocks(tmp_path / "a.wav", 8000))
    assert "cancel" not in caplog.text
    one = np.concatenate(
        list(mono_blocks(tmp_path / "a.wav", 8000, channel="loudest"))
    )
    assert np.allclose(one, noise[:, 1], atol=1e-4)


@pytest.mark.parametrize("rate, channels", [(800_000, 1), (48_000, 65)])
def test_headers_that_no_recording_has(tmp_path, rate, channels):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros((9, channels)), rate)
    with pytest.raises(ValueError, match="a.wav announces .*more than"):
        inspect_audio(path)
