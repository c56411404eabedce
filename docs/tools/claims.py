"""Writes `docs/claims.md` from the rows of `docs/claims.yaml`.

Run without arguments it writes the file anew; `make docs` does so as well.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections import Counter
from pathlib import Path

import yaml

__all__ = ["VERDICTS", "page", "read_claims"]

_DOCS = Path(__file__).resolve().parents[1]
VERDICTS = ("agrees", "disagrees", "not decided", "not run")
_NEEDED = ("claim", "paper", "verdict")
_MEASURED = ("ours", "data", "seeds", "spread", "small", "date")
_KNOWN = {*_NEEDED, *_MEASURED, "change", "why"}


def read_claims(file: Path = _DOCS / "claims.yaml") -> list[dict]:
    """The papers with their claims, checked.

    Raises
    ------
    ValueError
        If a row lacks something, or says what does not go together.
    """
    papers = yaml.safe_load(file.read_text(encoding="utf-8"))
    for paper in papers:
        before: dict = {}
        for row in paper["claims"]:
            for key in ("data", "why"):
                if row.get(key) == "the same":
                    row[key] = before.get(key)
            before = {**before, **row}
            where = f"{file.name}, {paper['paper']}, {row.get('claim')!r}"
            if row.get("verdict") not in VERDICTS:
                raise ValueError(
                    f"{where}: no verdict is {row.get('verdict')!r}"
                )
            run = row["verdict"] != "not run"
            needed = [*_NEEDED, *(_MEASURED if run else ["why"])]
            missing = [key for key in needed if row.get(key) in (None, "")]
            if missing:
                raise ValueError(f"{where}: {', '.join(missing)} missing")
            if unknown := row.keys() - _KNOWN:
                raise ValueError(f"{where}: unknown {sorted(unknown)}")
            if not run and row.keys() & set(_MEASURED):
                raise ValueError(f"{where}: measured, but not run")
            if row["verdict"] == "not decided" and "why" not in row:
                raise ValueError(f"{where}: say why nothing is decided")
    return papers


def page() -> str:
    """The ledger as a page."""
    papers = read_claims()
    count = Counter(
        row["verdict"] for paper in papers for row in paper["claims"]
    )
    total = ", ".join(f"{verdict} {count[verdict]}" for verdict in VERDICTS)
    blocks = [
        "# Claims of the papers",
        "<!-- Written by docs/tools/claims.py from docs/claims.yaml. -->",
        "What the four papers claim, and what this repository found, at small "
        "scale and on other data: its numbers are no reproduction of the "
        "papers' numbers, only of their directions. *Agrees* and *disagrees* "
        "mean that the seeds point one way; *not decided* that they do not, "
        "or that there is one. Settings and full tables are on the recipes' "
        f"pages. {sum(count.values())} claims: {total}.",
    ]
    for paper in papers:
        link = paper["page"]
        blocks.append(f"## {paper['paper']}")
        blocks.append(
            f"{paper['reference']}; [the recipe]({link}). At the paper's "
            f"scale:\n\n```text\n{paper['command']}\n```"
        )
        for row in paper["claims"]:
            blocks.append(_entry(row))
    return "\n\n".join(blocks) + "\n"


def _entry(row: dict) -> str:
    lines = [f"### {row['claim'][0].upper()}{row['claim'][1:]}", ""]
    why = f": {row['why']}" if "why" in row else ""
    lines += [f"**{row['verdict']}**{why}", ""]
    lines += ["| | |", "|---|---|", f"| paper | {row['paper']} |"]
    if "change" in row:
        lines.append(f"| override | `{row['change']}` |")
    if "ours" in row:
        seeds = f"{row['seeds']} seed{'s' * (row['seeds'] > 1)}"
        lines += [
            f"| here | {row['ours']} |",
            f"| spread | {row['spread']}; {seeds} |",
            f"| data | {row['data']} |",
            f"| command | `{row['small']}` |",
            f"| date | {row['date']} |",
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    (_DOCS / "claims.md").write_text(page(), encoding="utf-8")
