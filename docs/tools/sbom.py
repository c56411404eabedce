"""Writes what is installed with the package as a CycloneDX list (SBOM).

`python docs/tools/sbom.py sbom.json`. The file depends on what is installed
alone: it holds no time and no place.

Authors
 * The speechbrain-opensed contributors 2026
"""

import json
import re
import sys
import uuid
from importlib import metadata
from pathlib import Path

from licences import licence_of, requirements
from packaging.requirements import Requirement

__all__ = ["bill_of_materials", "installed"]

_ROOT = "speechbrain-opensed"


def installed() -> dict[str, list[str]]:
    """Distributions that the package needs, and what each needs in turn.

    Extras count where they are installed; "dev" and "docs" do not.
    """
    ours = {
        name for name, extra in requirements() if extra not in ("dev", "docs")
    }
    needs: dict[str, list[str]] = {}
    waiting = [(_ROOT, sorted(ours))]
    while waiting:
        name, below = waiting.pop()
        here = sorted({one for one in map(_plain, below) if _is_here(one)})
        needs[name] = here
        for one in here:
            if one not in needs:
                needs[one] = []
                waiting.append((one, _asked_by(one)))
    return needs


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_here(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _asked_by(name: str) -> list[str]:
    asked = map(Requirement, metadata.requires(name) or [])
    return [
        one.name
        for one in asked
        if one.marker is None or one.marker.evaluate({"extra": ""})
    ]


def bill_of_materials() -> dict:
    """The list, by CycloneDX 1.5."""
    needs = installed()
    parts = {name: _component(name) for name in sorted(needs)}
    text = json.dumps(parts, sort_keys=True)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, text)}",
        "version": 1,
        "metadata": {"component": parts.pop(_ROOT)},
        "components": list(parts.values()),
        "dependencies": [
            {"ref": _ref(name), "dependsOn": [_ref(one) for one in below]}
            for name, below in sorted(needs.items())
        ],
    }


def _ref(name: str) -> str:
    return f"pkg:pypi/{name}@{metadata.version(name)}"


def _component(name: str) -> dict:
    version, licence = licence_of(name)
    return {
        "type": "library",
        "bom-ref": _ref(name),
        "name": name,
        "version": version,
        "purl": _ref(name),
        "licenses": [{"license": {"name": licence}}],
    }


if __name__ == "__main__":
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "sbom.json")
    out.write_text(json.dumps(bill_of_materials(), indent=1) + "\n", "utf-8")
    print(f"{len(bill_of_materials()['components'])} packages: {out}")
