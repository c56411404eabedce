"""Neighbours of classes, written by a language model.

SEPT (https://arxiv.org/abs/2601.20867) had a language model name sounds that
are close to each class; its prompt is not known, this one is ours.

Authors
 * The speechbrain-opensed contributors 2026
"""

import datetime
import hashlib
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from lhotse_recipes.io import PrepareReport
from speechbrain_opensed.language.ask import ask_all, open_journal
from speechbrain_opensed.language.client import LlmAnswerError, LlmClient
from speechbrain_opensed.language.inflection import alternatives, words_of
from speechbrain_opensed.language.journal import Journal
from speechbrain_opensed.language.leaks import is_leak
from speechbrain_opensed.language.neighbors import Neighbors

__all__ = ["write_neighbors"]

INSTRUCTION = """\
You describe sounds. For a class of sounds you name its semantic neighbours: \
short phrases for things one can hear that are close to the class in meaning \
and in sound, such as finer variants, related sources and everyday expressions \
for it. For "dog" these may be "puppy whining", "fox yapping" or "hound \
baying". Each phrase has two to six words, says something audible, differs \
clearly from the other phrases and is not the name of the class. None may \
contain the name of one of the other classes that are listed, in whatever form \
of the word. Answer with one JSON list of strings and nothing else.\
"""
PROMPT_VERSION = hashlib.sha256(INSTRUCTION.encode()).hexdigest()[:12]
MOST_WORDS = 10


def write_neighbors(
    classes: Sequence[str],
    client: LlmClient,
    path: str | Path,
    *,
    number: int = 10,
    avoid: Collection[str] = (),
    attempts: int = 3,
) -> PrepareReport:
    """Has a language model name neighbours of each class, and writes them.

    No neighbour names another of the classes, so that any half of them may
    be held out. What was answered is kept in a journal beside the file, so
    that an interrupted run, or one with more classes, asks only for what is
    missing.

    Arguments
    ---------
    classes : sequence of str
        The classes, without duplicates.
    client : LlmClient
        The model.
    path : str or Path
        JSON file that `Neighbors.load` reads. Beside it:
        `<name>.journal.jsonl` and `<stem>_report_neighbors.json`.
    number : int
        Neighbours of each class.
    avoid : collection of str
        Further classes that no neighbour may name, such as those of the
        corpus that a cross-dataset run tests on.
    attempts : int
        How many times a class is asked for until it has its neighbours.

    Returns
    -------
    report : PrepareReport
        Number of classes and neighbours, and the phrases that were refused,
        with the reason.

    Raises
    ------
    LlmError
        When the endpoint fails, or a class has too few neighbours after all
        attempts; the answers so far are kept, and no file is written.

    Example
    -------
    >>> import tempfile
    >>> class Poet(LlmClient):
    ...     def complete(self, messages):
    ...         return '["puppy whining", "fox yapping", "barking dogs"]'
    >>> poet = Poet("http://localhost:8000/v1", "poet")
    >>> path = Path(tempfile.mkdtemp()) / "mine.json"
    >>> report = write_neighbors(["dog"], poet, path, number=2)
    >>> Neighbors.load(path).of("dog")
    ('puppy whining', 'fox yapping')
    """
    classes, path = list(classes), Path(path)
    if number < 1:
        raise ValueError(f"{number} neighbours of each class are too few")
    if not classes:
        raise ValueError("there are no classes to write neighbours of")
    names = [*classes, *avoid]
    _check_names(classes, names)
    report = PrepareReport(path.name.split(".")[0], "neighbors")
    with open_journal(path, PROMPT_VERSION, client) as journal:
        for _ in range(attempts):
            chosen, _ = _choose(classes, journal, names)
            short = [c for c in classes if len(chosen[c]) < number]
            if not short:
                break
            _ask_all(client, journal, short, chosen, names, number)
        chosen, refused = _choose(classes, journal, names)
        where = journal.path
    short = [c for c in classes if len(chosen[c]) < number]
    if short:
        listed = ", ".join(f"{c!r} ({len(chosen[c])})" for c in short[:5])
        raise LlmAnswerError(
            f"{client.model} gave fewer than {number} usable neighbours of "
            f"{len(short)} of {len(classes)} classes: {listed}. {path} was not "
            f"written; what was answered is kept in {where}. Run the same "
            "command again, or ask for fewer."
        )
    for phrase, label, reason in refused:
        report.drop(reason, f"{phrase} ({label})")
    report.count("classes", len(classes))
    report.count("neighbours", number * len(classes))
    Neighbors(
        report.prefix,
        {label: tuple(chosen[label][:number]) for label in classes},
        {
            "method": "llm",
            "author": "opensed neighbors",
            "date": datetime.date.today().isoformat(),
            "model": client.model,
            "prompt": PROMPT_VERSION,
            "avoided": sorted(set(avoid)),
        },
    ).save(path)
    report.save(path.parent)
    return report


