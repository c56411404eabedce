"""Tutorials, kept as Python files, as pages and as notebooks.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Iterator
from pathlib import Path

import jupytext

__all__ = ["TUTORIALS", "pages"]

TUTORIALS = sorted(
    (Path(__file__).resolve().parents[1] / "tutorials").glob("*.py")
)


def pages() -> Iterator[tuple[str, str]]:
    """Path below docs and text of each tutorial's page."""
    for file in TUTORIALS:
        blocks = []
        for cell in jupytext.read(file).cells:
            text = cell.source.strip("\n")
            if cell.cell_type == "code":
                text = f"```python\n{text}\n```"
            blocks.append(text)
        yield f"tutorials/{file.stem}.md", "\n\n".join(blocks) + "\n"
