"""Other people's files are those of the list, and stay on the page."""

import hashlib
import json
import re
from importlib.resources import files

STATIC = files("speechbrain_opensed.serve") / "static"


def test_they_are_what_was_pinned():
    vendor = STATIC / "vendor"
    about = json.loads((vendor / "vendored.json").read_text())
    listed = {"vendored.json"}
    for package in about.values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", package["version"])
        assert package["integrity"].startswith("sha512-")
        for name, file in package["files"].items():
            content = (vendor / name).read_bytes()
            assert hashlib.sha256(content).hexdigest() == file["sha256"]
            listed.add(name)
        assert any(name.endswith("LICENSE") for name in package["files"])
    assert {path.name for path in vendor.iterdir()} == listed


def test_scripts_import_what_is_there():
    """By addresses of this server alone."""
    for path in STATIC.iterdir():
        if not path.name.endswith(".js"):
            continue
        for name in re.findall(r'(?:from|import) "([^"]+)"', path.read_text()):
            assert name.startswith("/static/"), (path.name, name)
            assert (STATIC / name.removeprefix("/static/")).is_file()
