"""Pages that are files of the repository: links lead where they should.

Authors
 * The speechbrain-opensed contributors 2026
"""

import posixpath
import re
from pathlib import Path

__all__ = ["ROOT", "expand", "parts_of"]

ROOT = Path(__file__).resolve().parents[2]
FILES = "https://github.com/speechbrain-opensed/speechbrain-opensed/blob/main/"
#: Files of the repository that are a page, or part of one.
PAGES = {
    "README.md": "index.md",
    "recipes/FlexSED/README.md": "recipes/flexsed.md",
    "recipes/FineLAP/README.md": "recipes/finelap.md",
    "recipes/SEPT/README.md": "recipes/sept.md",
    "recipes/StyleAdapter/README.md": "recipes/style-adapter.md",
    "recipes/CleanSpeech/README.md": "recipes/clean-speech.md",
    "lhotse_recipes/README.md": "recipes/corpora.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "CHANGELOG.md": "project/changelog.md",
    "CODE_OF_CONDUCT.md": "project/conduct.md",
}
_INCLUDE = re.compile(r"^<!-- include: (\S+) -->$", re.MULTILINE)
_LINK = re.compile(r"(\]\()(?!https?://|mailto:|#)([^)\s]+)(\))")


def expand(text: str, page: str) -> str:
    """A page's text with the files that it includes.

    Arguments
    ---------
    text : str
        With lines `<!-- include: CHANGELOG.md -->`.
    page : str
        The page's path below docs.

    Returns
    -------
    str
        The whole text.
    """
    return _INCLUDE.sub(lambda match: _read(match[1], page), text)


def parts_of(text: str) -> list[str]:
    """The files that a page includes."""
    return _INCLUDE.findall(text)


def _read(file: str, page: str) -> str:
    folder = posixpath.dirname(file)

    def link(match: re.Match[str]) -> str:
        target, _, heading = match[2].partition("#")
        path = posixpath.normpath(posixpath.join(folder, target))
        if path.startswith("docs/") and path.endswith(".md"):
            path = path.removeprefix("docs/")
        elif path in PAGES:
            path = PAGES[path]
        else:
            return f"{match[1]}{FILES}{path}{match[3]}"
        path = posixpath.relpath(path, posixpath.dirname(page) or ".")
        return f"{match[1]}{path}{'#' * bool(heading)}{heading}{match[3]}"

    return _LINK.sub(link, (ROOT / file).read_text(encoding="utf-8"))
