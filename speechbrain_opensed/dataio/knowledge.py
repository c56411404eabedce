"""What an annotation says about sounds that are not in it.

Only what somebody listened for and did not find is absent.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from lhotse.cut import Cut

__all__ = ["KnownAbsent"]


class KnownAbsent:
    """Mask of the names that were listened for in a cut.

    What of these is in the cut is for the caller to take out.

    Arguments
    ---------
    mask : callable
        From labels to a bool mask of the names they stand for.
    annotated : mapping of str to iterable of str, optional
        Vocabulary to the labels that its annotators listened for; default:
        complete annotations are of all names.

    Example
    -------
    >>> from lhotse.testing.dummies import dummy_cut
    >>> names = ["Bark", "Car", "Rain"]
    >>> absent = KnownAbsent(
    ...     lambda labels: np.isin(names, list(labels)),
    ...     {"street": ["Bark", "Car"]},
    ... )
    >>> cut = dummy_cut(0)
    >>> cut.events_complete, cut.vocabulary = True, "street"
    >>> absent(cut).tolist()
    [True, True, False]
    """

    def __init__(
        self,
        mask: Callable[[Iterable[str]], np.ndarray],
        annotated: Mapping[str, Iterable[str]] | None = None,
    ):
        self.mask = mask
        self.annotated = None
        if annotated is not None:
            self.annotated = {
                name: mask(labels) for name, labels in annotated.items()
            }

    def __call__(self, cut: Cut) -> np.ndarray:
        """The mask, bool `[names]`, new each time.

        Arguments
        ---------
        cut : lhotse.cut.Cut
            With `events_complete`; where that is False, what its `negatives`
            list is known.

        Returns
        -------
        np.ndarray
            bool `[names]`.

        Raises
        ------
        ValueError
            If the cut does not say whether its events are complete, or its
            vocabulary is not known.
        """
        if not cut.has_custom("events_complete"):
            raise ValueError(
                f"cut {cut.id} does not say whether its events are complete: "
                "set custom['events_complete'] (lhotse_recipes.schema."
                "make_cuts does), True if what is not annotated is absent"
            )
        if not cut.events_complete:
            listed = cut.negatives if cut.has_custom("negatives") else ()
            return self.mask(listed)
        if self.annotated is None:
            return ~self.mask(())
        name = cut.vocabulary if cut.has_custom("vocabulary") else None
        if name not in self.annotated:
            raise ValueError(
                f"cut {cut.id} was annotated with the vocabulary {name!r}, "
                f"which is not among {', '.join(sorted(self.annotated))}: "
                "add its labels to `annotated`"
            )
        return self.annotated[name].copy()
