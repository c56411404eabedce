"""Which recordings are learnt from and which are tested, class by class.

What was cut from one original is a group, and stays in one part. Every class
is divided by itself, so that small banks have something to test of each.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

__all__ = ["fold_parts", "split_of_group", "stratified_parts"]


def stratified_parts(
    labels_of: Mapping[str, Sequence[str]],
    shares: Mapping[str, float],
    seed: int,
) -> dict[str, str]:
    """
    Give each group a part, so that each class has its shares of all parts.

    Classes with the fewest groups come first; a group goes where its class
    lacks most, in doubt to a part that has nothing of it, and then to the last
    one. The order within a class is drawn by the seed. Other recordings of a
    class may move some of it, those of other classes only what shares a group.

    :param labels_of: group → the labels of its recordings.
    :param shares: part → share; shares sum to 1.
    :param seed: another seed, another assignment.
    :return: group → part.

    >>> bank = {
    ...     f"{name}-{k}": [name] for name in ("dog", "cat") for k in "abcde"
    ... }
    >>> parts = stratified_parts(bank, {"train": 0.6, "test": 0.4}, seed=0)
    >>> sum(parts[f"cat-{k}"] == "test" for k in "abcde")
    2
    """
    counts = {group: Counter(labels) for group, labels in labels_of.items()}
    total: Counter = Counter()
    groups: Counter = Counter()
    for of_group in counts.values():
        total.update(of_group)
        groups.update(of_group.keys())
    have = {part: Counter[str]() for part in shares}
    order = list(shares)
    found: dict[str, str] = {}
    for label in sorted(total, key=lambda label: (groups[label], label)):
        open_groups = [
            group
            for group, of_group in counts.items()
            if label in of_group and group not in found
        ]

        def lack(part: str, label: str = label) -> tuple[float, bool, int]:
            missing = shares[part] * total[label] - have[part][label]
            empty = have[part][label] == 0 and shares[part] > 0
            return round(missing, 6), empty, order.index(part)

        for group in sorted(open_groups, key=lambda g: _draw(g, seed)):
            found[group] = max(shares, key=lack)
            have[found[group]].update(counts[group])
    return found


def fold_parts(
    labels_of: Mapping[str, Sequence[str]], folds: int, fold: int, seed: int
) -> dict[str, str]:
    """
    One division of a cross-validation: a fold to test, the next to validate.

    :param labels_of: group → the labels of its recordings.
    :param folds: how many, at least 3.
    :param fold: the one to test on, from 1.
    :param seed: another seed, other folds.
    :return: group → ``"train"``, ``"valid"`` or ``"test"``.
    :raises ValueError: there is no such fold, or nothing to fill it.

    >>> bank = {f"dog-{k}": ["dog"] for k in "abcde"}
    >>> tested = [fold_parts(bank, 5, k, seed=0) for k in range(1, 6)]
    >>> sorted(g for parts in tested for g in parts if parts[g] == "test")
    ['dog-a', 'dog-b', 'dog-c', 'dog-d', 'dog-e']
    """
    if folds < 3:
        raise ValueError(
            f"{folds} folds: one tests, one validates and the rest trains, so "
            "3 or more are needed"
        )
    if not 1 <= fold <= folds:
        raise ValueError(f"there is no fold {fold}: choose from 1 to {folds}")
    shares = {str(number): 1 / folds for number in range(1, folds + 1)}
    role = {str(fold): "test", str(fold % folds + 1): "valid"}
    divided = stratified_parts(labels_of, shares, seed)
    if empty := [one for one in shares if one not in divided.values()]:
        raise ValueError(
            f"{folds} folds of {len(labels_of)} groups of recordings leave "
            f"{len(empty)} folds without any: choose at most as many as the "
            "largest class has"
        )
    return {group: role.get(one, "train") for group, one in divided.items()}


def split_of_group(group: str, splits: Mapping[str, float], seed: int) -> str:
    """
    The part a group belongs to, by hash: the same whatever else is there.

    :param group: name of the group.
    :param splits: part → share; shares sum to 1.
    :param seed: another seed, another assignment.
    :return: the part.

    >>> split_of_group("yard-7", {"train": 0.8, "test": 0.2}, seed=0)
    'train'
    """
    position = int.from_bytes(_draw(group, seed)[:8], "big") / 2**64
    for part, share in splits.items():
        position -= share
        if position < 0:
            return part
    return [part for part, share in splits.items() if share > 0][-1]


def _draw(group: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\n{group}".encode()).digest()
