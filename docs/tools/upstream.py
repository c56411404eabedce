"""Writes the patch that offers `CutLoader` to SpeechBrain, from our module.

Run without arguments it writes `docs/upstream/speechbrain-cutloader.patch`
anew; a test holds the two together.

Authors
 * The speechbrain-opensed contributors 2026
"""

import ast
import re
from pathlib import Path

__all__ = ["cutloader_module", "cutloader_patch"]

_ROOT = Path(__file__).resolve().parents[2]
_DATAIO = _ROOT / "speechbrain_opensed/dataio"
_TARGET = "speechbrain/integrations/lhotse/loader.py"
# What is said in other words outside of this project.
_CHANGES = (
    (
        "from typing import Any\n\nimport torch",
        "from dataclasses import dataclass\nfrom typing import Any\n\n"
        "import torch",
    ),
    ("import DataLoader, Dataset\n", "import Dataset\n"),
    (
        "state = read_json(path, dict)",
        'state = json.loads(path.read_text(encoding="utf-8"))',
    ),
    (
        "`OpenSEDBrain.fit` registers the loader; with another Brain call\n"
        "    `register` before `fit`",
        "Call `register` before `fit`",
    ),
    (
        "    >>> from lhotse.testing",
        "    >>> from lhotse.dataset import SimpleCutSampler\n"
        "    >>> from lhotse.testing",
    ),
    (", e.g. `SedDataset`", ""),
)
PATCH = _ROOT / "docs/upstream/speechbrain-cutloader.patch"


def _source(text: str, name: str) -> str:
    """A class of a module, with its decorators."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            first = min(d.lineno for d in [*node.decorator_list, node])
            lines = text.splitlines()[first - 1 : node.end_lineno]
            return "\n".join(lines)
    raise ValueError(f"no class {name}: has the module changed?")


def cutloader_module() -> str:
    """The module as SpeechBrain would have it, in one file.

    >>> "speechbrain_opensed" in cutloader_module()
    False
    """
    loader = (_DATAIO / "loader.py").read_text("utf-8")
    batches = (_DATAIO / "batches.py").read_text("utf-8")
    head = loader[: loader.index("__all__")]
    head = re.sub(
        r"^(from (lhotse_recipes|speech\w+_opensed)\.|"
        r"from lhotse.dataset import|import logging).*\n",
        "",
        head,
        flags=re.M,
    )
    parts = [
        head.rstrip() + '\n\n__all__ = ["BatchKey", "CutLoader"]',
        _source(batches, "BatchKey"),
        _source(loader, "_KeyedSampler"),
        _source(loader, "CutLoader"),
    ]
    text = "\n\n\n".join(parts) + "\n"
    for before, after in _CHANGES:
        text = text.replace(before, after)
    return text


def cutloader_patch() -> str:
    """The module as a patch that adds it."""
    blocks = []
    init = '"""Lhotse\'s cuts in SpeechBrain\'s training loop."""\n'
    for path, text in (
        (_TARGET.replace("loader.py", "__init__.py"), init),
        (_TARGET, cutloader_module()),
    ):
        lines = text.splitlines()
        blocks.append(
            f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{len(lines)} @@"
        )
        blocks += [f"+{line}" for line in lines]
    return "\n".join(blocks) + "\n"


if __name__ == "__main__":
    PATCH.write_text(cutloader_patch(), encoding="utf-8")
