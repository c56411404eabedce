"""Only files that were written by us are replaced in folders of others."""

import pytest

from lhotse_recipes.replacing import list_of, replacing


def write(folder, name, text):
    with replacing(folder, [folder / name]):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_files_of_others_stay(tmp_path):
    (tmp_path / "a.txt").write_text("years of work")
    write(tmp_path, "sub/b.txt", "1")
    write(tmp_path, "sub/b.txt", "2")
    assert (tmp_path / "sub/b.txt").read_text() == "2"
    with pytest.raises(ValueError, match=r"a.txt is there already .* move"):
        write(tmp_path, "a.txt", "ours")
    assert (tmp_path / "a.txt").read_text() == "years of work"


def test_what_was_edited_stays(tmp_path):
    write(tmp_path, "a.txt", "ours")
    (tmp_path / "a.txt").write_text("corrected")
    with pytest.raises(ValueError, match="or was edited since"):
        write(tmp_path, "a.txt", "ours")
    (tmp_path / "a.txt").unlink()
    write(tmp_path, "a.txt", "again")


def test_an_error_or_a_kill_leaves_them_ours(tmp_path):
    with (
        pytest.raises(KeyboardInterrupt),
        replacing(tmp_path, [tmp_path / "a.txt", tmp_path / "b.txt"]),
    ):
        (tmp_path / "a.txt").write_text("half")
        assert list_of(tmp_path).is_file()
        raise KeyboardInterrupt
    write(tmp_path, "a.txt", "whole")
    (tmp_path / "b.txt").write_text("theirs")
    with pytest.raises(ValueError, match=r"b.txt is there already"):
        write(tmp_path, "b.txt", "ours")
