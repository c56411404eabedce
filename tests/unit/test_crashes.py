"""Files that broke a reader once: it takes them, or refuses them in words."""

from pathlib import Path

import pytest

from tests.fuzz import CRASHES, READERS, fault_of, mutate

FILES = sorted(CRASHES.glob("*"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_broke_a_reader(path):
    assert fault_of(path.name.partition("-")[0], path) == ""


@pytest.mark.parametrize("name", READERS)
def test_readers_take_what_is_whole(tmp_path, name):
    suffix, seeds, read = READERS[name]
    for data in seeds:
        path = tmp_path / f"input{suffix}"
        path.write_bytes(data)
        # Nothing of a whole file is refused, be it in words.
        read(path)
        assert fault_of(name, path) == ""


def test_the_same_seed_makes_the_same_files():
    import random

    made = [mutate(b"hello, world", random.Random(seed)) for seed in (1, 1, 2)]
    assert made[0] == made[1] != made[2]


def test_faults_are_seen(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_bytes(b"")

    def breaks(path):
        raise KeyError("id")

    def says_nothing(path):
        raise ValueError("no")

    for reader, words in ((breaks, "KeyError"), (says_nothing, "not name")):
        monkeypatch.setitem(READERS, "x", (".txt", [b""], reader))
        assert words in fault_of("x", path)
    assert Path(path).exists()
