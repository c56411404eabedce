"""What the worker does for clients: detect, and learn.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from speechbrain_opensed.serve.jobs import Job
from speechbrain_opensed.serve.messages import Correction, Query
from speechbrain_opensed.serve.pictures import clip_samples
from speechbrain_opensed.serve.service import Service
from speechbrain_opensed.serve.store import Found

__all__ = ["detect", "pieces", "teach"]

# Of one sound; more teach hardly more, and take longer.
_MOST_EXAMPLES = 20
_LONGEST_EXAMPLE = 10.0


def pieces(blocks: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Blocks that are cut where they are too long.

    Arguments
    ---------
    blocks : iterable of np.ndarray
        `[time]` each.
    size : int
        Samples, at most.

    Yields
    ------
    np.ndarray
        `[time]`.

    Example
    -------
    >>> [len(piece) for piece in pieces([np.zeros(5), np.zeros(2)], 3)]
    [3, 2, 2]
    """
    for block in blocks:
        for at in range(0, len(block), size):
            yield block[at : at + size]


def detect(service: Service, found: Found, query: Query, job: Job) -> None:
    """Looks for what was asked for, and stores scores as they are final.

    Arguments
    ---------
    service : Service
        With the detector.
    found : Found
        Grows.
    query : Query
        What a client wants.
    job : Job
        Is told of news, and says when to stop.

    Raises
    ------
    Cancelled
        If nobody waits.
    ValueError
        If the sound or a phrase cannot be used.

    Example
    -------
    >>> detect.__name__
    'detect'
    """
    detector = service.detector(found.model)
    recording = found.recording
    try:
        with open(found.path, "ab") as file:

            def keep(scores: np.ndarray) -> None:
                file.write(np.ascontiguousarray(scores, "<f4").tobytes())
                file.flush()
                found.frames += len(scores)

            sound = detector.open_sound(recording.path, query.channel)
            stream = detector.stream(
                found.phrases,
                sound.rate,
                threshold=found.thresholds,
                median_seconds=query.median_seconds,
                min_duration=query.min_duration,
                merge_gap=query.merge_gap,
                batch_size=service.batch_size,
                keep_scores=False,
                sink=keep,
            )
            # One batch, between two looks at whether it is still wanted.
            seconds = detector.spec.window_seconds / 2 * service.batch_size
            size = max(1, int(seconds * sound.rate))
            for piece in pieces(sound.blocks(), size):
                job.check()
                found.events += stream.feed(piece)
                job.notify()
            job.check()
            found.events += stream.finish()
            found.whole = True
    except ValueError as error:
        said = str(error).replace(str(recording.path), recording.name)
        raise ValueError(said) from error


def teach(
    service: Service, found: Found, chosen: Sequence[Correction], job: Job
) -> dict[str, Any]:
    """Makes a detector that has learned from a listener's events.

    Arguments
    ---------
    service : Service
        Gets the detector.
    found : Found
        Where the events are; its detector is the teacher's pupil.
    chosen : sequence of Correction
        Events that are right.
    job : Job
        Says when to stop; the learning itself is not interrupted.

    Returns
    -------
    dict
        The new detector's `model` id, and how many examples of each phrase
        it has `learned` from, of how many `given`.

    Raises
    ------
    Cancelled
        If nobody waits.
    ValueError
        If an event is too short or silent.

    Example
    -------
    >>> teach.__name__
    'teach'
    """
    by_phrase: dict[str, list[Correction]] = {}
    for one in chosen:
        by_phrase.setdefault(one.phrase, []).append(one)
    examples: dict[str, list[tuple[np.ndarray, int]]] = {}
    for phrase, events in by_phrase.items():
        examples[phrase] = []
        for one in events[:_MOST_EXAMPLES]:
            job.check()
            end = min(one.offset, one.onset + _LONGEST_EXAMPLE)
            examples[phrase].append(
                clip_samples(found.recording.ready, one.onset, end)
            )
    taught = service.detector(found.model).learn(examples)
    job.check()
    token = str(len(service.detectors))
    before = service.learned[found.model]
    result: dict[str, Any] = {
        "model": token,
        "learned": {phrase: len(some) for phrase, some in examples.items()},
        "given": {phrase: len(some) for phrase, some in by_phrase.items()},
    }
    if service.save_learned is not None:
        taught.export(service.save_learned)
        result["saved"] = True
    service.detectors[token] = taught
    service.learned[token] = list(dict.fromkeys([*before, *examples]))
    return result
