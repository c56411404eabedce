"""Fetch other people's files that the page in the browser is made with.

> python .ci/vendor.py

What is fetched, in which version and with which checksums, stands in
vendored.json beside the files; npm says where from. A new version: change
`version`, run this, and put the checksums that it tells into the list.

Authors
 * The speechbrain-opensed contributors 2026
"""

import base64
import hashlib
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
FOLDER = HERE / "speechbrain_opensed" / "serve" / "static" / "vendor"


def fetch(name, version, integrity, folder):
    """The package as npm has it, checked."""
    subprocess.run(
        ["npm", "pack", "--silent", f"{name}@{version}"],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (archive,) = folder.glob("*.tgz")
    digest = hashlib.sha512(archive.read_bytes()).digest()
    found = f"sha512-{base64.b64encode(digest).decode()}"
    if found != integrity:
        raise SystemExit(f"{name} {version} has integrity {found}")
    return archive


def main():
    """Fetches all files of the list, and writes them once all are right."""
    ready = {}
    for name, about in json.loads(
        (FOLDER / "vendored.json").read_text()
    ).items():
        with tempfile.TemporaryDirectory() as scratch:
            archive = fetch(
                name, about["version"], about["integrity"], Path(scratch)
            )
            with tarfile.open(archive) as package:
                for own, file in about["files"].items():
                    content = package.extractfile(file["from"]).read()
                    found = hashlib.sha256(content).hexdigest()
                    if found != file["sha256"]:
                        raise SystemExit(f"{own} has sha256 {found}")
                    ready[own] = content
    for own, content in ready.items():
        (FOLDER / own).write_bytes(content)
        print(f"{own}: {len(content)} bytes")


if __name__ == "__main__":
    main()
