"""Which files the consistency tests look at."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("lhotse_recipes", "speechbrain_opensed")
FOLDERS = (*PACKAGES, "recipes", "benchmarks", "tests", ".ci")


def package_modules(*packages: str) -> list[Path]:
    """Modules of the packages, sorted."""
    found = [
        path
        for package in packages or PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    ]
    assert found, "no modules found; has the layout changed?"
    return found


def scripts() -> list[Path]:
    """Python files of the packages, the recipes and the benchmarks."""
    return [
        path
        for folder in (*PACKAGES, "recipes", "benchmarks")
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]


def text_files() -> Iterator[tuple[Path, str]]:
    """Everything that is kept in the repository as text."""
    # In a further work tree, .git is a file that holds a path.
    paths = [
        p for p in sorted(ROOT.iterdir()) if p.is_file() and p.name != ".git"
    ]
    for folder in FOLDERS:
        paths += sorted((ROOT / folder).rglob("*"))
    for path in paths:
        if not path.is_file() or "__pycache__" in path.parts:
            continue
        if "results" in path.relative_to(ROOT).parts:
            continue
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def name(path: Path) -> str:
    """Path within the repository, for messages."""
    return path.relative_to(ROOT).as_posix()
