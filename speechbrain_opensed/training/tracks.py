"""The part of a TrackSED that is found in closed form.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from lhotse_recipes.vocabulary import Vocabulary
from speechbrain_opensed.dataio.sets.detection import SedBatch
from speechbrain_opensed.lobes.text.encoders import TextEncoder
from speechbrain_opensed.lobes.track_sed import TrackSED

__all__ = ["embed_tags", "fit_tracks"]


def embed_tags(text_encoder: TextEncoder, vocabulary: str) -> Tensor:
    """Embeddings of an encoder's tags, zeros for names without any.

    Arguments
    ---------
    text_encoder : TextEncoder
        What phrases are embedded with.
    vocabulary : str
        Table of the tags in the encoder's order.

    Returns
    -------
    torch.Tensor
        `[tags, dim]`.

    Example
    -------
    >>> from speechbrain_opensed.lobes.text.encoders import HashTextEncoder
    >>> embed_tags(HashTextEncoder(dim=8), "audioset").shape
    torch.Size([527, 8])
    """
    phrases = list(Vocabulary.load(vocabulary).phrases.values())
    known = [i for i, x in enumerate(phrases) if text_encoder.canonical(x)]
    table = torch.zeros(len(phrases), text_encoder.dim)
    table[known] = text_encoder([phrases[i] for i in known]).cpu()
    return table


def fit_tracks(
    model: TrackSED,
    text_encoder: TextEncoder,
    batches: Iterable[SedBatch],
    tags: str | None = "audioset",
) -> TrackSED:
    """Fits prototypes to batches that are asked about all classes.

    Arguments
    ---------
    model : TrackSED
        Takes what is found.
    text_encoder : TextEncoder
        What phrases are embedded with.
    batches : iterable of SedBatch
        With frames in place of audio, and the same queries in each; it is
        read twice.
    tags : str, optional
        Table of the encoder's tags, see :func:`embed_tags`; not asked for
        where the encoder has none. None: what they are is not known.

    Returns
    -------
    TrackSED
        The same.

    Raises
    ------
    ValueError
        If there is no batch, or one has other queries than the first.

    Example
    -------
    >>> fit_tracks(None, None, [], None)
    Traceback (most recent call last):
    ValueError: no batch to fit to
    """
    first = next(iter(batches), None)
    if first is None:
        raise ValueError("no batch to fit to")
    order = first.query_index[0]

    def pairs():
        for batch in batches:
            if (
                batch.phrases != first.phrases
                or (batch.query_index != order).any()
            ):
                raise ValueError(
                    "a batch is asked about other classes than the first: "
                    "use AllQueries"
                )
            yield batch.wavs, batch.targets

    queries = text_encoder(first.phrases)[order.to("cpu")].cpu()
    if tags is None or not model.num_tags:
        table = torch.zeros(model.num_tags, text_encoder.dim)
    else:
        table = embed_tags(text_encoder, tags)
    return model.fit(pairs, queries, table)
