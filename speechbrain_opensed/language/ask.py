"""Questions in batches, whose answers are kept in a journal as they come.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from speechbrain_opensed.language.client import (
    LlmAnswerError,
    LlmClient,
    LlmError,
)
from speechbrain_opensed.language.journal import Journal

__all__ = ["ask_all", "ask_numbered", "batches_of", "open_journal"]

Item = TypeVar("Item")


def open_journal(path: str | Path, prompt: str, client: LlmClient) -> Journal:
    """The journal of what is answered for a file.

    Arguments
    ---------
    path : str or Path
        The file; its journal is `<name>.journal.jsonl` beside it.
    prompt : str
        Version of the questions.
    client : LlmClient
        The model. Another model, prompt or temperature is refused.

    Returns
    -------
    Journal
        To be closed.

    Example
    -------
    >>> path = getfixture("tmp_path") / "table.csv"
    >>> client = LlmClient("http://localhost:8000/v1", "tiny")
    >>> with open_journal(path, "1", client) as journal:
    ...     journal.path.name
    'table.csv.journal.jsonl'
    """
    path = Path(path)
    key = {"prompt": prompt, "model": client.model}
    if client.temperature:
        key["temperature"] = str(client.temperature)
    return Journal(path.with_name(f"{path.name}.journal.jsonl"), key)


def batches_of(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Items in lists of so many, the last one shorter.

    Arguments
    ---------
    items : iterable
        The items.
    size : int
        How many.

    Yields
    ------
    list

    Example
    -------
    >>> list(batches_of("abc", 2))
    [['a', 'b'], ['c']]
    """
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def ask_all(
    client: LlmClient,
    batches: Sequence[Any],
    ask: Callable[[Any], dict[str, Any] | None],
    journal: Journal,
    *,
    total: int,
    known: Callable[[], int],
    what: str,
) -> None:
    """Asks about all batches at once, and keeps each answer.

    Arguments
    ---------
    client : LlmClient
        Asks so many at a time.
    batches : sequence
        Lists of items, or single ones.
    ask : callable
        From a batch to an entry of the journal, or None.
    journal : Journal
        Gets the entries.
    total : int
        Items of this run and of earlier ones.
    known : callable
        How many of them have an answer in the journal.
    what : str
        What they are called, in the plural.

    Raises
    ------
    LlmError
        When the endpoint fails; says what is kept.

    Example
    -------
    >>> client = LlmClient("http://localhost:8000/v1", "tiny")
    >>> path = getfixture("tmp_path") / "table.csv"
    >>> with open_journal(path, "1", client) as journal:
    ...     ask_all(
    ...         client,
    ...         [1, 2],
    ...         lambda number: {"square": number**2},
    ...         journal,
    ...         total=2,
    ...         known=lambda: len(journal.entries),
    ...         what="numbers",
    ...     )
    ...     sorted(entry["square"] for entry in journal.entries)
    [1, 4]
    """

    def work(batch: Any) -> int:
        entry = ask(batch)
        if entry:
            journal.append(entry)
        return len(batch) if isinstance(batch, list) else 1

    with tqdm(total=total, initial=known(), desc=what, unit="") as progress:
        try:
            for number in client.map(work, batches):
                progress.update(number)
        except LlmError as error:
            raise LlmError(
                f"{error} {known()} of {total} {what} are kept. What was "
                f"answered is kept in {journal.path}; the same command goes "
                "on from there."
            ) from error


def ask_numbered(
    client: LlmClient,
    lines: Sequence[str],
    accept: Callable[[str], str | None],
    instruction: str,
    *,
    attempts: int,
    lacking: str,
) -> dict[int, str]:
    """Asks about numbered lines until each has an answer that is accepted.

    Arguments
    ---------
    client : LlmClient
        The model.
    lines : sequence of str
        What is asked about; numbered from 1 in the question.
    accept : callable
        From the text of an answer to what is kept of it; None: nothing.
    instruction : str
        Put before the question.
    attempts : int
        How many times it is asked.
    lacking : str
        What is said of numbers without an answer; `{}` becomes these.

    Returns
    -------
    dict of int to str
        Place in `lines` to answer, without those that got none.

    Example
    -------
    >>> class Model(LlmClient):
    ...     def complete(self, messages):
    ...         return '{"1": "a", "2": "?"}'
    >>> model = Model("http://localhost:8000/v1", "tiny")
    >>> accept = {"a": "A"}.get
    >>> ask_numbered(
    ...     model, ["x", "y"], accept, "", attempts=1, lacking="{} lack"
    ... )
    {0: 'A'}
    """
    found: dict[str, str] = {}
    numbers = [str(number) for number in range(1, len(lines) + 1)]

    def check(answer: Any) -> None:
        if not isinstance(answer, dict):
            raise ValueError("it is not a JSON object")
        strange = sorted(set(answer) - set(numbers))
        if strange:
            raise ValueError(f"there are no numbers {', '.join(strange)}")
        for number, text in answer.items():
            kept = accept(text.strip()) if isinstance(text, str) else None
            if kept is not None:
                found.setdefault(number, kept)
        missing = [number for number in numbers if number not in found]
        if missing:
            raise ValueError(lacking.format(", ".join(missing)))

    question = "\n".join(f"{k}. {line}" for k, line in enumerate(lines, 1))
    try:
        client.complete_json(question, check, instruction, attempts)
    except LlmAnswerError:
        pass  # What is missing is counted and listed by the caller.
    return {int(number) - 1: text for number, text in found.items()}
