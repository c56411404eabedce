"""Who works on a file holds it; what nobody holds any more is removed."""

import multiprocessing
import os
import signal
import tempfile

import pytest

from lhotse_recipes import holding
from lhotse_recipes.holding import hold, is_held, let_go, new_part
from lhotse_recipes.outputs import locked, rewrite_folder, write_atomically


@pytest.fixture(autouse=True)
def as_in_a_new_process(monkeypatch):
    monkeypatch.setattr(holding, "_swept", set())


def killed(function):
    """Runs it in a process that dies by SIGKILL in the middle."""
    pid = os.fork()
    if pid == 0:
        try:
            function()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def parts(folder):
    return [p.name for p in folder.iterdir() if p.name.endswith(".part")]


def test_what_a_killed_process_left_goes_with_the_next_write(tmp_path):
    def write_a_file():
        with write_atomically(tmp_path / "a.txt") as file:
            file.write("half")
            file.flush()
            die()

    def write_a_folder():
        with rewrite_folder(tmp_path / "model", "main") as growing:
            (growing / "main").write_text("half")
            die()

    killed(write_a_file)
    first = parts(tmp_path)
    # The next one removes what the first left, and leaves its own.
    killed(write_a_folder)
    second = parts(tmp_path)
    assert len(first) == len(second) == 1 and first != second
    with write_atomically(tmp_path / "b.txt") as file:
        file.write("whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        ".model.lock",
        "b.txt",
    ]


def test_what_another_one_writes_stays(tmp_path):
    part, held = new_part(tmp_path)
    part.write_text("at work")
    pid = os.fork()
    if pid == 0:
        holding._swept.clear()
        with write_atomically(tmp_path / "b.txt") as file:
            file.write("whole")
        os._exit(0)
    os.waitpid(pid, 0)
    assert part.read_text() == "at work"
    let_go(held)


def test_what_only_looks_alike_stays(tmp_path):
    theirs = [".mine.part", "download.part", f".{'0' * 16}.part"]
    for name in theirs:
        (tmp_path / name).write_text("theirs")
    (tmp_path / f".opensed-{'0' * 16}.part").symlink_to(tmp_path / theirs[0])
    with write_atomically(tmp_path / "a.txt") as file:
        file.write("ours")
    assert len(parts(tmp_path)) == 4


def test_scratch_folders_of_killed_processes_go(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "opensed-projects").mkdir()

    def serve():
        with holding.scratch_folder("serve") as folder:
            (folder / "sound").write_bytes(bytes(9))
            die()

    killed(serve)
    (left,) = parts(tmp_path)
    with holding.scratch_folder("serve") as folder:
        assert folder.stat().st_mode & 0o77 == 0
        assert parts(tmp_path) == [folder.name] != [left]
    assert [p.name for p in tmp_path.iterdir()] == ["opensed-projects"]


def _does_not_hold(held):
    return not is_held(held)


def test_a_forked_worker_holds_nothing(tmp_path):
    held = hold(tmp_path)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply(_does_not_hold, (held,))
        let_go(held)
        # The worker lives, and its parent's lock is free.
        let_go(hold(tmp_path))


def test_a_worker_that_ends_leaves_the_lock_of_its_parent(tmp_path):
    with locked(tmp_path / "out"):
        pid = os.fork()
        if pid == 0:
            with pytest.raises(OSError, match="another process"):
                with locked(tmp_path / "out"):
                    pass
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        assert (tmp_path / ".out.lock").exists()


def test_a_link_in_the_place_of_a_lock_is_not_followed(tmp_path):
    (tmp_path / "theirs").write_text("x")
    (tmp_path / ".out.lock").symlink_to(tmp_path / "theirs")
    with pytest.raises(OSError, match="choose a writable folder"):
        with locked(tmp_path / "out"):
            pass
    assert (tmp_path / "theirs").read_text() == "x"
