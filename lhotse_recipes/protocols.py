"""Splits of tagged clips that experiments share: folds, halves, few shots.

The halves are those of CoOp (Zhou et al., IJCV 2022) and of the papers after
it: of the sorted classes the first half, rounded up, is *base*, the rest *new*.
"""

import hashlib
import json
import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lhotse import CutSet
from lhotse.cut import Cut

from lhotse_recipes.io import write_atomically
from lhotse_recipes.json_files import read_json
from lhotse_recipes.schema import label_of, tags_of

__all__ = [
    "base_new",
    "check_halves",
    "few_shot",
    "leave_out_fold",
    "of_classes",
    "read_ids",
    "save_ids",
]


def base_new(
    labels: Iterable[str],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """
    Divide classes into those to learn from and those to generalise to.

    :param labels: two or more classes, in any order.
    :return: base and new classes, each sorted as Python sorts (capitals
        first).
    :raises ValueError: fewer than two classes, or two that differ in case,
        hyphens and underscores alone.

    >>> base_new(["rain", "dog", "cat"])
    (('cat', 'dog'), ('rain',))
    """
    names = sorted(set(labels))
    if len(names) < 2:
        raise ValueError(f"{names}: two classes at least can be divided")
    half = math.ceil(len(names) / 2)
    check_halves(names, ())
    return tuple(names[:half]), tuple(names[half:])


def check_halves(base: Iterable[str], new: Iterable[str]) -> None:
    """
    See that no class occurs twice, be it in one of the halves or in both.

    :param base: classes to learn from.
    :param new: classes that must not be learnt.
    :raises ValueError: two names that differ in case, hyphens, underscores
        and spaces alone, in one list or across both.

    >>> check_halves(["dog bark", "cat"], ["Dog_bark"])
    Traceback (most recent call last):
    ...
    ValueError: the new class 'Dog_bark' is the base class 'dog bark'; \
remove it from one of the lists
    """
    seen: dict[str, tuple[str, str]] = {}
    for half, names in (("base", base), ("new", new)):
        for name in names:
            key = " ".join(re.split(r"[\s_-]+", name.strip().casefold()))
            if key not in seen:
                seen[key] = (half, name)
                continue
            other_half, other = seen[key]
            if other_half != half:
                raise ValueError(
                    f"the new class {name!r} is the base class {other!r}; "
                    "remove it from one of the lists"
                )
            raise ValueError(
                f"the classes {other!r} and {name!r} have the same name; "
                "keep one, or rename it"
            )


def of_classes(cuts: Iterable[Cut], labels: Collection[str]) -> CutSet:
    """
    The clips of some classes.

    :param cuts: clips with one tag each.
    :param labels: the classes.
    :return: their clips, in the same order.
    :raises ValueError: a class without any clip, or a clip with more or fewer
        tags than one.
    """
    wanted = set(labels)
    chosen = [(_class_of(cut), cut) for cut in cuts]
    missing = wanted - {label for label, _ in chosen}
    if missing:
        raise ValueError(f"no clip of {', '.join(sorted(missing))} is there")
    return CutSet.from_cuts(cut for label, cut in chosen if label in wanted)


def few_shot(
    cuts: Iterable[Cut],
    shots: int,
    seed: int,
    fewer: bool = False,
) -> dict[str, list[str]]:
    """
    Draw a few clips of each class.

    The draw of a class depends on its clips' ids and the seed alone: neither
    the order of the clips nor other classes change it, and more shots add to
    fewer.

    :param cuts: clips with one tag each.
    :param shots: clips to draw from each class.
    :param seed: of the draw.
    :param fewer: take all clips of a class that has less than ``shots``
        instead of raising.
    :return: class → ids, both sorted.
    :raises ValueError: a class with too few clips, an id that occurs twice, or
        a clip with more or fewer tags than one.

    >>> from lhotse.testing.dummies import dummy_cut
    >>> from lhotse_recipes.schema import tag
    >>> cuts = [
    ...     dummy_cut(k, supervisions=[tag(f"{k}", 0, 1.0, "a dog", "dog")])
    ...     for k in range(5)
    ... ]
    >>> few_shot(cuts, shots=2, seed=0)
    {'dog': ['dummy-mono-cut-0000', 'dummy-mono-cut-0001']}
    """
    if shots < 1:
        raise ValueError(f"shots {shots} must be at least 1")
    ids: dict[str, list[str]] = {}
    for cut in cuts:
        ids.setdefault(_class_of(cut), []).append(cut.id)
    short = {k: len(v) for k, v in ids.items() if len(v) < shots}
    if short and not fewer:
        listed = ", ".join(f"{name} ({short[name]})" for name in sorted(short))
        raise ValueError(
            f"fewer than {shots} clips of {listed}; ask for fewer shots, or "
            "pass fewer=True"
        )
    drawn = {}
    for label in sorted(ids):
        if len(set(ids[label])) < len(ids[label]):
            twice = min(k for k in ids[label] if ids[label].count(k) > 1)
            raise ValueError(
                f"the clip {twice} of {label} occurs more than once and could "
                "be drawn twice; keep one of each id"
            )
        digest = hashlib.sha256(f"{seed}\n{label}".encode()).digest()
        rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        names = sorted(ids[label])
        order = rng.permutation(len(names))[:shots]
        drawn[label] = sorted(names[k] for k in order)
    return drawn


def save_ids(
    path: str | Path, ids: Mapping[str, Sequence[str]], **about: Any
) -> None:
    """
    Store which clips were drawn.

    :param path: json file.
    :param ids: class → ids, as :func:`few_shot` gives them.
    :param about: what else to store, such as seed and shots.
    """
    with write_atomically(path) as file:
        json.dump({**about, "ids": ids}, file, indent=1, ensure_ascii=False)
        file.write("\n")


def read_ids(path: str | Path) -> list[str]:
    """
    The ids in a file of :func:`save_ids`, for ``cuts.subset(cut_ids=...)``.

    :param path: json file.
    :return: the ids of all classes.
    :raises ValueError: the file is none of :func:`save_ids`.
    """
    try:
        classes = read_json(path, dict)["ids"]
        return [str(name) for ids in classes.values() for name in ids]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path}: no list of ids ({error!r}); write it by save_ids"
        ) from error


def leave_out_fold(
    prepared: Mapping[str, Mapping[str, Any]], test: str
) -> tuple[CutSet, CutSet]:
    """
    One fold for testing, all others for training.

    :param prepared: what a prepare function with folds returned.
    :param test: name of the fold to test on, such as ``"fold1"``.
    :return: training and test cuts.
    :raises ValueError: there is no such fold.
    """
    folds = [part for part in prepared if part.startswith("fold")]
    if test not in folds:
        raise ValueError(
            f"no fold {test!r}; there are {', '.join(folds) or 'no folds'}"
        )
    train = (
        c for part in folds if part != test for c in prepared[part]["cuts"]
    )
    return CutSet.from_cuts(train), prepared[test]["cuts"]


def _class_of(cut: Cut) -> str:
    tags = tags_of(cut)
    if len(tags) != 1:
        raise ValueError(
            f"cut {cut.id} has {len(tags)} tags; this is for clips of one class"
        )
    return label_of(tags[0])
