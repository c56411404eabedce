"""Corpora of clips with one class each, ready for few-shot protocols.

The eleven sets are those of PALM (https://arxiv.org/abs/2409.19806) and SEPT
(https://arxiv.org/abs/2601.20867).

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from lhotse import CutSet
from lhotse.cut import Cut
from lhotse.utils import fastcopy
from speechbrain.utils.logger import get_logger

from lhotse_recipes.corpora.event_bank import prepare_event_bank
from lhotse_recipes.fingerprint import Stamp, state_of
from lhotse_recipes.protocols import base_new, leave_out_fold, of_classes
from lhotse_recipes.registry import DATASETS
from lhotse_recipes.schema import events_of, label_of, tag, tags_of
from lhotse_recipes.soundscapes import ProceduralBank
from lhotse_recipes.vocabulary import Vocabulary
from speechbrain_opensed.lobes.prompts.base import canonical_name

__all__ = [
    "CLASS_SETS",
    "ClassSet",
    "bank_class_set",
    "load_class_set",
    "procedural_class_set",
    "split_parts",
]

logger = get_logger(__name__)

# ESC50-Actions is a part of ESC-50; all others have a module of their own.
CLASS_SETS = (
    "beijing_opera",
    "crema_d",
    "esc50",
    "esc50_actions",
    "gtzan",
    "ns_instruments",
    "ravdess",
    "sesa",
    "tut2017",
    "urbansound8k",
    "vocalsound",
)


@dataclass(frozen=True)
class ClassSet:
    """Clips of one class each, to learn from and to be tested on.

    Arguments
    ---------
    name : str
        Of the corpus.
    phrases : mapping from str to str
        Label to what it is called in a prompt, sorted by label as Python
        sorts (capitals first): the order decides which half is new.
    train : lhotse.CutSet
        What shots are drawn from.
    test : lhotse.CutSet
        What is tested.

    Raises
    ------
    ValueError
        If two classes are called the same in prompts, or a class has no clip
        in a part.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from lhotse_recipes.schema import tag
    >>> cuts = CutSet.from_cuts(
    ...     dummy_cut(k, supervisions=[tag(f"{k}", 0, 1.0, name, name)])
    ...     for k, name in enumerate(["rain", "dog", "cat"])
    ... )
    >>> names = {"rain": "rain", "dog": "dog", "cat": "cat"}
    >>> pets = ClassSet("pets", names, cuts, cuts)
    >>> pets.halves
    (('cat', 'dog'), ('rain',))
    """

    name: str
    phrases: Mapping[str, str]
    train: CutSet
    test: CutSet

    def __post_init__(self) -> None:
        ordered = {label: self.phrases[label] for label in sorted(self.phrases)}
        object.__setattr__(self, "phrases", ordered)
        called: dict[str, str] = {}
        for label, phrase in self.phrases.items():
            plain = canonical_name(phrase)
            other = called.setdefault(plain, label)
            if other != label:
                raise ValueError(
                    f"{self.name}: {other!r} and {label!r} are both called "
                    f"{plain!r}, so no prompt can tell them apart: rename one "
                    "or merge them"
                )
        for part, cuts in (("train", self.train), ("test", self.test)):
            there = {label_of(tags_of(cut)[0]) for cut in cuts}
            missing = [label for label in self.phrases if label not in there]
            if missing:
                raise ValueError(
                    f"{self.name}: no {part} clip of {', '.join(missing)}; "
                    "its audio is not there, or the fold is another"
                )

    @property
    def labels(self) -> tuple[str, ...]:
        """All classes, sorted."""
        return tuple(self.phrases)

    @property
    def halves(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Base and new classes: the first half, rounded up, and the rest."""
        return base_new(self.labels)


