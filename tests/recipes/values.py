"""The papers' values beside those of the recipes' YAML files.

`paper_values.csv` says what papers and their code have; what we have is read
from the YAML. `python -m tests.recipes.values` writes docs/values.md.
"""

import csv
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "tests/fixtures/paper_values.csv"
PAGE = ROOT / "docs/values.md"
MARK = re.compile(r"\b(paper|code|ours)\b")
HEAD = (
    "# The papers, value by value\n"
    "Written from the recipes' YAML files and "
    "`tests/fixtures/paper_values.csv` by "
    "`python -m tests.recipes.values`; a test holds both to each other. *As*: "
    "whether ours is the paper's value, that of the official code, or our "
    "own, which the README of the recipe explains. An empty cell: nothing is "
    "said there."
)


def read_table():
    """Rows of the csv."""
    with open(TABLE, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def yaml_of(recipe):
    """The file of `FlexSED/audioset_strong`."""
    folder, name = recipe.split("/")
    return ROOT / "recipes" / folder / "hparams" / f"{name}.yaml"


def values(path):
    """Key, with dots for what is inside, to (value, comments)."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    found = {}

    def visit(node, prefix):
        if not isinstance(node, yaml.MappingNode) or node.flow_style:
            return
        for key, value in node.value:
            name = f"{prefix}{key.value}"
            line = key.start_mark.line
            said = [_comment(lines[line])]
            above = line - 1
            while above >= 0 and lines[above].lstrip().startswith("#"):
                said.append(_comment(lines[above]))
                above -= 1
            if isinstance(value, yaml.SequenceNode) and not value.flow_style:
                said += [
                    _comment(lines[n.start_mark.line]) for n in value.value
                ]
            found[name] = _shown(value), " ".join(filter(None, said))
            visit(value, f"{name}.")

    visit(yaml.compose(text, Loader=yaml.SafeLoader), "")
    return found


def _comment(line):
    said = line.partition("#")[2].strip() if "#" in line else ""
    # The address of a paper is no value of it.
    return "" if "http" in said else said


def _shown(node):
    if isinstance(node, yaml.ScalarNode):
        return node.value
    if isinstance(node, yaml.SequenceNode):
        return f"[{', '.join(map(_shown, node.value))}]"
    if not node.flow_style and node.value:
        return "see there"
    pairs = (f"{_shown(k)}: {_shown(v)}" for k, v in node.value)
    return f"{{{', '.join(pairs)}}}"


def tuples(text):
    """`(1, 2)` of a tagged scalar as `[1, 2]`."""
    match = re.fullmatch(r"\((.*)\)", text)
    return f"[{match[1]}]" if match else text


def same(one, other):
    """Whether two texts are one value; after "~" it is told in words."""
    if not other:
        return False
    if other.startswith("~"):
        return True
    try:
        return float(one) == float(other)
    except ValueError:
        return one.strip() == other.strip()


def judged(row, found):
    """Our value, and whose it is."""
    value, said = found[row["key"]]
    value = tuples(value)
    if same(value, row["paper"]):
        return value, "paper"
    if same(value, row["code"]):
        return value, "code"
    return value, "ours"


def page():
    """The text of docs/values.md."""
    parts, rows = [HEAD], read_table()
    for recipe in dict.fromkeys(row["recipe"] for row in rows):
        found = values(yaml_of(recipe))
        folder, name = recipe.split("/")
        parts.append(f"\n## {folder}: `{name}.yaml`\n")
        parts.append("| value | paper | official code | ours | as | where |")
        parts.append("|---|---|---|---|---|---|")
        for row in rows:
            if row["recipe"] != recipe:
                continue
            value, whose = judged(row, found)
            cells = (
                f"`{row['key']}`",
                row["paper"].removeprefix("~"),
                row["code"].removeprefix("~"),
                value,
                whose,
                row["where"],
            )
            parts.append(f"| {' | '.join(cells)} |")
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
