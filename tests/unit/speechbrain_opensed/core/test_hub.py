"""Files of released models, without a network."""

import time

import pytest

from speechbrain_opensed.core.hub import fetch_file, fetch_folder


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_ENDPOINT", "http://localhost:9")
    monkeypatch.setenv("OPENSED_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def test_the_message_says_what_to_put_where(tmp_path):
    start = time.monotonic()
    with pytest.raises(FileNotFoundError) as error:
        fetch_file("owner/Name", "folder/weights.pt")
    assert time.monotonic() - start < 5
    message = str(error.value)
    assert "folder/weights.pt" in message
    assert "http://localhost:9/owner/Name" in message
    assert str(tmp_path / "home/models/Name/weights.pt") in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["weights.pt", "folder/weights.pt"])
def test_a_file_that_was_put_there_is_taken(tmp_path, name):
    path = tmp_path / "home/models/Name" / name
    path.parent.mkdir(parents=True)
    path.touch()
    assert fetch_file("owner/Name", "folder/weights.pt") == path


def test_a_folder_has_to_hold_what_is_needed(tmp_path):
    folder = tmp_path / "home/models/Name"
    folder.mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="config.json"):
        fetch_folder("owner/Name", ["config.json"], ["*.txt"])
    (folder / "config.json").touch()
    assert fetch_folder("owner/Name", ["config.json"], ["*.txt"]) == folder
