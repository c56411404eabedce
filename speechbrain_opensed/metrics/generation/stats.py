"""All scores of generated sound with the methods of SpeechBrain's metrics.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from speechbrain_opensed.metrics.generation.distances import (
    frechet_distance,
    kernel_distance,
)
from speechbrain_opensed.metrics.generation.divergences import (
    cosine_similarity,
    inception_score,
    kl_divergence,
    pair_by_id,
    shuffled,
)
from speechbrain_opensed.metrics.generation.encoding import AudioEncoder
from speechbrain_opensed.metrics.summary import Stats

__all__ = ["ROLES", "GenerationStats"]

ROLES = ("generated", "real", "style")


class GenerationStats(Stats):
    """Collects what encoders hear batch by batch, then scores it.

    It gives, for each encoder as far as its encodings allow, with the
    encoder's name behind:

    - `FD`, `KID`: distances of the set generated from the real one;
    - `FAD`: Fréchet distance over all frames instead of clips;
    - `IS`: inception score of what was generated;
    - `KL`, `KL_sigmoid`: divergence of each generated clip from the real
      one of the same id, if all have one and `paired` is set, as
      audioldm_eval publishes them; `KL_exact`: the first without its 1e-6;
      `KL_binary`: the second with both sides of each class, without it;
    - `text`: cosine of generated sound and prompt;
    - `style`, `style_floor`: cosine of generated sound and the reference
      that its style was to follow, and the same with references of other
      clips: what is above the floor was followed.

    Arguments
    ---------
    encoders : mapping of str to AudioEncoder
        Judges by their names.
    paired : bool
        Whether real clips have the ids of the generated ones.
    splits : int
        Of the inception score; fewer where there are under 10 clips for
        each. The number is in the summary.
    seed : int
        Of all draws.

    Raises
    ------
    ValueError
        If there are no encoders.

    Example
    -------
    >>> from speechbrain_opensed.metrics.generation.encoding import (
    ...     RandomEncoder,
    ... )
    >>> stats = GenerationStats({"random": RandomEncoder(dim=4)})
    >>> wavs = torch.rand(8, 8000)
    >>> stats.append("abcdefgh", wavs)
    >>> stats.append("abcdefgh", wavs, role="real")
    >>> round(stats.summarize("FD_random"), 6)
    0.0
    >>> abs(stats.summarize("KL_random")) < 1e-4
    True
    """

    def __init__(
        self,
        encoders: Mapping[str, AudioEncoder],
        paired: bool = True,
        splits: int = 10,
        seed: int = 0,
    ):
        if not encoders:
            raise ValueError(
                "there is no encoder to judge by: give at least one, such as "
                "RandomEncoder"
            )
        self.encoders = dict(encoders)
        self.paired = paired
        self.splits = splits
        self.seed = seed
        super().__init__()

    def clear(self) -> None:
        """Forget all sounds."""
        # encoder, role, field -> id -> row
        self.rows: dict[tuple[str, str, str], dict[str, np.ndarray]] = {}
        self.summary: dict[str, float] = {}

    def append(
        self,
        ids: Sequence[str],
        wavs: Tensor,
        role: str = "generated",
        *,
        prompts: Sequence[str] | None = None,
        encoder: str | None = None,
    ) -> None:
        """Add a batch.

        Arguments
        ---------
        ids : sequence of str
            Names of the clips; a style reference has the name of the clip
            that was to follow it.
        wavs : torch.Tensor
            `[batch, samples]` at the encoder's rate.
        role : str
            `generated`, `real` or `style`.
        prompts : sequence of str, optional
            What was asked for, with generated clips.
        encoder : str, optional
            Judge that shall hear them, for encoders of different rates;
            default: all.

        Raises
        ------
        ValueError
            If the role is unknown, a clip came before, the numbers differ or
            a wave is not finite.
        """
        if role not in ROLES:
            raise ValueError(f"role {role!r}: choose from {', '.join(ROLES)}")
        counts = {len(ids), len(wavs), len(prompts or ids)}
        if len(counts) > 1:
            raise ValueError(
                f"{len(ids)} ids, {len(wavs)} waves, "
                f"{len(prompts or ids)} prompts: give one of each per clip"
            )
        for clip, wav in zip(ids, wavs, strict=True):
            if not torch.isfinite(wav).all():
                raise ValueError(
                    f"clip {clip!r} ({role}) holds NaN or infinite samples: "
                    "leave it out or generate it again"
                )
        names = self.encoders if encoder is None else [encoder]
        for name in names:
            judge = self.encoders[name]
            heard = judge(wavs)
            parts = {
                "embedding": heard.embedding,
                "frames": heard.frames,
                "logits": heard.logits,
            }
            if prompts is not None and judge.hears_text:
                parts["text"] = judge.text(prompts)
            for field, values in parts.items():
                if values is not None:
                    self._store((name, role, field), ids, values)
        self.summary = {}

    def _store(self, key, ids, values):
        known = self.rows.setdefault(key, {})
        for clip, row in zip(ids, values, strict=True):
            if clip in known:
                raise ValueError(
                    f"clip {clip!r} came twice as {key[1]}: give each id once"
                )
            known[clip] = row.detach().float().cpu().numpy()

    def compute(self) -> dict[str, float]:
        """Score what has come.

        Returns
        -------
        dict of str to float
            The numbers, such as `FD_random`.

        Raises
        ------
        ValueError
            If nothing was generated, or pairs lack a partner.
        """
        # It takes a while, and `append` empties the summary.
        if self.summary:
            return self.summary
        summary = {
            f"{metric}_{name}": value
            for name in self.encoders
            for metric, value in self._scores(name).items()
        }
        first = next(iter(self.encoders))
        for role in ROLES:
            rows = self.rows.get((first, role, "embedding"), ())
            summary[f"clips_{role}"] = len(rows)
        return summary

    def _scores(self, name):
        def get(role, field):
            return self.rows.get((name, role, field))

        made, real = get("generated", "embedding"), get("real", "embedding")
        if not made:
            raise ValueError("nothing was generated: append clips first")
        scores = {}
        if real:
            x, y = _stack(made), _stack(real)
            scores["FD"] = frechet_distance(x, y)
            kid = kernel_distance(x, y, seed=self.seed)
            scores["KID"], scores["KID_std"] = kid.mean, kid.std
        if real and get("real", "frames") is not None:
            scores["FAD"] = frechet_distance(
                np.concatenate(_sorted(get("generated", "frames"))),
                np.concatenate(_sorted(get("real", "frames"))),
            )
        logits = get("generated", "logits")
        if logits is not None:
            splits = min(self.splits, max(1, len(logits) // 10))
            scores["IS"], scores["IS_std"] = inception_score(
                _stack(logits), splits
            )
            scores["IS_splits"] = splits
        if logits is not None and real and self.paired:
            q, p = pair_by_id(logits, get("real", "logits"))
            scores["KL"] = float(kl_divergence(p, q).mean())
            for kind, *how in (
                ("sigmoid", "sigmoid"),
                ("exact", "softmax", 0.0),
                ("binary", "binary", 0.0),
            ):
                divergence = kl_divergence(p, q, *how).mean()
                scores[f"KL_{kind}"] = float(divergence)
        if get("generated", "text") is not None:
            pair = pair_by_id(made, get("generated", "text"))
            scores["text"] = float(cosine_similarity(*pair).mean())
        if get("style", "embedding"):
            x, y = pair_by_id(made, get("style", "embedding"))
            scores["style"] = float(cosine_similarity(x, y).mean())
            if len(y) > 1:
                floor = cosine_similarity(x, shuffled(y, self.seed))
                scores["style_floor"] = float(floor.mean())
        return scores


def _sorted(rows):
    return [rows[name] for name in sorted(rows)]


def _stack(rows):
    return np.stack(_sorted(rows))
