"""Layouts of the programs with which people fetch clips of YouTube."""

import numpy as np
import pytest
import soundfile as sf

from lhotse_recipes import (
    prepare_audiocaps,
    prepare_audiogrounding,
    prepare_audiosetcaps,
)
from lhotse_recipes.building.copies import keep_one
from lhotse_recipes.io import PrepareReport

HEAD = "audiocap_id,youtube_id,start_time,caption\n"


@pytest.fixture
def a_file_per_caption(tmp_path, write_audio, write_text):
    """What audiocaps-download leaves: ``val/<audiocap_id>.wav``."""
    rows = "".join(f"{i},aaaaaaaaaa1,30,caption {i}\n" for i in range(1, 6))
    write_text(tmp_path / "val.csv", f"{HEAD}{rows}6,aaaaaaaaaa3,0,rain\n")
    write_text(tmp_path / "train.csv", f"{HEAD}9,aaaaaaaaaa2,0,a dog\n")
    write_audio(tmp_path, *(f"val/{i}.wav" for i in range(1, 6)), "train/9.wav")
    return tmp_path


def test_a_file_per_caption_is_one_recording(a_file_per_caption, report_of):
    folder = a_file_per_caption
    prepared = prepare_audiocaps(folder, folder / "out", num_jobs=2)
    (cut,) = prepared["val"]["cuts"]
    assert cut.id == "aaaaaaaaaa1_30000" and len(cut.supervisions) == 5
    assert len(prepared["train"]["cuts"]) == 1
    report = report_of(folder / "out", "audiocaps", "val")
    assert report["counts"]["further copies of a clip"] == 4
    assert report["dropped"] == {"missing audio": ["aaaaaaaaaa3_0"]}
    assert report["notes"] == {}


def test_a_broken_copy_is_passed_over(a_file_per_caption, report_of):
    folder = a_file_per_caption
    broken = folder / "val/1.wav"
    broken.write_bytes(broken.read_bytes()[:5000])
    prepared = prepare_audiocaps(folder, folder / "out")
    (recording,) = prepared["val"]["recordings"]
    assert recording.sources[0].source == f"{folder}/val/2.wav"
    dropped = report_of(folder / "out", "audiocaps", "val")["dropped"]
    assert str(broken) in dropped["unreadable copy"][0]
    with pytest.raises(ValueError, match="1.wav.*replace the file"):
        prepare_audiocaps(folder, strict=True)
    for number in range(2, 6):
        (folder / f"val/{number}.wav").write_bytes(b"")
    prepare_audiocaps(folder, folder / "out")
    report = report_of(folder / "out", "audiocaps", "val")
    assert report["coverage"] == {"found": 0, "expected": 2}
    assert len(report["dropped"]["unreadable audio"]) == 1


def test_files_of_other_lengths_are_no_copies(a_file_per_caption, write_audio):
    write_audio(a_file_per_caption, "val/4.wav", seconds=0.5)
    with pytest.raises(ValueError, match=r"1_30000: .*4\.wav \(4000 samples"):
        prepare_audiocaps(a_file_per_caption)


def test_copies_of_other_sounds_are_noted(tmp_path):
    paths = [str(tmp_path / name) for name in ("a.wav", "b.wav")]
    for seed, path in enumerate(paths):
        noise = np.random.default_rng(seed).normal(0, 0.1, 80000)
        sf.write(path, noise, 8000)
    report = PrepareReport("corpus", "test")
    assert keep_one({"clip": paths}, report) == {"clip": paths[0]}
    assert report.notes == {"copies that are not the same bytes": ["clip"]}


@pytest.mark.parametrize(
    "name",
    [
        "aaaaaaaaaa2_30.0-40.0.wav",
        "train/Yaaaaaaaaaa2_30.0-40.0.flac",
        "aaaaaaaaaa2_30-40.wav",
        "aaaaaaaaaa2_30.000-40.000.wav",
        "aaaaaaaaaa2_000030.wav",
        "aaaaaaaaaa2.flac",
        "A dog, a cat [aaaaaaaaaa2].flac",
        "[aaaaaaaaaa2].flac",
        "A dog-aaaaaaaaaa2.wav",
    ],
)
def test_names_of_download_programs(tmp_path, write_audio, write_text, name):
    write_text(tmp_path / "t/train.csv", f"{HEAD}9,aaaaaaaaaa2,30,a dog\n")
    write_text(tmp_path / "AudioSetCaps.csv", "id,caption\nYaaaaaaaaaa2,x\n")
    write_audio(tmp_path / "audio", name, "aaaaaaaaaa3_30.0-40.0.wav")
    (cut,) = prepare_audiocaps(tmp_path)["train"]["cuts"]
    assert cut.id == "aaaaaaaaaa2_30000"
    if "_" not in name:
        table = tmp_path / "AudioSetCaps.csv"
        prepared = prepare_audiosetcaps(tmp_path, annotations=table)
        assert len(prepared["train"]["cuts"]) == 1


def test_the_grounded_clips_are_found_as_well(
    tmp_path, write_audio, write_text
):
    write_text(
        tmp_path / "val.jsonl",
        '{"audiocap_id": 3, "audio_id": "Yaaaaaaaaaa1_30.000_40.000.wav", '
        '"tokens": "a dog barks", "phrases": []}\n',
    )
    write_audio(tmp_path, "x/aaaaaaaaaa1_30.0-40.0.wav", "y/aaaaaaaaaa1_30.wav")
    (cut,) = prepare_audiogrounding(tmp_path)["val"]["cuts"]
    assert cut.id == "aaaaaaaaaa1_30000"
