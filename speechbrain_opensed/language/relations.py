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

from tqdm import tqdm

from lhotse_recipes.io import PrepareReport
from lhotse_recipes.ontology import save_relations
from speechbrain_opensed.language.client import (
    LlmAnswerError,
    LlmClient,
    LlmError,
)
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
    key = {"prompt": PROMPT_VERSION, "model": client.model}
    with Journal(path.with_name(f"{path.name}.journal.jsonl"), key) as journal:
        known = _known(journal)
        open_pairs = [pair for pair in pairs if frozenset(pair) not in known]
        batches = [
            open_pairs[start : start + batch_size]
            for start in range(0, len(open_pairs), batch_size)
        ]

        def ask(batch: list[Pair]) -> int:
            answers = _ask(client, batch, attempts)
            if answers:
                rows = [[*pair, letter] for pair, letter in answers.items()]
                journal.append({"relations": rows})
            return len(batch)

        done = len(pairs) - len(open_pairs)
        with tqdm(
            total=len(pairs), initial=done, desc="Relations", unit="pair"
        ) as progress:
            try:
                for number in client.map(ask, batches):
                    progress.update(number)
            except LlmError as error:
                kept = len(_known(journal).keys() & set(map(frozenset, pairs)))
                raise LlmError(
                    f"{error} {kept} of {len(pairs)} pairs are kept in "
                    f"{journal.path}; the same command goes on from there."
                ) from error
        known = _known(journal)

    relations = {
        pair: known[frozenset(pair)]
        for pair in pairs
        if frozenset(pair) in known
    }
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


def _ask(client: LlmClient, batch: list[Pair], attempts: int) -> dict:
    """Letters of the pairs of a batch, without those that got none."""
    lines = [
        f"{number}. {json.dumps(first, ensure_ascii=False)} - "
        f"{json.dumps(second, ensure_ascii=False)}"
        for number, (first, second) in enumerate(batch, start=1)
    ]
    letters: dict[str, str] = {}
    numbers = [str(number) for number in range(1, len(batch) + 1)]

    def check(answer: Any) -> None:
        if not isinstance(answer, dict):
            raise ValueError("it is not a JSON object")
        strange = sorted(set(answer) - set(numbers))
        if strange:
            raise ValueError(f"there are no pairs with the numbers {strange}")
        for number, letter in answer.items():
            letter = letter.strip().upper() if isinstance(letter, str) else ""
            if letter in ("A", "B", "C", "D"):
                letters.setdefault(number, letter)
        missing = [number for number in numbers if number not in letters]
        if missing:
            raise ValueError(
                f"the pairs {', '.join(missing)} have no letter A, B, C or D"
            )

    try:
        client.complete_json("\n".join(lines), check, INSTRUCTION, attempts)
    except LlmAnswerError:
        pass  # What is missing is counted and listed by the caller.
    return {
        batch[int(number) - 1]: letter for number, letter in letters.items()
    }
