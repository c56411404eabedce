import unicodedata

import pytest

from lhotse_recipes.building.audio_index import AudioIndex


def test_names_are_matched_without_folders_suffixes_and_blanks(
    tmp_path, write_audio
):
    write_audio(tmp_path, "deep/a.flac", " b c.wav", "Yd_3.000_4.000.wav")
    audio = AudioIndex(tmp_path)
    assert len(audio) == 3
    for names, found in (
        (["a.wav"], "deep/a.flac"),
        (["C:\\x\\a.mp3"], "deep/a.flac"),
        (["b c.wav"], " b c.wav"),
        (["Yd_3.000_4.000"], "Yd_3.000_4.000.wav"),
        (["gone", "a"], "deep/a.flac"),
    ):
        assert audio.find(names) == str(tmp_path / found)
    assert audio.find(["A.wav", "a.b.wav"]) is None
    with pytest.raises(ValueError, match=r"a\.flac and .*two audio files"):
        audio.find(["a", "b c"])
    with pytest.raises(FileNotFoundError, match="no such folder"):
        AudioIndex(tmp_path / "gone")


def test_accents_match_in_either_form(tmp_path, write_audio):
    write_audio(tmp_path, unicodedata.normalize("NFD", "café.wav"))
    assert AudioIndex(tmp_path).find([unicodedata.normalize("NFC", "café")])


def test_folders_tell_apart_what_is_called_alike(tmp_path, write_audio):
    names = ("train/weak/1.wav", "train/soft/1.wav", "eval/weak/1.wav")
    write_audio(tmp_path, *names)
    audio = AudioIndex(tmp_path)

    def found(name, near=""):
        return str(audio.find([name], near))[len(str(tmp_path)) + 1 :]

    assert found("x\\train\\soft\\1.wav") == names[1]
    assert found("soft/1.flac") == names[1]
    assert found("1.wav", near="train/weak") == names[0]
    assert found("1.wav", near="eval") == names[2]
    assert found("soft/1.wav", near="eval") == names[1]
    # The full name decides, not the alias without folders.
    assert audio.find([names[1], "1"]) == str(tmp_path / names[1])
    for name, near in (("1.wav", ""), ("1.wav", "train"), ("1.wav", "tra")):
        with pytest.raises(ValueError, match="two audio files for one clip"):
            found(name, near)
