"""Kinds that libsndfile does not know."""

import shutil
import subprocess

import numpy as np
import pytest
import soundfile

from lhotse_recipes.sound import ffmpeg, inspect_audio, mono_blocks

needs_ffmpeg = pytest.mark.skipif(
    not shutil.which("ffmpeg"), reason="no ffmpeg on this machine"
)


@pytest.fixture
def convert(tmp_path):
    samples = 0.1 * np.random.default_rng(0).standard_normal(3 * 16000)
    soundfile.write(tmp_path / "a.wav", samples, 16000)

    def to(suffix):
        out = tmp_path / f"a{suffix}"
        subprocess.run(
            ["ffmpeg", "-v", "error", "-i", tmp_path / "a.wav", out],
            check=True,
        )
        return out

    return to


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".m4a", ".aac", ".wma", ".webm", ".ac3"])
def test_they_are_read_through_ffmpeg(convert, suffix):
    path = convert(suffix)
    info = inspect_audio(path)
    assert info.decoder == "ffmpeg"
    assert info.duration == pytest.approx(3, abs=0.15)
    heard = np.concatenate(list(mono_blocks(path, 16000)))
    assert len(heard) / 16000 == pytest.approx(info.duration, abs=1e-3)
    assert np.std(heard) == pytest.approx(0.1, abs=0.04)


@needs_ffmpeg
def test_pyav_gives_the_same(convert, monkeypatch):
    pytest.importorskip("av", reason="PyAV is not installed")
    path = convert(".m4a")
    first = inspect_audio(path)
    monkeypatch.setattr(ffmpeg.shutil, "which", lambda name: None)
    assert ffmpeg.available() == "av"
    second = inspect_audio(path)
    assert (second.sample_rate, second.channels) == (16000, 1)
    assert abs(second.frames - first.frames) <= 2048


@needs_ffmpeg
@pytest.mark.parametrize("program", ["ffmpeg", "av"])
def test_a_playlist_opens_no_other_file(convert, monkeypatch, program):
    if program == "av":
        pytest.importorskip("av", reason="PyAV is not installed")
        monkeypatch.setattr(ffmpeg.shutil, "which", lambda name: None)
    secret = convert(".ac3")
    lists = {
        "a.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n"
        f"{secret.name}\n#EXT-X-ENDLIST\n",
        "a.mp4": f"ffconcat version 1.0\nfile {secret.name}\n",
    }
    for name, text in lists.items():
        path = secret.with_name(name)
        path.write_text(text)
        with pytest.raises(ValueError, match="reads no sound"):
            ffmpeg.probe(path)
        with pytest.raises(ValueError, match="truncated or damaged"):
            list(ffmpeg.decode(path, 1))


def test_without_either_the_remedy_is_said(tmp_path, monkeypatch):
    path = tmp_path / "a.m4a"
    path.write_bytes(b"something")
    monkeypatch.setattr("lhotse_recipes.sound.files.available", lambda: None)
    with pytest.raises(ValueError, match="a.m4a.*install ffmpeg.*av"):
        inspect_audio(path)


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".webm", ".mkv", ".ac3", ".aac", ".m4a"])
@pytest.mark.parametrize("decoder", ["ffmpeg", "av"])
def test_what_broke_off_is_refused(convert, suffix, decoder, monkeypatch):
    path = convert(suffix)
    if decoder == "av":
        if suffix == ".ac3":
            pytest.skip("PyAV does not tell of half a frame of AC-3")
        pytest.importorskip("av", reason="PyAV is not installed")
        monkeypatch.setattr(ffmpeg.shutil, "which", lambda name: None)
    assert inspect_audio(path).duration == pytest.approx(3, abs=0.15)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=rf"a{suffix}"):
        inspect_audio(path)


@needs_ffmpeg
def test_a_live_stream_is_whole(convert, tmp_path):
    with open(tmp_path / "live.webm", "wb") as out:
        subprocess.run(
            ["ffmpeg", "-v", "error", "-i", convert(".webm"), "-c", "copy",
             "-live", "1", "-f", "webm", "-"],
            stdout=out, check=True,
        )  # fmt: skip
    info = inspect_audio(tmp_path / "live.webm")
    assert info.duration == pytest.approx(3, abs=0.15)


@needs_ffmpeg
@pytest.mark.timeout(20)
def test_what_is_no_sound_does_not_take_long(tmp_path, monkeypatch):
    path = tmp_path / "a.mp4"
    path.write_bytes(bytes(1000))
    monkeypatch.setattr(ffmpeg, "_PATIENCE", 0.001)
    with pytest.raises(ValueError, match="found no sound within 0.001 s"):
        inspect_audio(path)
