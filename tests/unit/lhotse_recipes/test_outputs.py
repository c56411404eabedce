"""Nothing is half-written, nothing of others is touched, nothing escapes."""

import json
import os
import subprocess
import sys
import threading

import pytest

from lhotse_recipes.outputs import (
    OWN_FILES,
    locked,
    refuse_inputs,
    rewrite_folder,
    write_atomically,
    write_together,
)


def test_a_link_stays_and_its_target_is_written(tmp_path):
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "a.txt", tmp_path / "link.txt"
    target.write_text("old")
    link.symlink_to(target)
    with write_atomically(link) as file:
        file.write("new")
    assert link.is_symlink() and target.read_text() == "new"
    assert os.listdir(tmp_path / "real") == ["a.txt"]


def test_a_link_to_nothing_makes_its_target(tmp_path):
    link = tmp_path / "link.txt"
    link.symlink_to(tmp_path / "later.txt")
    with write_atomically(link) as file:
        file.write("new")
    assert link.is_symlink()
    assert (tmp_path / "later.txt").read_text() == "new"


def test_a_pipe_is_written_to_and_stays(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    heard = []
    reader = threading.Thread(target=lambda: heard.append(pipe.read_bytes()))
    reader.start()
    with write_atomically(pipe, "wb") as file:
        file.write(b"rain")
    reader.join(10)
    assert heard == [b"rain"] and pipe.is_fifo()


def test_devices_are_written_to():
    with write_atomically("/dev/null") as file:
        file.write("gone")
    assert not os.path.isfile("/dev/null")


def test_what_stands_behind_dev_stdout_is_not_replaced(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("before\n")
    code = (
        "from lhotse_recipes.outputs import write_atomically\n"
        "with write_atomically('/dev/stdout') as file:\n"
        "    file.write('after\\n')\n"
    )
    with open(log, "a") as file:
        subprocess.run([sys.executable, "-c", code], stdout=file, check=True)
    assert log.read_text() == "before\nafter\n"


def test_the_mode_of_a_file_stays(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(0o640)
    with write_atomically(path) as file:
        file.write("new")
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_folder_is_no_file(tmp_path):
    with (
        pytest.raises(IsADirectoryError, match="name a file"),
        write_atomically(tmp_path),
    ):
        pass


def test_files_that_belong_together_appear_together_or_not(tmp_path):
    paths = [tmp_path / "a", tmp_path / "b"]
    with (
        pytest.raises(RuntimeError),
        write_together(paths) as (first, second),
    ):
        first.write(b"1")
        second.write(b"2")
        raise RuntimeError("half way")
    assert os.listdir(tmp_path) == []


def test_a_failing_move_leaves_the_old_files(tmp_path, monkeypatch):
    paths = [tmp_path / "a", tmp_path / "b", tmp_path / "c"]
    paths[0].write_text("old a")
    paths[2].write_text("old c")
    real = os.replace

    def replace(source, target):
        if str(target).endswith("c") and "old" not in open(source).read():
            raise OSError(5, "Input/output error", str(source))
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with (
        pytest.raises(OSError, match="not written"),
        write_together(paths) as files,
    ):
        for file in files:
            file.write(b"new")
    assert sorted(os.listdir(tmp_path)) == ["a", "c"]
    assert paths[0].read_text() == "old a" and paths[2].read_text() == "old c"


def test_an_input_is_no_output(tmp_path):
    sound, link = tmp_path / "a.wav", tmp_path / "b.wav"
    sound.write_bytes(b"RIFF")
    os.link(sound, link)
    with pytest.raises(ValueError, match="overwritten"):
        refuse_inputs(link, [tmp_path / "none.wav", sound])
    refuse_inputs(tmp_path / "new.wav", [sound])
    refuse_inputs(None, [sound])


def test_a_name_that_is_too_long_is_to_be_shorter(tmp_path):
    with pytest.raises(OSError, match="choose a shorter name"):
        with locked(tmp_path / ("x" * 250)):
            pass


def test_a_second_writer_is_refused_in_words(tmp_path):
    with (
        locked(tmp_path / "a"),
        pytest.raises(OSError, match="another process"),
        locked(tmp_path / "a"),
    ):
        pass
    with locked(tmp_path / "a"):
        pass
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_told_with_the_place(tmp_path):
    with pytest.raises(OSError, match="free some space: .*/index'"):
        with locked(tmp_path / "index"), open("/dev/full", "w") as file:
            file.write("x")
            file.flush()


def test_a_killed_writer_leaves_no_lock(tmp_path):
    code = (
        "import os, sys\n"
        "from lhotse_recipes.outputs import locked\n"
        "with locked(sys.argv[1]):\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    path = str(tmp_path / "a")
    assert subprocess.run([sys.executable, "-c", code, path]).returncode == -9
    with locked(path):
        pass


def _fill(folder, **files):
    with rewrite_folder(folder, "main.yaml") as new:
        for name, text in files.items():
            path = new / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)


def test_only_our_files_of_a_folder_are_replaced(tmp_path):
    folder = tmp_path / "out"
    _fill(folder, main_yaml="1", sub__table_csv="old", weights_bin="w")
    (folder / "README.md").write_text("mine")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("mine")
    _fill(folder, main_yaml="2", weights_bin="w2")
    assert (folder / "main.yaml").read_text() == "2"
    assert (folder / "README.md").read_text() == "mine"
    assert (folder / ".git" / "config").read_text() == "mine"
    names = {path.name for path in folder.iterdir()}
    assert names == {"main.yaml", "weights.bin", "README.md", ".git", OWN_FILES}
    assert os.listdir(tmp_path) == ["out"]


def test_what_another_command_wrote_stays(tmp_path):
    folder = tmp_path / "out"
    with rewrite_folder(folder, "moments.json") as new:
        (new / "moments.json").write_text("[]")
        (new / "dog 001.wav").write_text("a sound")
    with pytest.raises(ValueError, match="another command"):
        _fill(folder, main_yaml="1")
    assert (folder / "dog 001.wav").read_text() == "a sound"
    assert not (folder / "main.yaml").exists()


def test_a_foreign_file_of_our_name_is_refused(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "main.yaml").write_text("mine")
    with pytest.raises(ValueError, match="not written by us"):
        _fill(folder, main_yaml="1")
    assert (folder / "main.yaml").read_text() == "mine"
    assert os.listdir(folder) == ["main.yaml"]


def test_an_edited_file_of_ours_is_kept_beside(tmp_path):
    folder = tmp_path / "out"
    _fill(folder, main_yaml="1")
    (folder / "main.yaml").write_text("1, tuned by hand")
    _fill(folder, main_yaml="2")
    (kept,) = folder.glob("main.yaml.edited-*")
    assert kept.read_text() == "1, tuned by hand"
    assert (folder / "main.yaml").read_text() == "2"


def test_a_file_that_gives_way_leaves_the_users_alone(tmp_path):
    def fill(text):
        with rewrite_folder(tmp_path, "main", gives_way="README.md") as new:
            (new / "main").write_text(text)
            (new / "README.md").write_text(text)
        return (tmp_path / "README.md").read_text()

    assert [fill("one"), fill("two")] == ["one", "two"]
    (tmp_path / "README.md").write_text("mine")
    assert [fill("three"), fill("four")] == ["mine", "mine"]
    assert (tmp_path / "main").read_text() == "four"
    assert len(list(tmp_path.iterdir())) == 3
    (tmp_path / "README.md").unlink()
    assert fill("five") == "five"


def test_a_list_that_names_files_outside_is_refused(tmp_path):
    folder = tmp_path / "out"
    _fill(folder, main_yaml="1")
    (tmp_path / "precious").write_text("mine")
    listed = json.dumps({"files": {"../precious": {"size": 4}}})
    (folder / OWN_FILES).write_text(listed)
    with pytest.raises(ValueError, match="damaged"):
        _fill(folder, main_yaml="2")
    assert (tmp_path / "precious").read_text() == "mine"
