"""What the READMEs of the recipes tell a user to type."""

import re
import shlex

BLOCK = re.compile(r"^```\n(.*?)^```", re.MULTILINE | re.DOTALL)
CELL = re.compile(r"`([^`]+)`|,\s*(\d[\w.]*)")


def commands(text, *beginnings):
    """Lines of the blocks of code that begin like that, as words."""
    found = []
    for block in BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith(beginnings):
                found.append(shlex.split(line))
    return found


def variants(text, header):
    """Name to overrides, of tables with these two columns.

    A cell such as "`--gate one`, `zero` or `--fusion token`" holds three.
    """
    found = {}
    rows = iter(text.splitlines())
    for row in rows:
        if _cells(row) != list(header):
            continue
        next(rows)
        for line in rows:
            if not line.startswith("|"):
                break
            name, cell = _cells(line)
            found.update(_overrides(name, cell))
    return found


def _cells(row):
    return [cell.strip() for cell in row.strip().strip("|").split(" | ")]


def _overrides(name, cell):
    found, option = {}, None
    for code, number in CELL.findall(cell):
        if code.endswith(":"):
            continue
        if code.startswith("--"):
            words = shlex.split(code)
            option = words[0]
        elif option is not None:
            words = [option, code or number]
        else:
            continue
        found[f"{name}: {' '.join(words)}"] = words
    return found
