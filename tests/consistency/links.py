"""What Markdown files point to: local files, make targets, commands."""

import re
from collections.abc import Iterator
from pathlib import Path

LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
MAKE = re.compile(r"(?:^|`|\$ |&& )make +([a-z][\w-]*)", re.MULTILINE)
TARGET = re.compile(r"^([a-z][\w-]*):", re.MULTILINE)
COMMAND = re.compile(r"(?:^|`|\$ |&& )opensed +([a-z][\w-]*)", re.MULTILINE)
HPARAMS = re.compile(r"(?:recipes/(\w+)/)?hparams/([\w.-]+\.yaml)")
HEADING = re.compile(r"^#+ +(.*?)\s*$", re.MULTILINE)


def broken_links(path: Path) -> list[str]:
    """Links of a file to local files or headings that are not there."""
    text = FENCE.sub("", path.read_text())
    return [
        link
        for link in LINK.findall(text)
        if not re.match(r"[a-z]+:", link) and not _resolves(path, link)
    ]


def _resolves(path: Path, link: str) -> bool:
    file, _, heading = link.partition("#")
    target = path.parent / file if file else path
    if not target.exists() or not heading:
        return target.exists()
    text = FENCE.sub("", target.read_text())
    return heading in (anchor(title) for title in HEADING.findall(text))


def anchor(title: str) -> str:
    """The anchor that GitHub gives to a heading."""
    kept = re.sub(r"[^\w\- ]", "", title.lower())
    return kept.replace(" ", "-")


def unknown_targets(text: str, makefile: str) -> list[str]:
    """Targets that a text tells to make, but the Makefile does not have."""
    return sorted(set(MAKE.findall(text)) - set(TARGET.findall(makefile)))


def commands(text: str) -> set[str]:
    """Subcommands of `opensed` that a text shows."""
    return set(COMMAND.findall(text))


def hparams_files(text: str) -> Iterator[tuple[str | None, str]]:
    """Recipe, if it is said, and name of the YAML files in a text."""
    for match in HPARAMS.finditer(text):
        yield match[1], match[2]