def _check_names(classes: Sequence[str], names: Sequence[str]) -> None:
    """Finds out what is wrong before anything is paid for."""
    for name in names:
        alternatives(name)
    keys = [words_of(label) for label in classes]
    twice = [c for c, k in zip(classes, keys, strict=True) if keys.count(k) > 1]
    if twice:
        raise ValueError(
            f"the classes {', '.join(map(repr, twice))} have the same name "
            "more than once; keep one of each"
        )


def _ask_all(
    client: LlmClient,
    journal: Journal,
    short: Sequence[str],
    chosen: dict[str, list[str]],
    names: Sequence[str],
    number: int,
) -> None:
    """One question for each class that lacks neighbours."""

    def ask(label: str) -> dict[str, Any] | None:
        used = [phrase for some in chosen.values() for phrase in some]
        taken = set(map(words_of, used))
        answered = _ask(
            client, label, number - len(chosen[label]), taken, names
        )
        return {"label": label, "phrases": answered} if answered else None

    ask_all(
        client,
        short,
        ask,
        journal,
        total=len(chosen),
        known=lambda: len(
            {entry["label"] for entry in list(journal.entries)} & chosen.keys()
        ),
        what="classes",
    )


def _ask(
    client: LlmClient,
    label: str,
    number: int,
    taken: Collection[tuple[str, ...]],
    names: Sequence[str],
) -> list[str]:
    """All phrases that the model answers, the refused ones too."""
    answered: list[str] = []
    others = [name for name in names if name != label]
    used = [" ".join(words) for words in taken]
    prompt = [f"Class: {json.dumps(label, ensure_ascii=False)}"]
    prompt.append(f"Number of phrases: {number}")
    for title, some in (("Other classes", others), ("Used already", used)):
        if some:
            prompt.append(f"{title}: {json.dumps(some, ensure_ascii=False)}")

    def check(answer: Any) -> None:
        if not isinstance(answer, list):
            raise ValueError("it is not a JSON list")
        phrases = [" ".join(p.split()) for p in answer if isinstance(p, str)]
        answered.extend(p for p in phrases if p)
        seen, good, problems = set(taken), 0, []
        for phrase in answered:
            reason = _problem(phrase, label, names, seen)
            if reason:
                problems.append(f"{phrase!r} {reason}")
            else:
                seen.add(words_of(phrase))
                good += 1
        if good < number:
            raise ValueError(
                "; ".join(
                    [f"{number - good} more phrases are needed", *problems[:8]]
                )
            )

    try:
        client.complete_json("\n".join(prompt), check, INSTRUCTION)
    except LlmAnswerError:
        pass  # Who lacks neighbours in the end is named by the caller.
    return answered


def _choose(
    classes: Sequence[str], journal: Journal, names: Sequence[str]
) -> tuple[dict[str, list[str]], list[tuple[str, str, str]]]:
    """Usable phrases of each class, and the others with the reason.

    Of two classes that have the same phrase the first keeps it, so that the
    order of the answers does not matter.
    """
    answered: dict[str, list[str]] = {label: [] for label in classes}
    for entry in list(journal.entries):
        answered.get(entry["label"], []).extend(entry["phrases"])
    seen: set[tuple[str, ...]] = set()
    chosen: dict[str, list[str]] = {label: [] for label in classes}
    refused = []
    for label in classes:
        for phrase in answered[label]:
            reason = _problem(phrase, label, names, seen)
            if reason:
                refused.append((phrase, label, reason))
            else:
                seen.add(words_of(phrase))
                chosen[label].append(phrase)
    return chosen, refused


def _problem(
    phrase: str,
    label: str,
    names: Sequence[str],
    seen: Collection[tuple[str, ...]],
) -> str:
    """Why a phrase is no neighbour of a class; empty if it is one."""
    words = words_of(phrase)
    if not 1 <= len(words) <= MOST_WORDS:
        return f"has none or more than {MOST_WORDS} words"
    if words == words_of(label) or words in alternatives(label):
        return "is the name of its class"
    if words in seen:
        return "was used already"
    for name in names:
        if is_leak(phrase, label, name):
            return f"names the class {name!r}"
    return ""
