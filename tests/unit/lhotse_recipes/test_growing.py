"""Files that are read while they grow, and never lose what was there."""

import errno
import os

import pytest

from lhotse_recipes.growing import GrowingText


def test_the_old_file_stays_until_something_comes(tmp_path):
    path = tmp_path / "events.tsv"
    path.write_text("old")
    with GrowingText(path):
        pass
    assert path.read_text() == "old"
    with GrowingText(path) as text:
        text.write("é1\n")
        assert path.read_text() == "é1\n"
        text.write("2\n")
        with pytest.raises(OSError, match="another process"):
            GrowingText(path)
    assert path.read_text() == "é1\n2\n"
    assert os.listdir(tmp_path) == ["events.tsv"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "target").touch()
    link = tmp_path / "link"
    link.symlink_to("target")
    with GrowingText(link) as text:
        text.write("1")
        text.write("2")
    assert link.is_symlink() and (tmp_path / "target").read_text() == "12"


def test_a_full_disk_leaves_whole_pieces(tmp_path, monkeypatch):
    path = tmp_path / "events.tsv"
    write = os.write

    def full(file, piece):
        if len(piece) > 10:
            return write(file, piece[:5])
        return write(file, piece)

    with GrowingText(path) as text:
        text.write("1\n")
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(OSError, match="what was written before") as error:
            text.write("a long piece of text\n")
        assert error.value.errno == errno.ENOSPC
        assert path.read_text() == "1\n"
        text.write("2\n")
    assert path.read_text() == "1\n2\n"
