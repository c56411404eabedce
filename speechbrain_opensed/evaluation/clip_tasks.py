"""Tasks on whole clips: retrieval and zero-shot classification.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Iterable, Mapping

from lhotse.cut import Cut

from lhotse_recipes.schema import captions_of, label_of, tags_of
from speechbrain_opensed.evaluation.tasks import (
    AlignmentTask,
    distinct_cuts,
    name_classes,
)
from speechbrain_opensed.metrics.classification import ClassificationStats
from speechbrain_opensed.metrics.retrieval import RetrievalStats

__all__ = ["ClassificationTask", "RetrievalTask"]


class RetrievalTask(AlignmentTask):
    """Find the clip of a caption, and the captions of a clip.

    Arguments
    ---------
    cuts : iterable of lhotse.cut.Cut
        Cuts with captions, any number to each; others do not take part.

    Raises
    ------
    ValueError
        If there is no caption, or ids occur twice.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from lhotse_recipes.schema import caption
    >>> said = [
    ...     caption("r", 0, 1.0, "Rain."),
    ...     caption("r", 1, 1.0, "It rains."),
    ... ]
    >>> RetrievalTask([dummy_cut(0, supervisions=said)]).texts
    ['Rain.', 'It rains.']
    """

    stats: RetrievalStats

    def __init__(self, cuts: Iterable[Cut]):
        self.captions, durations = {}, {}
        for cut in distinct_cuts(cuts):
            texts = [one.text for one in captions_of(cut) if one.text.strip()]
            if texts:
                self.captions[cut.id] = texts
                durations[cut.id] = cut.duration
        every = (text for of_clip in self.captions.values() for text in of_clip)
        super().__init__(every, durations)
        self.refuse_nothing("a caption")
        self.stats = RetrievalStats()

    def _append(self, ids, clips, frames):
        captions = [self.captions[clip] for clip in ids]
        texts = [text for of_clip in captions for text in of_clip]
        counts = [len(of_clip) for of_clip in captions]
        self.stats.append(ids, clips, self.embedded(texts), counts)


class ClassificationTask(AlignmentTask):
    """Name the class of a clip, without having learnt the classes.

    Arguments
    ---------
    cuts : iterable of lhotse.cut.Cut
        Cuts with tags, one or several to each; others do not take part. The
        classes are the tags that occur.
    template : str
        What is asked; `{}` becomes the class.
    phrases : mapping of label to str, optional
        How classes are called; default: their labels, underscores as spaces.

    Raises
    ------
    ValueError
        If there is no tag, ids occur twice, or a class has no phrase.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> from lhotse_recipes.schema import tag
    >>> horn = tag("r", 0, 1.0, "car horn", "car_horn")
    >>> ClassificationTask([dummy_cut(0, supervisions=[horn])]).texts
    ['The sound of car horn']
    """

    stats: ClassificationStats

    def __init__(
        self,
        cuts: Iterable[Cut],
        template: str = "The sound of {}",
        phrases: Mapping[str, str] | None = None,
    ):
        if template.count("{}") != 1:
            raise ValueError(
                f"template {template!r}: write {{}} once, where the class goes"
            )
        self.labels, durations = {}, {}
        for cut in distinct_cuts(cuts):
            labels = list(dict.fromkeys(label_of(one) for one in tags_of(cut)))
            if labels:
                self.labels[cut.id] = labels
                durations[cut.id] = cut.duration
        classes = sorted({c for labels in self.labels.values() for c in labels})
        words = name_classes(
            classes, phrases, lambda label: label.replace("_", " ")
        )
        self.prompts = [template.replace("{}", word) for word in words]
        super().__init__(self.prompts, durations)
        self.refuse_nothing("a tag")
        self.stats = ClassificationStats(classes)

    def _append(self, ids, clips, frames):
        logits = self.model.clip_logits(clips, self.embedded(self.prompts))
        self.stats.append(ids, logits, [self.labels[clip] for clip in ids])

    def details(self) -> dict:
        """Prompts, and the numbers of each class."""
        return {"prompts": self.prompts, "per_class": self.stats.per_class}
