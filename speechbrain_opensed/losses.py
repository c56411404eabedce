"""Training objectives, as pure functions.

Authors
 * The speechbrain-opensed contributors 2026
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from speechbrain_opensed.distributed import gather_rows, total, world_size

__all__ = [
    "clip_sigmoid_loss",
    "detection_loss",
    "dice_loss",
    "frame_sigmoid_loss",
    "info_nce_loss",
    "min_snr_weights",
    "semantic_expansion_loss",
    "velocity_loss",
]


def detection_loss(
    logits: Tensor, targets: Tensor, mask: Tensor, dice_weight: float = 0.0
) -> Tensor:
    """Binary cross-entropy over all (clip, query, frame) that are known.

    FlexSED (https://arxiv.org/abs/2509.18606), section 2. The Dice term is
    not in the paper.

    Arguments
    ---------
    logits, targets : torch.Tensor
        `[batch, queries, frames]`, targets 0 or 1.
    mask : torch.Tensor
        What counts, bool `[batch, queries, frames]`.
    dice_weight : float
        How much of :func:`dice_loss` is added.

    Returns
    -------
    torch.Tensor
        The mean over what counts; 0 where nothing does.

    Example
    -------
    >>> import torch
    >>> logits, targets = torch.zeros(1, 1, 4), torch.ones(1, 1, 4)
    >>> mask = torch.tensor([[[True, True, False, False]]])
    >>> round(detection_loss(logits, targets, mask).item(), 4)
    0.6931
    """
    logits = logits.float()
    loss = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    loss = (loss * mask).sum() / mask.sum().clamp(min=1)
    if dice_weight:
        loss = loss + dice_weight * dice_loss(logits, targets, mask)
    return loss


def dice_loss(logits: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """How far tracks are from covering the events of their query, no more.

    One minus the soft Dice coefficient (V-Net,
    https://arxiv.org/abs/1606.04797, section 3, here without squares) of
    each track whose query is heard in the clip. Cross-entropy has a model
    that is unsure give low scores, which one threshold for all clips cuts to
    pieces; overlap asks for scores near 1 from onset to offset all the same.

    Arguments
    ---------
    logits, targets, mask : torch.Tensor
        As for :func:`detection_loss`, `[batch, queries, frames]`.

    Returns
    -------
    torch.Tensor
        The mean over tracks with events, from 0 (perfect) to 1; 0 where no
        track has any.

    Example
    -------
    >>> import torch
    >>> targets = torch.tensor([[[0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]]])
    >>> mask = torch.ones(1, 2, 4, dtype=torch.bool)
    >>> dice_loss(100 * (targets - 0.5), targets, mask).item()
    0.0
    """
    targets = targets * mask
    scores = logits.float().sigmoid() * mask
    events = targets.sum(-1)
    # The frame more on both sides makes very short events weigh less.
    overlap = 2 * (scores * targets).sum(-1) + 1
    distance = 1 - overlap / (scores.sum(-1) + events + 1)
    heard = events > 0
    return (distance * heard).sum() / heard.sum().clamp(min=1)


def frame_sigmoid_loss(
    logits: Tensor, targets: Tensor, mask: Tensor | None = None
) -> Tensor:
    """Binary cross-entropy of (clip, phrase, frame), for any share of clips.

    FineLAP (https://arxiv.org/abs/2604.01155), section 3. It is computed
    from logits: in sigmoid outputs the gradient of a confident error is
    lost. In distributed training all processes divide by the number of what
    counts anywhere, so that each clip weighs the same wherever it is.

    Arguments
    ---------
    logits : torch.Tensor
        `[batch, phrases, frames]`.
    targets : torch.Tensor
        0 or 1, `[batch, phrases, frames]`.
    mask : torch.Tensor, optional
        What counts, bool `[batch, phrases, frames]`; False for clips whose
        events are not known. Default: all.

    Returns
    -------
    torch.Tensor
        The mean over what counts; 0, with gradients of 0, where nothing
        does. In distributed training it is the mean over the processes that
        has this meaning.

    Example
    -------
    >>> logits = torch.tensor([[[0.0, -60.0]]], requires_grad=True)
    >>> frame_sigmoid_loss(logits, torch.tensor([[[0.0, 1.0]]])).backward()
    >>> logits.grad.tolist()
    [[[0.25, -0.5]]]
    """
    loss = F.binary_cross_entropy_with_logits(
        logits.float(), targets.float(), reduction="none"
    )
    if mask is None:
        mask = torch.ones_like(loss)
    count = total(mask.sum().double())
    return (loss * mask).sum() * (world_size() / count.clamp(min=1)).float()


def clip_sigmoid_loss(
    clip: Tensor, text: Tensor, temperature: Tensor, bias: Tensor
) -> Tensor:
    """Each pair of clip and text judged by itself, right or wrong.

    SigLIP (https://arxiv.org/abs/2303.15343), equation 1. In distributed
    training each process judges its clips against the texts of all, and the
    gradients are those of one process with the joined batch.

    Arguments
    ---------
    clip, text : torch.Tensor
        Those of the same clip in each row, `[batch, dim]`, of norm 1.
    temperature : torch.Tensor
        What cosines are divided by.
    bias : torch.Tensor
        What is added then.

    Returns
    -------
    torch.Tensor
        The sum over all pairs over the number of clips. In distributed
        training it is the mean over the processes that has this meaning.

    Raises
    ------
    ValueError
        If there are not as many texts as clips.

    Example
    -------
    >>> clip, text = torch.eye(2), torch.eye(2)
    >>> loss = clip_sigmoid_loss(clip, text, torch.tensor(0.1), -5.0)
    >>> round(loss.item(), 4)
    0.0134
    """
    _check_pairs(clip, text)
    texts, first = gather_rows(text.float())
    logits = clip.float() @ texts.T / temperature + bias
    sign = -torch.ones_like(logits)
    sign.diagonal(first).fill_(1.0)
    loss = -F.logsigmoid(sign * logits).sum()
    return loss * world_size() / max(1, len(texts))


def info_nce_loss(
    clip: Tensor, text: Tensor, temperature: Tensor, bias: Tensor = 0.0
) -> Tensor:
    """Finds each clip's text among all, and each text's clip.

    The mean of the cross-entropies of both directions
    (https://arxiv.org/abs/2103.00020), over the logits of
    :func:`clip_sigmoid_loss`.

    Arguments
    ---------
    clip, text : torch.Tensor
        Those of the same clip in each row, `[batch, dim]`, of norm 1.
    temperature : torch.Tensor
        What cosines are divided by.
    bias : torch.Tensor
        What is added then; it has no effect and gets a gradient of 0.

    Returns
    -------
    torch.Tensor
        The loss. In distributed training it is the mean over the processes
        that is the joined batch's.

    Raises
    ------
    ValueError
        If there are not as many texts as clips.

    Example
    -------
    >>> clip, text = torch.eye(2), torch.eye(2)
    >>> round(info_nce_loss(clip, text, torch.tensor(1.0)).item(), 4)
    0.3133
    """
    _check_pairs(clip, text)
    clip, text = clip.float(), text.float()
    texts, first = gather_rows(text)
    clips, _ = gather_rows(clip)
    right = torch.arange(first, first + len(clip), device=clip.device)
    loss = sum(
        F.cross_entropy(
            mine @ others.T / temperature + bias, right, reduction="sum"
        )
        for mine, others in ((clip, texts), (text, clips))
    )
    return loss / 2 * world_size() / max(1, len(texts))


def semantic_expansion_loss(
    class_embeds: Tensor,
    neighbor_embeds: Tensor,
    margins: Tensor | None,
    intra: bool = True,
    inter: bool = True,
    normalize: bool = True,
) -> Tensor:
    """Keeps classes near their neighbours in meaning, far from others'.

    SEPT (https://arxiv.org/abs/2601.20867): within a class, what is further
    than the margin is pulled; between classes, what is nearer is pushed.

    Arguments
    ---------
    class_embeds : torch.Tensor
        `[classes, dim]`.
    neighbor_embeds : torch.Tensor
        `[classes, neighbors, dim]`.
    margins : torch.Tensor or None
        Distances in the pretrained space, of each class to each neighbour
        of each class, `[classes, classes, neighbors]`. None: no margins,
        distances within a class are made small and those between classes
        large, without limit.
    intra : bool
        Whether distances within a class count.
    inter : bool
        Whether distances between classes count.
    normalize : bool
        Whether embeddings are brought to norm 1 first, as margins of
        cosine models need it.

    Returns
    -------
    torch.Tensor
        The mean over classes.

    Raises
    ------
    ValueError
        If the shapes do not fit, or nothing counts.

    Example
    -------
    >>> classes = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> neighbors = torch.tensor(
    ...     [[[1.0, 0.0], [0.6, 0.8]], [[0.0, 1.0], [0.8, 0.6]]]
    ... )
    >>> margins = 1 - 0.5 * torch.eye(2)[:, :, None].expand(2, 2, 2)
    >>> loss = semantic_expansion_loss(classes, neighbors, margins)
    >>> round(loss.item(), 4)
    0.381
    """
    k, n = neighbor_embeds.shape[:2]
    if class_embeds.shape != (k, neighbor_embeds.shape[2]) or (
        margins is not None and margins.shape != (k, k, n)
    ):
        raise ValueError(
            f"classes {list(class_embeds.shape)}, neighbors "
            f"{list(neighbor_embeds.shape)} and margins "
            f"{None if margins is None else list(margins.shape)}: give "
            "[classes, dim], [classes, neighbors, dim] and [classes, "
            "classes, neighbors]"
        )
    if not (intra or inter):
        raise ValueError("neither intra nor inter: leave the loss out")
    z, p = class_embeds.float(), neighbor_embeds.float()
    if normalize:
        z, p = F.normalize(z, dim=-1), F.normalize(p, dim=-1)
    # By matrix products, small distances would drown in rounding.
    distance = torch.cdist(
        z, p.flatten(0, 1), compute_mode="donot_use_mm_for_euclid_dist"
    ).view(k, k, n)
    excess = distance if margins is None else distance - margins
    pulled, pushed = excess, -excess
    if margins is not None:
        pulled, pushed = pulled.clamp(min=0), pushed.clamp(min=0)
    own = torch.eye(k, device=z.device, dtype=torch.bool)[:, :, None]
    loss = z.new_zeros(())
    if intra:
        loss = loss + (pulled * own).sum() / (k * n)
    if inter and k > 1:
        loss = loss + (pushed * ~own).sum() / (k * (k - 1) * n)
    return loss


def min_snr_weights(
    alpha_bar: Tensor, gamma: float | None = 5.0, form: str = "velocity"
) -> Tensor:
    """Weights of time steps that keep clean ones from dominating.

    Min-SNR (https://arxiv.org/abs/2303.09556), section 3.4.

    Arguments
    ---------
    alpha_bar : torch.Tensor
        Share of the signal's power at the steps, any shape.
    gamma : float or None
        Signal-to-noise ratio above which steps count less; None: all weights
        are 1.
    form : str
        `"velocity"`: min(SNR, gamma) / (SNR + 1), the paper's for velocities;
        `"epsilon"`: min(SNR, gamma) / SNR, its form for noise, which Tango
        puts on velocities.

    Returns
    -------
    torch.Tensor
        Shaped as `alpha_bar`.

    Raises
    ------
    ValueError
        If the form is unknown.

    Example
    -------
    >>> alpha_bar = torch.tensor([0.9, 0.5])
    >>> min_snr_weights(alpha_bar), min_snr_weights(alpha_bar, form="epsilon")
    (tensor([0.5000, 0.5000]), tensor([0.5556, 1.0000]))
    """
    if form not in ("velocity", "epsilon"):
        raise ValueError(f"form {form!r}: choose 'velocity' or 'epsilon'")
    if gamma is None:
        return torch.ones_like(alpha_bar)
    snr = alpha_bar / (1 - alpha_bar)
    least = snr.clamp(max=gamma)
    return least / (snr + 1 if form == "velocity" else snr)


def velocity_loss(
    predicted: Tensor, velocity: Tensor, weights: Tensor
) -> Tensor:
    """Squared error of each clip, weighted by its time step, averaged.

    Arguments
    ---------
    predicted, velocity : torch.Tensor
        `[batch, channels, columns, bins]`.
    weights : torch.Tensor
        `[batch]`, see :func:`min_snr_weights`.

    Returns
    -------
    torch.Tensor
        A scalar.

    Example
    -------
    >>> zeros = torch.zeros(2, 1, 1, 1)
    >>> velocity_loss(zeros, zeros + 2, torch.tensor([1.0, 0.5]))
    tensor(3.)
    """
    error = (predicted.float() - velocity.float()).square().flatten(1).mean(1)
    return (error * weights).mean()


def _check_pairs(clip, text):
    if clip.shape != text.shape or clip.ndim != 2:
        raise ValueError(
            f"clips {list(clip.shape)} and texts {list(text.shape)}: give "
            "one text for each clip, both [batch, dim]"
        )