def load_class_set(
    dataset: str,
    corpus_dir: str | Path,
    output_folder: str | Path,
    *,
    fold: int = 1,
    num_jobs: int = 4,
) -> ClassSet:
    """One of the eleven corpora.

    Arguments
    ---------
    dataset : str
        One of `CLASS_SETS`.
    corpus_dir : str or Path
        Folder of the corpus as it was published, or with PALM's tables.
    output_folder : str or Path
        Gets the manifests; where they are, made of these very files, they
        are read instead of made.
    fold : int
        Fold to test on, 1 where the corpus has none.
    num_jobs : int
        Threads that read headers.

    Returns
    -------
    ClassSet
        The classes of which there are clips in the corpus's tables.

    Raises
    ------
    ValueError
        If there is no such dataset or fold, or a class is without clips.
    FileNotFoundError
        If the corpus is not there.

    Example
    -------
    >>> load_class_set("esc51", "corpora", "results")
    Traceback (most recent call last):
    ValueError: no dataset 'esc51': choose from beijing_opera, crema_d, \
esc50, esc50_actions, gtzan, ns_instruments, ravdess, sesa, tut2017, \
urbansound8k, vocalsound
    """
    if dataset not in CLASS_SETS:
        raise ValueError(
            f"no dataset {dataset!r}: choose from {', '.join(CLASS_SETS)}"
        )
    folder = Path(output_folder) / dataset
    about = {
        "dataset": dataset,
        "corpus_dir": state_of(corpus_dir, [output_folder]),
        "version": version("speechbrain-opensed"),
    }
    stamp = Stamp(folder / "made_from.json", about)
    manifest = f"{dataset.replace('_', '-')}_cuts_{{}}.jsonl.gz"
    table = folder / f"{dataset}.csv"
    if not stamp.fits():
        if stamp.read() is not None:
            logger.warning(
                f"{folder} was made from {stamp.difference()}: making it anew"
            )
        stamp.remove()
        module = dataset.removesuffix("_actions")
        (recipe,) = [one for one in DATASETS if one.module == module]
        options = {"actions": True} if module != dataset else {}
        made = recipe.function("prepare")(
            corpus_dir, folder, num_jobs=num_jobs, **options
        )
        files = [table, *(folder / manifest.format(part) for part in made)]
        stamp.write(files, parts=list(made))
    prepared = {
        part: {
            "cuts": CutSet.from_file(folder / manifest.format(part)).to_eager()
        }
        for part in (stamp.read() or {})["parts"]
    }
    phrases = Vocabulary.from_csv(table).phrases
    if not stamp.fits():
        raise ValueError(
            f"{folder} was made anew meanwhile, from {stamp.difference()}: "
            "give each corpus a folder of its own for manifests"
        )
    train, test = split_parts(prepared, fold)
    return ClassSet(dataset, phrases, train, test)


def split_parts(
    prepared: Mapping[str, Mapping], fold: int = 1
) -> tuple[CutSet, CutSet]:
    """The parts to learn from and to test on, however the corpus is split.

    Arguments
    ---------
    prepared : mapping
        What a prepare function returned: parts `fold1`, `fold2` ..., or
        `train_1`, `test_1` ... as in PALM's tables, or `train` and `test`.
    fold : int
        Fold to test on, 1 where there are none.

    Returns
    -------
    tuple of lhotse.CutSet
        Training and test clips.

    Raises
    ------
    ValueError
        If there is no such fold.

    Example
    -------
    >>> parts = {name: {"cuts": CutSet([])} for name in ("train", "test")}
    >>> split_parts(parts, fold=2)
    Traceback (most recent call last):
    ValueError: no fold 2: the parts are train, test
    """
    if f"fold{fold}" in prepared:
        return leave_out_fold(prepared, f"fold{fold}")
    for train, test in (
        (f"train_{fold}", f"test_{fold}"),
        *([("train", "test")] if fold == 1 else []),
    ):
        if train in prepared and test in prepared:
            return prepared[train]["cuts"], prepared[test]["cuts"]
    raise ValueError(
        f"no fold {fold}: the parts are {', '.join(prepared) or 'none'}"
    )


