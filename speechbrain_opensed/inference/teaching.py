"""Teach a detector: new sounds from a few examples, what its scores are worth.

Authors
 * The speechbrain-opensed contributors 2026
"""

import copy
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from lhotse.cut import Cut
from torch import Tensor, nn
from tqdm import tqdm

from lhotse_recipes.schema import events_of, label_of
from lhotse_recipes.sound import mono_blocks
from lhotse_recipes.soundscapes import ProceduralBank
from speechbrain_opensed.core.levels import level_gain
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.dataio.targets import frame_targets
from speechbrain_opensed.inference.calibration import LabelledScores
from speechbrain_opensed.inference.events import check_phrases
from speechbrain_opensed.inference.sources import sound_file, sound_name
from speechbrain_opensed.lobes.text.encoders import (
    HashTextEncoder,
    TextEncoder,
)
from speechbrain_opensed.lobes.text.learned import LearnedPhrases

if TYPE_CHECKING:
    from speechbrain_opensed.inference.detector import SoundEventDetector

__all__ = ["labelled_scores", "learn_phrases", "make_windows"]

logger = logging.getLogger(__name__)

#: Below this peak, -60 dB, an example is taken for silence.
SILENT = 1e-3
#: What lies so far under an example's loudest frame is no part of its sound.
ACTIVE_DB = 25.0
_SNR_DB = (3.0, 20.0)
_RATE = 0.05  # of the descent, of a query's norm a step
_STAY = 0.1  # how much words weigh against examples


def learn_phrases(
    detector: "SoundEventDetector",
    examples: Mapping[str, Sequence[Any]],
    *,
    num_windows: int = 12,
    steps: int = 60,
    seed: int = 0,
) -> tuple[nn.Module, TextEncoder]:
    """Find what makes a detector hear sounds that it has examples of.

    Examples are put into noise and among other sounds. A model with a method
    `learn` takes them in closed form; for others the phrase's query is moved,
    by gradient descent from where words put it, with all weights as they are.

    Arguments
    ---------
    detector : SoundEventDetector
        Stays as it is.
    examples : mapping of str to sequence
        Phrase to recordings in which its sound, and no other, is heard: of
        any kind that `detect` takes.
    num_windows : int
        How many windows are made for each phrase, at least.
    steps : int
        Of the descent.
    seed : int
        Of all random choices.

    Returns
    -------
    torch.nn.Module
        The model: the same, or a copy that knows more.
    TextEncoder
        From phrases to queries: the same, or one that knows the phrases.

    Raises
    ------
    FileNotFoundError
        If an example is missing.
    ValueError
        If a phrase has no example, or one is silent or cannot be used.

    Example
    -------
    >>> learn_phrases(None, {"my doorbell": []})
    Traceback (most recent call last):
    ValueError: no example of 'my doorbell': give at least one recording
    """
    if not isinstance(examples, Mapping):
        raise ValueError(
            "examples are a mapping: {'my doorbell': ['a.wav', 'b.wav']}"
        )
    phrases = check_phrases(list(examples))
    for phrase, given in examples.items():
        if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
            raise ValueError(
                f"examples of {phrase!r}: give a list, even of one recording"
            )
        if not len(list(given)):
            raise ValueError(
                f"no example of {phrase!r}: give at least one recording"
            )
    spec = detector.spec
    sounds = [
        [_read(sound, phrase, spec) for sound in given]
        for phrase, given in zip(phrases, examples.values(), strict=True)
    ]
    rng = np.random.default_rng([seed, 2026])
    waves, targets = make_windows(sounds, spec, num_windows, rng)
    if spec.normalize == "peak":
        waves = waves * level_gain(waves)
    model, text = detector.mods.model, detector.mods.text_encoder
    text = _with_names(text, phrases)
    feats = []
    with torch.no_grad():
        for wave in tqdm(waves, desc="examples", unit="window", delay=2):
            wave = torch.from_numpy(wave[None]).to(detector.device)
            feats.append(model.encode(wave))
        queries = text(phrases).to(detector.device)
    frames = torch.cat(feats)
    truth = torch.from_numpy(targets).to(detector.device)
    if hasattr(model, "learn"):
        counts = [len(of_phrase) for of_phrase in sounds]
        model = copy.deepcopy(model).learn(frames, truth, queries, counts)
        return model, text
    learned = _descend(model, frames, truth, queries, steps, rng)
    encoder, table = text, dict(zip(phrases, learned.cpu(), strict=True))
    if isinstance(text, LearnedPhrases):
        encoder, table = text.encoder, {**text.table, **table}
    return model, LearnedPhrases(encoder, table)


