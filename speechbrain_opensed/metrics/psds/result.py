"""What a PSDS evaluation found, class by class.

Authors
 * The speechbrain-opensed contributors 2026
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lhotse_recipes.io import write_atomically
from speechbrain_opensed.metrics.psds.kernel import Curve, area, mean_curve

__all__ = ["PsdsResult"]


@dataclass(frozen=True)
class PsdsResult:
    """PSDS over all classes and of each, with the curves they come from.

    Arguments
    ---------
    psds : float
        Area below ``curve``, between 0 and 1.
    per_class : dict[str, float]
        Area below the curve of each class.
    curve : tuple[np.ndarray, np.ndarray]
        Effective true positive rate and false positives per hour.
    class_curves : dict[str, tuple[np.ndarray, np.ndarray]]
        True positive rate and false positives per hour of each class.
    num_events : dict[str, int]
        Events of each class.
    settings : dict
        What was evaluated, and how.
    skipped_classes : tuple[str, ...]
        Classes left out because they have no event.

    Example
    -------
    >>> curves = {
    ...     "dog": (np.array([0.5, 1.0]), np.array([0.0, 50.0])),
    ...     "cat": (np.array([0.25]), np.array([0.0])),
    ... }
    >>> settings = {"alpha_st": 0.0, "max_efpr": 100.0}
    >>> result = PsdsResult.from_curves(
    ...     curves, {"dog": 4, "cat": 4}, settings, ("bird",)
    ... )
    >>> result.psds, result.per_class, result.mean_per_class
    (0.5, {'dog': 0.75, 'cat': 0.25}, 0.5)
    >>> result.group(["cat", "bird"]).psds
    0.25
    """

    psds: float
    per_class: dict[str, float]
    curve: Curve
    class_curves: dict[str, Curve]
    num_events: dict[str, int]
    settings: dict[str, Any]
    skipped_classes: tuple[str, ...] = ()

    @classmethod
    def from_curves(
        cls,
        class_curves: dict[str, Curve],
        num_events: dict[str, int],
        settings: dict[str, Any],
        skipped_classes: Iterable[str] = (),
    ) -> "PsdsResult":
        """Join the curves of classes; `settings` holds alpha_st, max_efpr.

        Arguments
        ---------
        class_curves : dict[str, tuple[np.ndarray, np.ndarray]]
            See the class.
        num_events : dict[str, int]
            See the class.
        settings : dict
            See the class.
        skipped_classes : tuple[str, ...]
            See the class.

        Returns
        -------
        PsdsResult
        """
        true, rate = mean_curve(
            list(class_curves.values()), settings["alpha_st"]
        )
        limit = settings["max_efpr"]
        if limit is None:
            limit = rate[-1]
        else:
            true, rate = np.append(true, true[-1]), np.append(rate, limit)
        return cls(
            psds=area(true, rate, limit),
            per_class={
                label: area(*curve, limit)
                for label, curve in class_curves.items()
            },
            curve=(true, rate),
            class_curves=class_curves,
            num_events=num_events,
            settings=settings,
            skipped_classes=tuple(skipped_classes),
        )

    @property
    def mean_per_class(self) -> float:
        """Plain mean of the classes' own PSDS ("macro")."""
        return float(np.mean(list(self.per_class.values())))

    def group(self, classes: Iterable[str]) -> "PsdsResult":
        """The result over some of the classes, at no cost.

        Arguments
        ---------
        classes : Iterable[str]
            Labels that were evaluated or skipped.

        Returns
        -------
        PsdsResult

        Raises
        ------
        ValueError
            If a label is unknown, or none of them has an event.
        """
        wanted = set(classes)
        skipped = tuple(c for c in self.skipped_classes if c in wanted)
        unknown = wanted - self.per_class.keys() - set(skipped)
        if unknown:
            raise ValueError(
                f"{len(unknown)} classes were not evaluated, such as "
                f"{min(unknown)!r}: group those given to compute_psds"
            )
        curves = {c: v for c, v in self.class_curves.items() if c in wanted}
        if not curves:
            raise ValueError(
                f"none of the {len(wanted)} classes of this group has an event"
            )
        return PsdsResult.from_curves(
            curves,
            {label: self.num_events[label] for label in curves},
            self.settings,
            skipped,
        )

    def save(self, path: str | Path) -> None:
        """Store all curves and settings in one `.npz` file.

        Arguments
        ---------
        path : str | Path
            The file; it appears whole or not at all.
        """
        curves = list(self.class_curves.values())
        about = {
            "psds": self.psds,
            "per_class": self.per_class,
            "num_events": self.num_events,
            "settings": self.settings,
            "skipped_classes": self.skipped_classes,
            "corners": [len(true) for true, _ in curves],
        }
        with write_atomically(path, "wb") as file:
            np.savez_compressed(
                file,
                about=np.array(json.dumps(about)),
                curve=np.stack(self.curve),
                class_curves=np.concatenate(
                    list(map(np.stack, curves)), axis=1
                ),
            )

    @classmethod
    def load(cls, path: str | Path) -> "PsdsResult":
        """Read what :meth:`save` wrote.

        Arguments
        ---------
        path : str | Path
            The file.

        Returns
        -------
        PsdsResult

        Raises
        ------
        ValueError
            If the file holds something else.
        """
        with np.load(path, allow_pickle=False) as file:
            missing = {"about", "curve", "class_curves"} - set(file.files)
            if missing:
                raise ValueError(
                    f"{path} is no PSDS result: {sorted(missing)} missing"
                )
            about = json.loads(str(file["about"]))
            curve = tuple(file["curve"])
            joined = file["class_curves"]
        ends = np.cumsum(about.pop("corners"))
        parts = np.split(joined, ends[:-1], axis=1)
        about["skipped_classes"] = tuple(about["skipped_classes"])
        return cls(
            curve=curve,
            class_curves=dict(
                zip(about["per_class"], map(tuple, parts), strict=True)
            ),
            **about,
        )

    def __str__(self) -> str:
        protocol = ", ".join(f"{k} {v}" for k, v in self.settings.items())
        left_out = len(self.skipped_classes)
        return (
            f"PSDS {self.psds:.4f}, mean of the classes' own "
            f"{self.mean_per_class:.4f}, over {len(self.per_class)} classes"
            + (f" ({left_out} without events left out)" if left_out else "")
            + f"; {protocol}"
        )