def bank_class_set(
    source: str | Path,
    output_folder: str | Path,
    audio_root: str | Path | None = None,
    *,
    vocabulary: str | Path | None = None,
    min_train: int = 1,
    min_test: int = 1,
    num_jobs: int = 4,
    folds: int | None = None,
    fold: int = 1,
) -> ClassSet:
    """Your own recordings of single sounds.

    Arguments
    ---------
    source : str or Path
        Folder `label/*.wav`, or csv with path, label, (split, group).
    output_folder : str or Path
        Gets manifests and reports.
    audio_root : str or Path, optional
        What the csv's paths are relative to.
    vocabulary : str or Path, optional
        Table label to phrase.
    min_train : int
        Classes with fewer recordings to learn from are left out.
    min_test : int
        Classes with fewer recordings to be tested on are left out.
    num_jobs : int
        Threads that read audio.
    folds, fold : int, optional
        For cross-validation, see `prepare_event_bank`.

    Returns
    -------
    ClassSet
        Each clip is the sounding part of a recording. Parts `train` and
        `valid` are learnt from.

    Raises
    ------
    ValueError, FileNotFoundError
        As `prepare_event_bank` does, or if fewer than two classes are left.

    Example
    -------
    >>> bank_class_set("nowhere", "results")
    Traceback (most recent call last):
    FileNotFoundError: nowhere: no such folder or csv table
    """
    prepared = prepare_event_bank(
        source,
        output_folder,
        audio_root=audio_root,
        vocabulary=vocabulary,
        num_jobs=num_jobs,
        folds=folds,
        fold=fold,
    )
    parts = {
        "train": [*prepared["train"]["cuts"], *prepared["valid"]["cuts"]],
        "test": [*prepared["test"]["cuts"]],
    }
    clips = {part: _tagged(cuts) for part, cuts in parts.items()}
    counts: dict[str, dict[str, int]] = {"train": {}, "test": {}}
    for part, cuts in clips.items():
        for cut in cuts:
            label = label_of(tags_of(cut)[0])
            counts[part][label] = counts[part].get(label, 0) + 1
    every = sorted({*counts["train"], *counts["test"]})
    labels = [
        label
        for label in every
        if counts["train"].get(label, 0) >= min_train
        and counts["test"].get(label, 0) >= min_test
    ]
    if len(labels) < len(every):
        left_out = ", ".join(x for x in every if x not in labels)
        logger.warning(
            f"{len(labels)} of {len(every)} classes have {min_train} "
            f"recordings to learn from and {min_test} to test; left out: "
            f"{left_out}"
        )
    if len(labels) < 2:
        raise ValueError(
            f"{source}: {len(labels)} classes with {min_train} recordings to "
            f"learn from and {min_test} to test; ask for fewer shots"
        )
    phrases = {
        label_of(one): one.text
        for cut in clips["train"]
        for one in tags_of(cut)
    }
    return ClassSet(
        Path(source).stem,
        {label: phrases[label] for label in labels},
        of_classes(clips["train"], labels),
        of_classes(clips["test"], labels),
    )


def procedural_class_set(
    output_folder: str | Path,
    phrases: Iterable[str],
    seed: int = 0,
    *,
    num_train: int = 16,
    num_test: int = 25,
) -> ClassSet:
    """Synthesised sounds, see `lhotse_recipes.soundscapes.ProceduralBank`.

    Arguments
    ---------
    output_folder : str or Path
        Gets the sounds.
    phrases : iterable of str
        The classes.
    seed : int
        Of the sounds.
    num_train : int
        Sounds of each class to learn from.
    num_test : int
        Sounds of each class to be tested on.

    Returns
    -------
    ClassSet
        No sound is in both parts.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> phrases = ["low steady tone", "high steady tone"]
    >>> tones = procedural_class_set(folder, phrases, num_train=1, num_test=1)
    >>> tones.labels, len(tones.train), len(tones.test)
    (('high steady tone', 'low steady tone'), 2, 2)
    """
    phrases = sorted(phrases)
    clips = {}
    for part, number, first in (
        ("train", num_train, 100_000),
        ("test", num_test, 200_000),
    ):
        # Far from the numbers of variants that mixtures are made of.
        written = ProceduralBank(seed=seed).write(
            Path(output_folder) / part,
            per_phrase=number,
            num_backgrounds=1,
            phrases=phrases,
            first_variant=first,
        )
        clips[part] = _tagged(written["events"])
    return ClassSet(
        "procedural",
        {phrase: phrase for phrase in phrases},
        clips["train"],
        clips["test"],
    )


def _tagged(cuts: Iterable[Cut]) -> CutSet:
    """Each cut's one event as a clip that is tagged with it."""
    clips = []
    for cut in cuts:
        (event,) = events_of(cut)
        clip = cut.truncate(
            offset=event.start, duration=event.duration, preserve_id=True
        )
        said = tag(
            event.recording_id, 0, clip.duration, event.text, label_of(event)
        )
        clips.append(fastcopy(clip, supervisions=[said]))
    return CutSet.from_cuts(clips)
