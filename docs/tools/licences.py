"""Writes `docs/licences.md`: licences of dependencies and of named models.

What the installed packages say of themselves; run without arguments it writes
the file anew.

Authors
 * The speechbrain-opensed contributors 2026
"""

import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import yaml

__all__ = ["licence_of", "page", "requirements"]

_DOCS = Path(__file__).resolve().parents[1]
_NAME = re.compile(r"[\w.-]+")
_EXTRA = re.compile(r"extra == ['\"](\w+)['\"]")
_OURS = "speechbrain-opensed"
_SELDOM = ("dev", "docs", "all")
_UNSEEN = "**not verified here**"


def requirements(name: str = _OURS) -> Iterator[tuple[str, str]]:
    """What a distribution asks for, each with its extra, "" for always."""
    for line in metadata.requires(name) or []:
        extra = _EXTRA.search(line)
        found = _NAME.match(line)
        assert found is not None
        if found[0] != name:
            yield found[0], extra[1] if extra else ""


def licence_of(name: str) -> tuple[str, str]:
    """Version and licence of an installed package, by its own words.

    >>> licence_of("click")[1]
    'BSD-3-Clause'
    """
    found = metadata.metadata(name)
    said = found.get("License-Expression") or ""
    if not said:
        said = " / ".join(
            line.rpartition("::")[2].strip()
            for line in found.get_all("Classifier") or []
            if line.startswith("License")
        )
    if not said:
        lines = (found.get("License") or "").strip().splitlines()
        said = lines[0] if lines else "not stated"
    return found["Version"], said


def page() -> str:
    """Both tables."""
    rows: dict[str, set[str]] = {}
    for name, extra in requirements():
        if extra not in _SELDOM:
            rows.setdefault(name, set()).add(extra)
    table = [
        "| package | needed for | version | licence |",
        "|---|---|---|---|",
    ]
    for name, extras in sorted(rows.items(), key=lambda row: row[0].lower()):
        what = "everything" if "" in extras else ", ".join(sorted(extras))
        try:
            version, licence = licence_of(name)
        except metadata.PackageNotFoundError:
            version, licence = _as_before(name)
        table.append(f"| {name} | {what} | {version} | {licence} |")
    return "\n".join(
        [
            "# Licences",
            "",
            "<!-- Written by docs/tools/licences.py. -->",
            "",
            "The project itself is under Apache-2.0. Nothing of others is "
            "copied into it.",
            "",
            "## Packages it depends on",
            "",
            "As installed when this page was made, in the packages' own "
            "words. `make sbom` lists these and all that they need in turn.",
            "",
            *table,
            "",
            "## Models",
            "",
            "Weights are fetched by name or given by path; none comes with "
            "the project. A detector that is trained on top of weights may "
            "be bound by their licence. The last column says where the "
            "licence was read when this table was written; where it was not, "
            "read the model's own page first.",
            "",
            *_models(),
            "",
            "Licences of the corpora: [Corpora](recipes/corpora.md).",
            "",
        ]
    )


def _as_before(name: str) -> tuple[str, str]:
    """What the page said of a package that is not installed now."""
    for line in (_DOCS / "licences.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 6 and cells[1] == name:
            return cells[3], cells[4]
    return "not installed", "not known here"


def _models() -> Iterator[str]:
    from speechbrain_opensed.inference.models import MODELS

    about = yaml.safe_load((_DOCS / "models.yaml").read_text("utf-8"))
    yield "| model | used for | licence | read in |"
    yield "|---|---|---|---|"
    for model in MODELS.values():
        seen = about["named"].get(model.name, {}).get("seen", _UNSEEN)
        yield (
            f"| `{model.name}` | detector by name | {model.licence} | {seen} |"
        )
    for row in about["others"]:
        seen = row.get("seen", _UNSEEN)
        yield f"| {row['name']} | {row['used']} | {row['licence']} | {seen} |"


if __name__ == "__main__":
    (_DOCS / "licences.md").write_text(page(), encoding="utf-8")
