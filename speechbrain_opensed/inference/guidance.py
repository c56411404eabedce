"""Guidance by text and style as a weighted sum of predictions.

Paper of guidance: https://arxiv.org/abs/2207.12598; of its two-condition
form: https://arxiv.org/abs/2211.09800, equation 3.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

__all__ = ["GUIDANCE", "combine", "guidance_weights", "guided_predictor"]

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
    >>> predictions = {
    ...     (False, False): torch.zeros(1),
    ...     (True, True): torch.ones(1),
    ... }
    >>> combine(predictions, guidance_weights("joint", 3.0))
    tensor([3.])
    """
    return sum(weight * predictions[key] for key, weight in weights.items())


def guided_predictor(
    unet: nn.Module,
    adapter: nn.Module,
    text: tuple[Tensor, Tensor],
    style: Tensor | None,
    weights: Mapping[tuple[bool, bool], float],
    strength: float = 1.0,
) -> Callable[[Tensor, Tensor], Tensor]:
    """A U-Net under guidance, as one function of latents and time.

    All predictions that the weights name are computed in one batch.

    Arguments
    ---------
    unet : nn.Module
        A `diffusers.UNet2DConditionModel`.
    adapter : nn.Module
        The :class:`~speechbrain_opensed.lobes.style.adapter.StyleAdapter`
        on it.
    text : tuple of torch.Tensor
        States `[2 * batch, tokens, dim]`, first those of the texts and then
        those of as many empty texts, and which tokens count, bool
        `[2 * batch, tokens]`.
    style : torch.Tensor or None
        `[batch, style_dim]`.
    weights : mapping of (bool, bool) to float
        From :func:`guidance_weights`.
    strength : float
        Of the style.

    Returns
    -------
    callable
        From latents `[batch, channels, columns, bins]` and a time step to
        the guided prediction.

    Example
    -------
    >>> from contextlib import contextmanager
    >>> from types import SimpleNamespace
    >>> class UNet(nn.Module):
    ...     def forward(self, z, time, states, encoder_attention_mask):
    ...         return SimpleNamespace(sample=z * states[:, :, None, :1])
    >>> class Adapter(nn.Module):
    ...     @contextmanager
    ...     def styled(self, style, keep, strength):
    ...         yield
    >>> text = torch.tensor([[[1.0]], [[0.0]]]), torch.ones(2, 1) > 0
    >>> weights = guidance_weights("dual", 3.0, styled=False)
    >>> predict = guided_predictor(UNet(), Adapter(), text, None, weights)
    >>> predict(torch.ones(1, 1, 1, 1), torch.tensor(5)).item()
    3.0
    """
    states, mask = (part.chunk(2) for part in text)
    states = torch.cat([states[not on] for on, _ in weights])
    mask = torch.cat([mask[not on] for on, _ in weights])
    keep = None
    if style is not None:
        keep = torch.tensor([on for _, on in weights], device=style.device)
        keep = keep.repeat_interleave(len(style))
        style = style.repeat(len(weights), 1)

    def predict(z, time):
        with adapter.styled(style, keep, strength):
            out = unet(
                z.repeat(len(weights), 1, 1, 1),
                time,
                states,
                encoder_attention_mask=mask,
            ).sample
        parts = out.float().chunk(len(weights))
        return combine(dict(zip(weights, parts, strict=True)), weights)

    return predict
