"""Relations between sound labels, judged by a language model.

The classes A-D and the batches of 20 pairs are those of FlexSED
(https://arxiv.org/abs/2509.18606), which had GPT-4 judge them so
that labels which may well be audible are not trained as absent.
"""

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lhotse_recipes.io import PrepareReport
from lhotse_recipes.ontology import save_relations
from speechbrain_opensed.language.ask import (
    ask_all,
    ask_numbered,
    batches_of,
    open_journal,
)
from speechbrain_opensed.language.client import LlmAnswerError, LlmClient
from speechbrain_opensed.language.journal import Journal

__all__ = ["classify_relations"]

INSTRUCTION = """\
You compare the labels of a sound event vocabulary. Judge what can be heard, \
not how the words look. Put each pair of labels into exactly one category:
A: one label includes the other, as "Animal" includes "Dog" (root and parent, \
whichever comes first);
B: the two name equivalent or nearly the same events, as "Engine starting" \
and "Engine idling";
C: different events that occur in the same context, as "Toothbrush" and \
"Water tap, faucet";
D: different events of unrelated contexts, as "Thunder" and "Typing".
The pairs are numbered. Answer with one JSON object that maps the number of \
every pair to its letter, for example {"1": "D", "2": "A"}, and nothing else.\
"""
PROMPT_VERSION = hashlib.sha256(INSTRUCTION.encode()).hexdigest()[:12]

Pair = tuple[str, str]


def classify_relations(
    labels: Sequence[str],
    client: LlmClient,
    path: str | Path,
    *,
    batch_size: int = 20,
    attempts: int = 3,
) -> PrepareReport:
    """Has a language model relate every two labels, and writes the table.

    Each unordered pair is asked once; the table holds both directions. What
    was answered is kept in a journal beside the table, so that an
    interrupted run, or one with more labels, asks only for what is missing.

    Arguments
    ---------
    labels : sequence of str
        The labels, without duplicates.
    client : LlmClient
        The model.
    path : str or Path
        The table in FlexSED's format, `Label 1,Label 2,Category`. Beside it:
        `<name>.journal.jsonl` and `<stem>_report_relations.json`.
    batch_size : int
        Pairs in one question.
    attempts : int
        How many times a batch is asked until each pair has its letter.

    Returns
    -------
    report : PrepareReport
        Number of pairs per category, and the pairs left out since the model
        gave no letter for them. The next run asks for those again.

    Raises
    ------
    LlmError
        When the endpoint fails; the answers so far are kept.

    Example
    -------
    >>> import tempfile
    >>> class Judge(LlmClient):
    ...     def complete(self, messages):
    ...         return '{"1": "D"}'
    >>> judge = Judge("http://localhost:8000/v1", "judge")
    >>> path = Path(tempfile.mkdtemp()) / "relations.csv"
    >>> report = classify_relations(["Thunder", "Typing"], judge, path)
    >>> report.counts["D"]
    1
    """
    pairs = _pairs(labels)
    path = Path(path)
    lines = {
        pair: " - ".join(json.dumps(x, ensure_ascii=False) for x in pair)
        for pair in pairs
    }
    with open_journal(path, PROMPT_VERSION, client) as journal:

        def kept() -> dict[Pair, str]:
            known = _known(journal)
            found = {pair: known.get(frozenset(pair)) for pair in pairs}
            return {pair: letter for pair, letter in found.items() if letter}

        def ask(batch: list[Pair]) -> dict[str, Any] | None:
            letters = ask_numbered(
                client,
                [lines[pair] for pair in batch],
                _letter,
                INSTRUCTION,
                attempts=attempts,
                lacking="the pairs {} have no letter A, B, C or D",
            )
            rows = [[*batch[place], x] for place, x in letters.items()]
            return {"relations": rows} if rows else None

        before = kept()
        ask_all(
            client,
            list(batches_of((p for p in pairs if p not in before), batch_size)),
            ask,
            journal,
            total=len(pairs),
            known=lambda: len(kept()),
            what="pairs",
        )
        relations = kept()
    if not relations:
        raise LlmAnswerError(
            f"{client.model} gave no usable answer for any of the "
            f"{len(pairs)} pairs; {path} was not written. Try another model."
        )
    report = PrepareReport(path.name.split(".")[0], "relations")
    report.count("pairs", len(pairs))
    for letter, number in sorted(Counter(relations.values()).items()):
        report.count(letter, number)
    for pair in pairs:
        if pair not in relations:
            report.drop("no valid answer", " | ".join(pair))
    save_relations(path, relations)
    report.save(path.parent)
    return report


def _pairs(labels: Sequence[str]) -> list[Pair]:
    twice = [label for label, n in Counter(labels).items() if n > 1]
    if twice:
        raise ValueError(
            f"labels occur more than once: {twice[:5]}; remove the copies."
        )
    blank = [label for label in labels if label != label.strip() or not label]
    if blank:
        raise ValueError(
            f"labels are empty or have spaces around them: {blank[:5]}"
        )
    if len(labels) < 2:
        raise ValueError(f"{len(labels)} label(s) given; a pair takes two.")
    return list(itertools.combinations(labels, 2))


def _known(journal: Journal) -> dict[frozenset[str], str]:
    return {
        frozenset((first, second)): letter
        for entry in list(journal.entries)
        for first, second, letter in entry["relations"]
    }


def _letter(text: str) -> str | None:
    letter = text.upper()
    return letter if letter in ("A", "B", "C", "D") else None
