"""What goes to the hub, and what stays at home."""

from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from huggingface_hub.utils import filter_repo_objects

from speechbrain_opensed.commands.cli import opensed
from speechbrain_opensed.inference.publish import push_to_hub
from tests.tiny_detector import export_tiny


class Hub:
    """Takes what it is given, as the hub's client would find it."""

    def __init__(self):
        self.made, self.files, self.removed = [], [], []
        self.there = ["old.safetensors", "hyperparams.yaml", "LICENSE"]

    def create_repo(self, repository, private, exist_ok):
        assert exist_ok
        self.made.append((repository, private))

    def upload_folder(
        self,
        repo_id,
        folder_path,
        allow_patterns,
        delete_patterns,
        commit_message,
    ):
        from pathlib import Path

        lying = [
            path.relative_to(folder_path).as_posix()
            for path in Path(folder_path).rglob("*")
            if path.is_file()
        ]
        self.files = sorted(
            filter_repo_objects(lying, allow_patterns=allow_patterns)
        )
        self.removed = list(
            filter_repo_objects(self.there, allow_patterns=delete_patterns)
        )
        return SimpleNamespace(commit_url=f"https://hub/{repo_id}/commit/1")


def test_only_the_export_is_sent(tmp_path):
    folder = tmp_path / "out"
    export_tiny(tmp_path)
    (folder / "secret.txt").write_text("mine")
    hub = Hub()
    address = push_to_hub(folder, "me/sounds", private=True, api=hub)
    assert address == "https://hub/me/sounds/commit/1"
    assert hub.made == [("me/sounds", True)]
    assert hub.files == ["README.md", "hyperparams.yaml", "model.safetensors"]
    assert hub.removed == ["old.safetensors", "hyperparams.yaml"]
    assert (folder / "README.md").read_text().startswith("---\nlibrary_name:")


def test_what_is_no_export_is_refused(tmp_path):
    export_tiny(tmp_path)
    with pytest.raises(FileNotFoundError, match="holds no export"):
        push_to_hub(tmp_path, "me/sounds", api=Hub())
    for name in ("sounds", "me/so unds", "me/a/b"):
        with pytest.raises(ValueError):
            push_to_hub(tmp_path / "out", name, api=Hub())
    (tmp_path / "out" / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"model.safetensors is miss"):
        push_to_hub(tmp_path / "out", "me/sounds", api=Hub())


def test_the_command_says_what_is_wrong(tmp_path):
    result = CliRunner().invoke(opensed, ["publish", str(tmp_path), "me/x"])
    assert result.exit_code == 2 and "holds no export" in result.stderr
