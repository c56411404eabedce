"""Writes the table of the documentation from the rows that runs have saved.

Run by `python -m tests.faults.table`; rows are in `tests/faults/rows.jsonl`,
where `python -m tests.faults --save tests/faults/rows.jsonl` adds them. Trials
of several runs count together; the day is that of the last.
"""

import json
from pathlib import Path

__all__ = ["table_of"]

ROOT = Path(__file__).resolve().parents[2]
ROWS = ROOT / "tests/faults/rows.jsonl"
PAGE = ROOT / "docs/project/faults.md"
_HEAD = (
    "| | trials | inside | lost | half-written | wrong | last run |\n"
    "|---|--:|--:|--:|--:|--:|---|\n"
)


def table_of(rows):
    """A table in Markdown: a line for each command and fault."""
    joined = {}
    for row in rows:
        one = joined.setdefault(
            row["name"], {"trials": 0, "lost": 0, "half": 0, "wrong": 0}
        )
        for key in ("trials", "lost", "half", "wrong"):
            one[key] += row[key]
        if row["inside"] is not None:
            one["inside"] = one.get("inside", 0) + row["inside"]
        one["date"] = max(row["date"], one.get("date", ""))
    return _HEAD + "".join(
        f"| {name} | {one['trials']} | {one.get('inside', '')} | {one['lost']} "
        f"| {one['half']} | {one['wrong']} | {one['date']} |\n"
        for name, one in joined.items()
    )


def main():
    """Puts the table in the place of the one that is there."""
    rows = [json.loads(line) for line in ROWS.read_text().splitlines()]
    page = PAGE.read_text(encoding="utf-8")
    begin = page.index("| | trials")
    end = page.index("\n\n", begin) + 1
    PAGE.write_text(
        page[:begin] + table_of(rows) + page[end:], encoding="utf-8"
    )


if __name__ == "__main__":
    main()
