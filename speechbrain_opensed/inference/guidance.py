"""Guidance by text and style as a weighted sum of predictions.

Paper of guidance: https://arxiv.org/abs/2207.12598; of its two-condition
form: https://arxiv.org/abs/2211.09800, equation 3.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping

from torch import Tensor

__all__ = ["GUIDANCE", "combine", "guidance_weights"]

GUIDANCE = ("dual", "joint", "authors")


def guidance_weights(
    mode: str,
    text_scale: float = 3.0,
    style_scale: float = 1.5,
    styled: bool = True,
) -> dict[tuple[bool, bool], float]:
    """Which predictions guidance needs, and their weights.

    With e(text, style) as a prediction with or without each condition, s as
    the scale of the text and r as that of the style,

    - `dual` is e(0, 0) + s (e(1, 0) - e(0, 0)) + r (e(1, 1) - e(1, 0));
    - `joint` is e(0, 0) + s (e(1, 1) - e(0, 0));
    - `authors`, as in the code of https://arxiv.org/abs/2409.09381, is
      e(0, 1) + s (e(1, 1) - e(0, 1)): it cannot strengthen the style.

    Arguments
    ---------
    mode : str
        `dual`, `joint` or `authors`.
    text_scale : float
        s; 1 goes by the text alone, 0 ignores it.
    style_scale : float
        r, for `dual`.
    styled : bool
        Whether there is a style at all. Without one e(., 1) is e(., 0).

    Returns
    -------
    dict of (bool, bool) to float
        Weight of the prediction with (text, style). They sum to 1;
        predictions of weight 0 are left out, so that they cost nothing.

    Raises
    ------
    ValueError
        If the mode is unknown or a scale is not finite.

    Example
    -------
    >>> guidance_weights("dual", 3.0, 2.0)
    {(False, False): -2.0, (True, False): 1.0, (True, True): 2.0}
    >>> guidance_weights("joint", 3.0)
    {(False, False): -2.0, (True, True): 3.0}
    >>> guidance_weights("dual", 1.0, 1.0)
    {(True, True): 1.0}
    """
    if mode not in GUIDANCE:
        raise ValueError(
            f"guidance {mode!r}: choose from {', '.join(GUIDANCE)}"
        )
    for name, scale in (("text", text_scale), ("style", style_scale)):
        if not abs(scale) < float("inf"):
            raise ValueError(
                f"guidance by {name} of {scale}: give a finite number, "
                "such as 3"
            )
    s, r = float(text_scale), float(style_scale)
    if not styled:
        weights = {(False, False): 1 - s, (True, False): s}
    elif mode == "dual":
        weights = {
            (False, False): 1 - s,
            (True, False): s - r,
            (True, True): r,
        }
    elif mode == "joint":
        weights = {(False, False): 1 - s, (True, True): s}
    else:
        weights = {(False, True): 1 - s, (True, True): s}
    return {key: weight for key, weight in weights.items() if weight}


def combine(
    predictions: Mapping[tuple[bool, bool], Tensor],
    weights: Mapping[tuple[bool, bool], float],
) -> Tensor:
    """Weighted sum of the predictions.

    Arguments
    ---------
    predictions : mapping of (bool, bool) to torch.Tensor
        With (text, style), all of one shape.
    weights : mapping of (bool, bool) to float
        From :func:`guidance_weights`.

    Returns
    -------
    torch.Tensor
        Shaped as each prediction.

    Example
    -------
    >>> import torch
    >>> predictions = {
    ...     (False, False): torch.zeros(1),
    ...     (True, True): torch.ones(1),
    ... }
    >>> combine(predictions, guidance_weights("joint", 3.0))
    tensor([3.])
    """
    return sum(weight * predictions[key] for key, weight in weights.items())
