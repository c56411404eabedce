"""Names, folders and patterns, and what is passed over."""

import os

import pytest

from lhotse_recipes.sound import READABLE, find_sounds, walk_files


@pytest.fixture
def folder(tmp_path):
    for name in (
        "b.wav", "a.MP3", "deep/er/c.opus", "deep/film.mp4", "deep/notes.txt",
        ".hidden.wav", ".git/d.wav", "readme",
    ):  # fmt: skip
        path = tmp_path / "yard" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    os.symlink(tmp_path / "yard", tmp_path / "yard" / "deep" / "loop")
    return tmp_path / "yard"


def below(found):
    return list(found.paths.values())


def test_folders_are_entered_once_and_the_rest_is_named(folder):
    found = find_sounds([str(folder)])
    assert below(found) == ["a.MP3", "b.wav", "deep/film.mp4", "deep/er/c.opus"]
    names = sorted(os.path.basename(p) for p in found.passed_over)
    assert names == ["notes.txt", "readme"] and found.searched
    assert "2 files are no sound" in found.summary()
    assert len(list(walk_files(folder))) == 6


def test_patterns_enter_folders(folder):
    found = find_sounds([f"{folder}/*"])
    assert sorted(below(found)) == ["a.MP3", "b.wav", "er/c.opus", "film.mp4"]
    found = find_sounds([f"{folder}/**/*.opus"])
    assert below(found) == ["c.opus"]


def test_what_is_named_is_taken(folder):
    names = [f"{folder}/readme", f"{folder}/gone.wav", "-"]
    found = find_sounds(names)
    assert list(found.paths) == names and not found.searched
    assert found.summary() == ""


def test_nothing_is_heard_twice(folder):
    link = folder.parent / "link.wav"
    link.symlink_to(folder / "b.wav")
    found = find_sounds([str(link), str(folder), f"{folder}/b.wav"])
    assert len(found.twice) == 2 and len(found.paths) == 4


def test_file_names_with_signs_of_patterns(tmp_path):
    path = tmp_path / "take [1].wav"
    path.touch()
    assert list(find_sounds([str(path)]).paths) == [str(path)]


@pytest.mark.parametrize("name", ["deep/er/*.wav", "empty"])
def test_nothing_there_is_an_error(folder, name):
    (folder / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no sound file") as error:
        find_sounds([f"{folder}/{name}"])
    assert READABLE[0] in str(error.value)
