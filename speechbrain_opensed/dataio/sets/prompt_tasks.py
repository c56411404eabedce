"""What prompts are trained on and tested on, by protocol.

Protocols are those of CoOp (https://arxiv.org/abs/2109.01134), CoCoOp
(https://arxiv.org/abs/2203.05557) and of the papers after them.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lhotse import CutSet
from lhotse.cut import Cut

from lhotse_recipes.protocols import base_new, few_shot, of_classes
from lhotse_recipes.schema import label_of, tags_of
from speechbrain_opensed.dataio.sets.classes import ClassSet

__all__ = ["PROTOCOLS", "Exam", "PromptTask", "make_task"]

PROTOCOLS = (
    "zero_shot",
    "few_shot",
    "base_to_new",
    "cross_dataset",
    "tune",
)


@dataclass(frozen=True)
class Exam:
    """Clips, and the classes among which theirs is to be found.

    Arguments
    ---------
    labels : tuple of str
        The classes, sorted.
    phrases : tuple of str
        What each is called.
    cuts : tuple of lhotse.cut.Cut
        The clips.

    Example
    -------
    >>> Exam(("cat", "dog"), ("cat", "dog"), ()).targets
    []
    """

    labels: tuple[str, ...]
    phrases: tuple[str, ...]
    cuts: tuple[Cut, ...]

    @property
    def targets(self) -> list[int]:
        """The number of each clip's class."""
        number = {label: row for row, label in enumerate(self.labels)}
        return [number[label_of(tags_of(cut)[0])] for cut in self.cuts]


@dataclass(frozen=True)
class PromptTask:
    """One training of prompts and its tests.

    Arguments
    ---------
    protocol : str
        One of `PROTOCOLS`.
    train : Exam
        The shots; without clips where nothing is trained.
    shots : mapping from str to list of str
        Class to ids of its shots.
    exams : mapping from str to Exam
        What trained prompts are tested on: some of `base`, `new`, `joint`
        (all classes) and `target`.
    halves : mapping from str to Exam
        `base`, `new` and `joint`, for the model as it is.

    Example
    -------
    >>> nothing = Exam(("cat",), ("cat",), ())
    >>> PromptTask("zero_shot", nothing, {}, {}, {}).cuts
    []
    """

    protocol: str
    train: Exam
    shots: Mapping[str, Sequence[str]]
    exams: Mapping[str, Exam]
    halves: Mapping[str, Exam]

    @property
    def cuts(self) -> list[Cut]:
        """All clips, each once; a ValueError if two have one id."""
        exams = (self.train, *self.halves.values(), *self.exams.values())
        every: dict[str, Cut] = {}
        for cut in (cut for exam in exams for cut in exam.cuts):
            if every.setdefault(cut.id, cut) != cut:
                raise ValueError(
                    f"two clips have the id {cut.id!r}, one of each corpus: "
                    "rename the files of one"
                )
        return list(every.values())


def make_task(
    protocol: str,
    source: ClassSet,
    shots: int = 16,
    *,
    seed: int = 0,
    target: ClassSet | None = None,
    fewer: bool = False,
) -> PromptTask:
    """Chooses clips and classes.

    Arguments
    ---------
    protocol : str
        - `zero_shot`: nothing is trained;
        - `few_shot`: all classes are trained and tested;
        - `base_to_new`: the first half of the classes is trained; base among
          base, new among new, and all among all are tested;
        - `cross_dataset`: all classes are trained; they and those of
          `target` are tested;
        - `tune`: to choose hyperparameters, `base_to_new` within the base
          classes and their shots: the first half of these is trained with
          half of the shots, the rest of the shots is the test. Neither a
          new class nor a test clip is looked at.
    source : ClassSet
        What is trained on.
    shots : int
        Clips of each class.
    seed : int
        Of their draw.
    target : ClassSet, optional
        For `cross_dataset`.
    fewer : bool
        Whether classes with fewer clips than `shots` give those they have,
        instead of raising.

    Returns
    -------
    PromptTask
        The task.

    Raises
    ------
    ValueError
        If there is no such protocol, clips or classes are too few, or the
        target is missing or too much.

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
    >>> task = make_task("base_to_new", pets, shots=1)
    >>> {name: exam.labels for name, exam in task.exams.items()}
    {'base': ('cat', 'dog'), 'new': ('rain',), 'joint': ('cat', 'dog', 'rain')}
    >>> sorted(task.shots)
    ['cat', 'dog']
    """
    if protocol not in PROTOCOLS:
        raise ValueError(
            f"no protocol {protocol!r}: choose from {', '.join(PROTOCOLS)}"
        )
    if (target is not None) != (protocol == "cross_dataset"):
        raise ValueError(
            f"protocol {protocol} with{'' if target else 'out'} a target: "
            "cross_dataset needs one, and no other protocol has one"
        )

    def exam(labels, cuts, of=source):
        return Exam(
            labels,
            tuple(of.phrases[label] for label in labels),
            tuple(of_classes(cuts, labels)),
        )

    def halves_of(labels, cuts):
        base, new = base_new(labels)
        parts = {"base": base, "new": new, "joint": tuple(labels)}
        return {name: exam(part, cuts) for name, part in parts.items()}

    def draw(cuts, labels, number, seed):
        drawn = few_shot(of_classes(cuts, labels), number, seed, fewer)
        wanted = {name for ids in drawn.values() for name in ids}
        return drawn, CutSet.from_cuts(c for c in cuts if c.id in wanted)

    labels, pool, cuts = source.labels, source.train, source.test
    if protocol == "tune":
        labels, _ = source.halves
        if len(labels) < 2:
            raise ValueError(
                f"{source.name} has one base class, {labels[0]!r}, which "
                "cannot be divided again: tune on another dataset"
            )
        _, pool = draw(pool, labels, shots, seed)
        shots, seed = max(1, shots // 2), seed + 1
    learnt = labels
    if protocol in ("base_to_new", "tune"):
        learnt, _ = base_new(labels)
    chosen, train = {}, Exam((), (), ())
    if protocol != "zero_shot":
        chosen, clips = draw(pool, learnt, shots, seed)
        train = exam(learnt, clips)
    if protocol == "tune":
        spent = {cut.id for cut in train.cuts}
        cuts = CutSet.from_cuts(cut for cut in pool if cut.id not in spent)
    halves = halves_of(labels, cuts)
    tested: tuple[str, ...] = {
        "zero_shot": (),
        "few_shot": ("joint",),
        "base_to_new": ("base", "new", "joint"),
        "cross_dataset": ("joint",),
        "tune": ("base", "new", "joint"),
    }[protocol]
    exams = {name: halves[name] for name in tested}
    if target is not None:
        exams["target"] = exam(target.labels, target.test, target)
    return PromptTask(protocol, train, chosen, exams, halves)
