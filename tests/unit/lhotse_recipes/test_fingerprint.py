"""What is kept says what it was made from."""

import os

import numpy as np
import pytest
import soundfile
from lhotse import Recording
from lhotse.testing.dummies import dummy_cut

from lhotse_recipes.fingerprint import (
    Stamp,
    audio_files,
    audio_key,
    digest,
    state_of,
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "corpus/a").mkdir(parents=True)
    (tmp_path / "corpus/a/1.wav").write_bytes(b"bark")
    return tmp_path / "corpus"


def test_every_change_of_a_folder_is_seen(folder):
    seen = {state_of(folder)["state"]}
    path = folder / "a/1.wav"
    path.write_bytes(b"meow")
    os.utime(path, ns=(1, 1))
    seen.add(state_of(folder)["state"])
    path.rename(folder / "a/2.wav")
    seen.add(state_of(folder)["state"])
    (folder / "a/3.wav").touch()
    seen.add(state_of(folder)["state"])
    assert len(seen) == 4 and state_of(folder)["files"] == 2


def test_notes_and_outputs_are_no_source(folder):
    before = state_of(folder)
    (folder / ".index").mkdir()
    (folder / ".index/rows").touch()
    (folder / "results/run").mkdir(parents=True)
    (folder / "results/run/x.wav").touch()
    (folder / "again").symlink_to(folder)
    assert state_of(folder, [folder / "results"]) == before
    assert state_of(folder)["files"] == 2


def test_a_file_counts_by_its_content(folder):
    path = folder / "a/1.wav"
    before = state_of(path)
    os.utime(path, ns=(1, 1))
    assert state_of(path) == before
    path.write_bytes(b"mark")
    assert state_of(path)["state"] != before["state"]
    with pytest.raises(FileNotFoundError, match="no such file"):
        state_of(folder / "b")


def test_stamps_say_what_differs(tmp_path):
    stamp = Stamp(tmp_path / "x/made.json", {"seed": 0, "names": ("a", "b")})
    assert stamp.read() is None and not stamp.refuse_other("x", "y")
    stamp.write(parts=["train"])
    assert stamp.refuse_other("x", "y") and stamp.read()["parts"] == ["train"]
    assert stamp.read()["version"]
    other = Stamp(stamp.path, {"seed": 1, "names": ["a", "b"]})
    with pytest.raises(ValueError, match="x made from other seed .0 inst"):
        other.refuse_other("x", "y")
    stamp.path.write_text("torn {")
    assert not stamp.fits() and "does not say" in stamp.difference()
    stamp.remove()
    assert stamp.read() is None


def test_stamps_know_their_files(tmp_path):
    stamp = Stamp(tmp_path / "made.json", {"seed": 0})
    (tmp_path / "a").mkdir()
    path = tmp_path / "a/cuts.jsonl"
    path.write_text("one")
    stamp.write([path])
    assert stamp.fits()
    path.write_text("two")
    assert not stamp.fits() and "files are others" in stamp.difference()
    path.unlink()
    assert not stamp.fits()


def test_digests_do_not_depend_on_the_order_of_keys():
    assert digest({"a": 1, "b": [1]}) == digest({"b": [1], "a": 1})
    assert digest([1, 2]) != digest([2, 1])


def test_audio_is_known_by_its_files(tmp_path):
    soundfile.write(tmp_path / "one.wav", np.ones(16000), 16000)
    cut = Recording.from_file(tmp_path / "one.wav").to_cut()
    (path,) = audio_files(cut)
    key = audio_key(cut)
    named = dummy_cut(0, supervisions=cut.supervisions)
    assert audio_files(named) == {} and audio_key(named) != key
    os.utime(path, ns=(1, 1))
    assert audio_key(cut) != key and audio_files(cut)[path][1] == 1
    mixed = cut.mix(cut, snr=5)
    assert audio_files(mixed) == audio_files(cut)
