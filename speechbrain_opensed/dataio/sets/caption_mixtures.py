"""Corpora of captioned mixtures of synthesised sounds, for demonstrations.

They stand for what FineLAP (https://arxiv.org/abs/2604.01155) is trained on:
many clips with captions alone, few with annotated events, and synthetic
mixtures of which everything is known.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lhotse.cut import Cut, MixedCut
from lhotse.utils import fastcopy

from lhotse_recipes.io import write_jsonl
from lhotse_recipes.schema import captions_of, events_of, label_of, tag
from lhotse_recipes.soundscapes import ProceduralBank, simulate_soundscapes
from lhotse_recipes.soundscapes.captions import caption_cut
from lhotse_recipes.vocabulary import Vocabulary
from speechbrain_opensed.dataio.phrases.bank import PhraseBank

__all__ = ["caption_only", "mix_captioned"]

NAME = "mixtures"
#: Corpus or part to the variants of the sounds that are in it.
SOUNDS = {
    "captioned": "train",
    "annotated": "train",
    "synthetic": "train",
    "valid": "valid",
    "test": "test",
    "classes": "test",
}


def mix_captioned(
    output_folder: str | Path,
    num_clips: Mapping[str, int],
    variants: Mapping[str, int],
    *,
    phrases: Sequence[str] | None = None,
    num_captions: int = 5,
    seed: int = 0,
    num_jobs: int = 1,
    **simulation: Any,
) -> None:
    """Writes corpora to train on, and clips to evaluate with.

    No variant of a sound is in two of training, validation and test.

    Arguments
    ---------
    output_folder : str or Path
        Gets `mixtures_cuts_<name>.jsonl.gz` of each corpus: `captioned` has
        captions alone, `annotated` and `synthetic` events as well; `valid`
        and `test` are evaluated in all ways but the classification of
        `classes`, which are clips of one sound; and `phrases.jsonl`, the
        phrase bank.
    num_clips : mapping from str to int
        Clips of each of them.
    variants : mapping from str to int
        Variants of each sound for `train`, `valid` and `test`.
    phrases : sequence of str, optional
        The sounds; default: all that `ProceduralBank` makes.
    num_captions : int
        Wordings of the caption of each clip of `valid` and `test`.
    seed : int
        Of sounds, mixtures and captions.
    num_jobs : int
        Processes.
    **simulation
        Of `simulate_soundscapes`: duration, events_per_clip, snr, ...

    Raises
    ------
    ValueError
        If a corpus has another name, or a phrase is unknown.

    Example
    -------
    >>> from lhotse import CutSet
    >>> folder = getfixture("tmp_path")
    >>> mix_captioned(
    ...     folder,
    ...     num_clips={"captioned": 2, "test": 2},
    ...     variants={"train": 1, "test": 1},
    ...     phrases=["low steady tone", "high rising bell"],
    ...     events_per_clip=(1, 2),
    ... )
    >>> cut = CutSet.from_file(folder / "mixtures_cuts_captioned.jsonl.gz")[0]
    >>> len(events_of(cut)), len(captions_of(cut))
    (0, 1)
    """
    unknown = sorted(set(num_clips) - set(SOUNDS))
    if unknown:
        raise ValueError(
            f"no corpus is called {', '.join(unknown)}: name some of "
            f"{', '.join(SOUNDS)}"
        )
    folder = Path(output_folder)
    bank = ProceduralBank(seed=seed)
    names = list(phrases or bank.phrases)
    banks = {
        part: bank.write(
            folder / "bank" / part,
            per_phrase=number,
            num_backgrounds=10,
            phrases=names,
            num_jobs=num_jobs,
            # Far enough apart to make any number of variants.
            first_variant=10_000 * place,
        )
        for place, (part, number) in enumerate(variants.items())
    }
    for name, number in num_clips.items():
        options = dict(simulation)
        if name == "classes":
            options["events_per_clip"] = (1, 1)
        wordings = 1 if SOUNDS[name] == "train" else num_captions
        cuts = simulate_soundscapes(
            banks[SOUNDS[name]],
            None,
            number,
            # Another seed for each, whichever of them are asked for.
            seed=seed + 1000 * list(SOUNDS).index(name),
            vocabulary=NAME,
            prefix=NAME,
            part=name,
            num_jobs=num_jobs,
            **options,
        )
        write_jsonl(
            folder / f"{NAME}_cuts_{name}.jsonl.gz",
            (_captioned(cut, name, wordings) for cut in cuts),
        )
    Vocabulary.from_labels(names, NAME).save(folder / f"{NAME}.csv")
    PhraseBank(dict.fromkeys(names, ())).save(folder / "phrases.jsonl")


def caption_only(cut: Cut) -> Cut:
    """A cut of which nothing is known but its captions.

    Arguments
    ---------
    cut : lhotse.cut.Cut
        Any cut.

    Returns
    -------
    lhotse.cut.Cut
        A copy without events and tags, whose events are not complete.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from lhotse_recipes.schema import event
    >>> cut = dummy_cut(0, supervisions=[event("r", 0, 0, 1, "rain", "Rain")])
    >>> cut.events_complete = True
    >>> bare = caption_only(cut)
    >>> bare.supervisions, bare.events_complete
    ([], False)
    """
    if isinstance(cut, MixedCut):
        tracks = [
            fastcopy(track, cut=caption_only(track.cut)) for track in cut.tracks
        ]
        return fastcopy(cut, tracks=tracks)
    custom = dict(cut.custom or {})
    if "events_complete" in custom:
        custom["events_complete"] = False
    return fastcopy(cut, supervisions=captions_of(cut), custom=custom)


def _captioned(cut, name, wordings):
    for seed in range(wordings):
        cut = caption_cut(cut, seed)
    if name == "captioned":
        return caption_only(cut)
    return _tagged(cut) if name == "classes" else cut


def _tagged(cut):
    """Its one sound as a tag as well, on the first track."""
    first, *others = cut.tracks
    heard = events_of(cut)[0]
    own = tag(heard.recording_id, 0, cut.duration, heard.text, label_of(heard))
    own.id = f"{cut.id}-t0"
    named = [*first.cut.supervisions, own]
    track = fastcopy(first, cut=fastcopy(first.cut, supervisions=named))
    return fastcopy(cut, tracks=[track, *others])