def make_windows(
    sounds: Sequence[Sequence[np.ndarray]],
    spec: SedSpec,
    num_windows: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Put sounds into noise and among others, to learn from.

    Arguments
    ---------
    sounds : sequence of sequences of np.ndarray
        For each phrase, its examples `[samples]`, with one peak.
    spec : SedSpec
        Rate, hop and length of a window.
    num_windows : int
        How many for each phrase, and half as many without any; each example
        is in at least one.
    rng : np.random.Generator
        The source of randomness.

    Returns
    -------
    np.ndarray
        `[windows, samples]`, float32.
    np.ndarray
        1 where a phrase sounds, float32 `[windows, phrases, frames]`.

    Example
    -------
    >>> rng = np.random.default_rng(0)
    >>> sounds = [[np.sin(np.arange(16000)).astype("float32")]]
    >>> waves, targets = make_windows(sounds, SedSpec(), 2, rng)
    >>> waves.shape, targets.shape, targets.sum(-1).ravel().tolist()
    ((3, 160000), (3, 1, 250), [25.0, 25.0, 0.0])
    """
    bank = ProceduralBank(seed=0, sampling_rate=spec.sample_rate)
    hop = spec.hop_samples
    num_frames = spec.num_samples // hop
    size = num_frames * hop

    def other():
        """A window of noise in which something else may sound."""
        number = int(rng.integers(1 << 16))
        wave = bank.background(number, size / spec.sample_rate)[:size]
        for _ in range(rng.integers(0, 3)):
            name = bank.phrases[rng.integers(len(bank.phrases))]
            sound = bank.synthesize(name, int(rng.integers(1 << 16)))
            start = int(rng.integers(max(1, size - len(sound))))
            part = sound[: size - start] * rng.uniform(0.2, 1.5)
            wave[start : start + len(part)] += part
        return wave.astype(np.float32)

    waves, targets = [], []
    for phrase, examples in enumerate(sounds):
        for number in range(max(num_windows, len(examples))):
            sound = examples[number % len(examples)]
            active = _active(sound, hop)
            # On a frame's edge, so that its own frames are the window's.
            first = int(rng.integers(max(1, num_frames - len(active) + 1)))
            skip = max(0, len(active) - num_frames)
            skip = int(rng.integers(skip + 1))
            active = active[skip : skip + num_frames]
            sound = sound[skip * hop : (skip + len(active)) * hop]
            wave = other()
            level = _rms(sound) * 10 ** (-rng.uniform(*_SNR_DB) / 20)
            wave *= level / max(_rms(wave), 1e-9)
            wave[first * hop : first * hop + len(sound)] += sound
            target = np.zeros((len(sounds), num_frames), np.float32)
            target[phrase, first : first + len(active)] = active
            waves.append(wave)
            targets.append(target)
    for _ in range((num_windows + 1) // 2):
        waves.append(other())
        targets.append(np.zeros((len(sounds), num_frames), np.float32))
    return np.stack(waves), np.stack(targets)


def labelled_scores(
    detector: "SoundEventDetector",
    cuts: Iterable[Cut],
    phrases: Sequence[str] | None = None,
) -> tuple[list[LabelledScores], list[str]]:
    """Scores of a detector beside what cuts say.

    A phrase is known in all cuts of a vocabulary in which it occurs; cuts
    whose `events_complete` is False tell nothing of what is absent, and are
    passed over.

    Arguments
    ---------
    detector : SoundEventDetector
        The model.
    cuts : iterable of lhotse.cut.Cut
        With events, as in `lhotse_recipes.schema`.
    phrases : sequence of str, optional
        What to ask for: texts or labels of events; default: all texts.

    Returns
    -------
    list of LabelledScores
        One for each cut that was used.
    list of str
        The phrases that occur.

    Raises
    ------
    ValueError
        If no cut can be used, or none of the phrases occurs.

    Example
    -------
    >>> labelled_scores(None, [])
    Traceback (most recent call last):
    ValueError: no cut to calibrate with: ...
    """
    cuts = list(cuts)
    used = [c for c in cuts if (c.custom or {}).get("events_complete", True)]
    if len(used) < len(cuts):
        logger.warning(
            f"{len(cuts) - len(used)} of {len(cuts)} cuts are left out: their "
            "events are not complete"
        )
    if not used:
        raise ValueError(
            f"no cut to calibrate with: of {len(cuts)}, none says that its "
            "events are complete"
        )
    labels: dict[str, str] = {}
    heard: dict[str, set[Any]] = {}
    for cut in used:
        for event in events_of(cut):
            label = label_of(event)
            labels.setdefault(str(event.text or label), label)
            heard.setdefault(label, set()).add(_vocabulary(cut))
    for label in heard:
        labels.setdefault(label, label)
    if phrases is None:
        asked = sorted(
            {labels[text]: text for text in reversed(labels)}.values()
        )
        asked = check_phrases(asked) if asked else []
    else:
        asked = [
            phrase for phrase in check_phrases(phrases) if phrase in labels
        ]
        missing = [phrase for phrase in phrases if phrase.strip() not in labels]
        if missing:
            logger.warning(
                f"{len(missing)} phrases, such as {missing[0]!r}, occur in no "
                "cut: what holds for all phrases holds for them"
            )
    if not asked:
        raise ValueError(
            f"none of the phrases occurs in the {len(used)} cuts: thresholds "
            "need cuts in which they sound"
        )
    hop = detector.spec.hop_seconds
    names = [labels[phrase] for phrase in asked]
    clips = []
    for cut in tqdm(used, desc="calibrate", unit="cut", delay=2):
        with sound_file(cut) as path:
            scores = detector.get_event_prob_file(path, asked)
        targets = np.stack(
            [frame_targets(cut, [name], hop, len(scores))[0] for name in names],
            axis=1,
        )
        known = [_vocabulary(cut) in heard[name] for name in names]
        clips.append(LabelledScores(scores, targets, np.array(known)))
    return clips, asked


def _with_names(text, phrases):
    """The text encoder, with queries for phrases that are in no table."""
    nameless = {}
    for phrase in phrases:
        try:
            text([phrase])
        except ValueError:
            logger.info(
                f"the text encoder has no embedding of {phrase!r}: it is "
                "learned from its examples alone"
            )
            nameless[phrase] = HashTextEncoder(text.dim)([phrase])[0]
    if not nameless:
        return text
    if isinstance(text, LearnedPhrases):
        return LearnedPhrases(text.encoder, {**text.table, **nameless})
    return LearnedPhrases(text, nameless)


def _vocabulary(cut):
    return (cut.custom or {}).get("vocabulary")


def _read(sound, phrase, spec):
    name = sound_name(sound) or "an example"
    with sound_file(sound) as path:
        blocks = list(mono_blocks(path, spec.sample_rate))
    samples = np.concatenate(blocks).astype(np.float32)
    peak = float(np.abs(samples).max(initial=0.0))
    if peak < SILENT:
        raise ValueError(
            f"{name}, an example of {phrase!r}, is silent: leave it out"
        )
    if len(samples) < spec.hop_samples:
        raise ValueError(
            f"{name}, an example of {phrase!r}, lasts "
            f"{len(samples) / spec.sample_rate:.3f} s: it needs at least one "
            f"frame, {spec.hop_seconds} s"
        )
    return samples / peak


def _active(samples, hop):
    """Which frames hold the sound, float `[frames]`."""
    frames = samples[: len(samples) // hop * hop].reshape(-1, hop)
    level = np.sqrt(np.square(frames, dtype=np.float64).mean(1))
    return (level > level.max() * 10 ** (-ACTIVE_DB / 20)).astype(np.float32)


def _rms(samples):
    return float(np.sqrt(np.square(samples, dtype=np.float64).mean()))


@torch.enable_grad()
def _descend(
    model: nn.Module,
    frames: Tensor,
    truth: Tensor,
    queries: Tensor,
    steps: int,
    rng: np.random.Generator,
) -> Tensor:
    """Queries `[phrases, dim]` that find the examples, near where they were."""
    norm = queries.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    start = F.normalize(queries, dim=-1)
    moved = start.clone().requires_grad_(True)
    solver = torch.optim.Adam([moved], lr=_RATE / queries.shape[1] ** 0.5)
    positive = truth.sum((0, 2), keepdim=True).clamp(min=1)
    negative = (1 - truth).sum((0, 2), keepdim=True).clamp(min=1)
    # Both kinds of frames weigh the same, however many there are.
    weight = truth / positive + (1 - truth) / negative
    for _ in tqdm(range(steps), desc="learn", unit="step", delay=2):
        some = torch.from_numpy(rng.permutation(len(frames))[:4])
        some = some.to(frames.device)
        solver.zero_grad()
        logits = model.decode(frames[some], norm * F.normalize(moved, dim=-1))
        loss = F.binary_cross_entropy_with_logits(
            logits.float(), truth[some], weight[some], reduction="sum"
        )
        share = len(frames) / len(some)
        away = (F.normalize(moved, dim=-1) - start).square().sum()
        (share * loss + _STAY * away).backward()
        solver.step()
    return (norm * F.normalize(moved, dim=-1)).detach()
