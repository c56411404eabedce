import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile as sf

from lhotse_recipes.building.corpus import (
    AUDIO_SUFFIXES,
    find_files,
    finish_part,
    open_recording,
    ordered_map,
    process_pool,
    read_recordings,
)
from lhotse_recipes.io import PrepareReport
from lhotse_recipes.schema import event

FORMATS = ("wav", "flac", "ogg", "mp3")


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    noise = np.random.default_rng(0).normal(0, 0.1, 16000)
    for suffix in FORMATS:
        sf.write(folder / f"a.{suffix}", noise, 16000)
    return folder


@pytest.mark.parametrize("suffix", FORMATS)
def test_open_recording_reads_the_header(sounds, suffix):
    path = sounds / f"a.{suffix}"
    recording = open_recording("a", path)
    assert recording.id == "a"
    assert recording.duration == pytest.approx(1.0, abs=0.1)
    audio = recording.load_audio()
    assert audio.shape == (1, recording.num_samples)


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3"])
def test_a_truncated_file_is_found_out(sounds, tmp_path, suffix):
    path = tmp_path / f"cut.{suffix}"
    whole = (sounds / f"a.{suffix}").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=rf"cut\.{suffix} is truncated"):
        open_recording("a", path)


def test_a_wav_written_into_a_pipe_is_whole(sounds, tmp_path):
    content = bytearray((sounds / "a.wav").read_bytes())
    start = content.index(b"data") + 4
    content[start : start + 4] = b"\xff\xff\xff\xff"
    path = tmp_path / "piped.wav"
    path.write_bytes(content)
    assert open_recording("a", path).num_samples == 16000


def test_what_is_no_audio_is_said_in_words(tmp_path):
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("this is a text, not a sound" * 9)
    (tmp_path / "folder.wav").mkdir()
    sf.write(tmp_path / "zero.wav", np.zeros(0), 16000)
    for name, message in {
        "empty": r"empty\.wav is empty",
        "text": r"text\.wav is not a sound file",
        "folder": r"folder\.wav is a folder",
        "zero": r"zero\.wav holds no samples",
        "gone": r"no such file: .*gone\.wav",
    }.items():
        with pytest.raises(ValueError, match=message):
            open_recording(name, tmp_path / f"{name}.wav")


@pytest.mark.parametrize("num_jobs", [1, 3])
def test_read_recordings_reports_the_unreadable(sounds, tmp_path, num_jobs):
    (tmp_path / "empty.wav").write_bytes(b"")
    paths = {"b": tmp_path / "empty.wav", "a": sounds / "a.wav"}
    report = PrepareReport("x", "all")
    recordings = read_recordings(paths, report, num_jobs)
    assert [r.id for r in recordings] == ["a"]
    assert report.dropped == {
        "unreadable audio": [
            f"{tmp_path}/empty.wav is empty (0 bytes): fetch it again"
        ]
    }
    with pytest.raises(ValueError, match="empty.*; replace the file"):
        read_recordings(paths, report, num_jobs, strict=True)


def test_ordered_map_keeps_the_order_whoever_does_the_work():
    items = [f"{'x' * (i % 7)}" for i in range(60)]
    expected = [len(item) for item in items]
    assert list(ordered_map(len, items)) == expected
    assert list(ordered_map(len, items, num_jobs=4)) == expected
    with ThreadPoolExecutor(2) as executor:
        assert list(ordered_map(len, items, executor=executor)) == expected


def test_find_files_follows_links_once(tmp_path):
    for name in (
        "b/2.wav",
        "b/1.FLAC",
        "a/.hidden.wav",
        ".git/3.wav",
        "b/x.txt",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    os.symlink(tmp_path, tmp_path / "b" / "round")
    found = [
        os.path.relpath(path, tmp_path)
        for path in find_files(tmp_path, AUDIO_SUFFIXES)
    ]
    assert found == ["b/1.FLAC", "b/2.wav"]
    with pytest.raises(FileNotFoundError, match="gone: no such folder"):
        list(find_files(tmp_path / "gone", AUDIO_SUFFIXES))


def test_finish_part_prints_and_stores(sounds, tmp_path, capsys):
    report = PrepareReport("x", "all")
    recordings = read_recordings({"a": sounds / "a.wav"}, report)
    part = finish_part(
        report,
        recordings,
        [event("a", 0, 0.5, 3.0, "noise", "Noise")],
        "mine",
        False,
        output_dir=tmp_path,
    )
    assert set(part) == {"recordings", "supervisions", "cuts"}
    assert part["cuts"]["a"].events_complete is False
    assert capsys.readouterr().out == (
        "x all: recordings 1; supervisions 1; recordings without supervisions "
        "0; clipped to the recording 1\n"
    )
    assert sorted(os.listdir(tmp_path)) == [
        "x_cuts_all.jsonl.gz",
        "x_recordings_all.jsonl.gz",
        "x_report_all.json",
        "x_supervisions_all.jsonl.gz",
    ]
    assert report.ids == ["a"]


def _resample(seconds):
    """Work of a mixture's worker: torch, on as many threads as it likes."""
    import torch

    wave = torch.rand(1, round(16000 * seconds))
    return torch.nn.functional.interpolate(wave[None], scale_factor=0.5).numel()


def test_processes_do_not_inherit_locks_of_threads():
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    # From here on a copy of this process could wait for ever.
    torch.rand(2000, 2000) @ torch.rand(2000, 2000)
    try:
        with process_pool(2) as pool:
            found = list(pool.map(_resample, [1.0, 2.0], timeout=120))
    finally:
        torch.set_num_threads(threads)
    assert found == [8000, 16000]
