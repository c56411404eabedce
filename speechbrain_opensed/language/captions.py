"""Captions of clips with known events, written by a language model.

FineLAP (https://arxiv.org/abs/2604.01155) has a language model turn the events
of its soundscapes into sentences; the prompt is ours. Captions by rules are in
`lhotse_recipes.soundscapes.captions`.

Authors
 * The speechbrain-opensed contributors 2026
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lhotse.cut import Cut

from lhotse_recipes.io import PrepareReport, write_jsonl
from lhotse_recipes.schema import trim_events
from lhotse_recipes.soundscapes.captions import with_caption
from speechbrain_opensed.language.ask import (
    ask_all,
    ask_numbered,
    batches_of,
    open_journal,
)
from speechbrain_opensed.language.client import LlmAnswerError, LlmClient
from speechbrain_opensed.language.journal import Journal

__all__ = ["caption_clips", "timeline"]

INSTRUCTION = """\
You write captions for sound clips. Each clip is given as a number and its \
timeline: what is heard from which to which second. Write one natural English \
sentence of at most 30 words for each clip, which says what is heard, in which \
order, what happens at the same time, and what is heard again. Do not give \
numbers of seconds, do not invent sounds, places or reasons, and do not leave \
a sound out. Answer with one JSON object that maps the number of every clip to \
its sentence, for example {"1": "A dog barks twice, then a door slams."}, and \
nothing else.\
"""
PROMPT_VERSION = hashlib.sha256(INSTRUCTION.encode()).hexdigest()[:12]
MOST_WORDS = 60


def caption_clips(
    cuts: Iterable[Cut],
    client: LlmClient,
    path: str | Path,
    *,
    batch_size: int = 10,
    attempts: int = 3,
) -> PrepareReport:
    """Has a language model caption clips, and writes a manifest of them.

    Clips with the same timeline are asked about once. What was answered is
    kept in a journal beside the manifest, so that an interrupted run, or one
    with more clips, asks only for what is missing.

    Arguments
    ---------
    cuts : iterable of lhotse.cut.Cut
        Clips with events; read several times, so not an iterator.
    client : LlmClient
        The model.
    path : str or Path
        Manifest of the clips, `.jsonl` or `.jsonl.gz`, each with one more
        supervision of the kind "caption". Beside it:
        `<name>.journal.jsonl` and `<stem>_report_captions.json`.
    batch_size : int
        Clips in one question.
    attempts : int
        How many times a batch is asked until each clip has its sentence.

    Returns
    -------
    report : PrepareReport
        Number of clips and captions, and the clips that the model gave no
        usable sentence for. They are written without one; the next run asks
        for them again.

    Raises
    ------
    LlmError
        When the endpoint fails; the answers so far are kept.

    Example
    -------
    >>> import tempfile
    >>> from lhotse import CutSet
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from lhotse_recipes.schema import event
    >>> class Writer(LlmClient):
    ...     def complete(self, messages):
    ...         return '{"1": "A dog barks."}'
    >>> barks = [event("r", 0, 0.0, 0.5, "dog barking", "dog")]
    >>> cuts = [dummy_cut(0, supervisions=barks)]
    >>> path = Path(tempfile.mkdtemp()) / "captioned.jsonl"
    >>> writer = Writer("http://localhost:8000/v1", "writer")
    >>> report = caption_clips(cuts, writer, path)
    >>> CutSet.from_file(path)[0].supervisions[-1].text
    'A dog barks.'
    """
    path = Path(path)
    with open_journal(path, PROMPT_VERSION, client) as journal:
        before = _known(journal)
        wanted = dict.fromkeys(timeline(cut) for cut in cuts)
        missing = (text for text in wanted if text not in before)

        def ask(batch: list[str]) -> dict[str, Any] | None:
            captions = ask_numbered(
                client,
                [json.dumps(text) for text in batch],
                _sentence,
                INSTRUCTION,
                attempts=attempts,
                lacking="the clips {} have no sentence of at most "
                f"{MOST_WORDS} words",
            )
            found = {batch[place]: text for place, text in captions.items()}
            return {"captions": found} if found else None

        ask_all(
            client,
            list(batches_of(missing, batch_size)),
            ask,
            journal,
            total=len(wanted),
            known=lambda: len(_known(journal).keys() & wanted.keys()),
            what="captions",
        )
        known = _known(journal)
    if wanted and not known.keys() & wanted.keys():
        raise LlmAnswerError(
            f"{client.model} gave no usable caption for any of the "
            f"{len(wanted)} clips; {path} was not written. Try another model."
        )
    report = PrepareReport(path.name.split(".")[0], "captions")
    write_jsonl(path, _captioned(cuts, known, report))
    report.save(path.parent)
    return report


def timeline(cut: Cut) -> str:
    """The events of a clip in words, as the model is shown them.

    Arguments
    ---------
    cut : lhotse.cut.Cut
        The clip.

    Returns
    -------
    text : str
        Phrases with onset and offset in seconds.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from lhotse_recipes.schema import event
    >>> barks = [event("r", 0, 0.25, 0.5, "dog barking", "dog")]
    >>> timeline(dummy_cut(0, supervisions=barks))
    'dog barking 0.2-0.5'
    >>> timeline(dummy_cut(0))
    'nothing but background'
    """
    events = [
        f"{' '.join(sup.text.split())} {sup.start:.1f}-{sup.end:.1f}"
        for sup in trim_events(cut)
    ]
    return "; ".join(events) or "nothing but background"


def _captioned(
    cuts: Iterable[Cut], known: dict[str, str], report: PrepareReport
) -> Iterator[Cut]:
    for cut in cuts:
        report.count("clips")
        text = known.get(timeline(cut))
        if text is None:
            report.drop("no valid caption", cut.id)
            yield cut
        else:
            report.count("captions")
            yield with_caption(cut, text)


def _known(journal: Journal) -> dict[str, str]:
    return {
        clip: text
        for entry in list(journal.entries)
        for clip, text in entry["captions"].items()
    }


def _sentence(text: str) -> str | None:
    words = text.split()
    return " ".join(words) if 1 < len(words) <= MOST_WORDS else None
