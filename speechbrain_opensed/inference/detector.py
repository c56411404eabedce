"""Find sounds in recordings by their description.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lhotse_recipes.sound import announce_conversion, inspect_audio
from speechbrain_opensed.core.levels import level_gain
from speechbrain_opensed.inference import events, formats
from speechbrain_opensed.inference.calibration import (
    Calibration,
    fit_calibration,
)
from speechbrain_opensed.inference.clip_batches import signal_lengths
from speechbrain_opensed.inference.detection import Detection, smooth
from speechbrain_opensed.inference.export import export_again
from speechbrain_opensed.inference.interface import SoundInterface
from speechbrain_opensed.inference.labels import top_labels
from speechbrain_opensed.inference.queries import Queries
from speechbrain_opensed.inference.scorer import OVERLAP, WindowScorer
from speechbrain_opensed.inference.sounds import (
    Sound,
    detect_one,
    sound_of_file,
)
from speechbrain_opensed.inference.sources import sound_file, sound_name
from speechbrain_opensed.inference.stream import DetectionStream, EventTrack
from speechbrain_opensed.inference.taught import write_taught
from speechbrain_opensed.inference.teaching import (
    labelled_scores,
    learn_phrases,
)
from speechbrain_opensed.inference.windows import OverlapAdd

__all__ = ["SoundEventDetector"]

AnyPath = str | Path


class SoundEventDetector(SoundInterface):
    """Marks when described sounds occur, in recordings of any length.

    Recordings are resampled, averaged to mono and cut into overlapping
    windows of the length that the model was trained on; their scores are
    blended. Apart from the scores themselves, memory grows neither with the
    length of a recording nor with the number of phrases.

    Arguments
    ---------
    modules : dict
        `model` with `encode(wav)` and `decode(feats, queries, precision=)`,
        and `text_encoder`, from phrases to `[phrases, dim]`.
    hparams : dict
        `spec`, the :class:`SedSpec` of the model.
    run_opts : dict, optional
        `device`, and `precision` of the decoder: fp32, bf16 or fp16.
    freeze_params : bool
        Whether the modules are set to `eval` and lose their gradients.

    Raises
    ------
    ValueError
        If a module or the spec is missing.

    Example
    -------
    >>> from speechbrain_opensed.lobes.flexsed import FlexSED
    >>> from speechbrain_opensed.lobes.text.encoders import HashTextEncoder
    >>> from speechbrain_opensed.core.spec import SedSpec
    >>> detector = SoundEventDetector(
    ...     modules={
    ...         "model": FlexSED(16, 2, 2, ft_blocks=1, cls_dim=8),
    ...         "text_encoder": HashTextEncoder(dim=8),
    ...     },
    ...     hparams={"spec": SedSpec()},
    ...     run_opts={"device": "cpu"},
    ... )
    >>> wavs = torch.rand(2, 32000)
    >>> detector.detect_batch(wavs, None, ["dog barking", "rain"]).shape
    torch.Size([2, 50, 2])
    """

    MODULES_NEEDED = ["model", "text_encoder"]

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._scorer = WindowScorer(
            self.mods.model, self.spec, self.device, self.precision
        )
        calibration = getattr(self.hparams, "calibration", None)
        if calibration is not None and not isinstance(calibration, Calibration):
            calibration = Calibration.from_dict(calibration)
        self.calibration: Calibration | None = calibration
        self._queries = Queries(
            self.mods.text_encoder, self.spec.classes, self.device
        )

    def detect_file(
        self,
        path: str | Path,
        phrases: Sequence[str],
        threshold: float | Mapping[str, float] | None = None,
        *,
        median_seconds: float | Mapping[str, float] = 0.36,
        min_duration: float | Mapping[str, float] = 0.0,
        merge_gap: float | Mapping[str, float] = 0.0,
        batch_size: int = 4,
        normalize: str | None = "spec",
        low_threshold: float | Mapping[str, float] | None = None,
        channel: str | int = "mix",
        overlap: float = OVERLAP,
    ) -> Detection:
        """Find all phrases in a sound file.

        Arguments
        ---------
        path : str or Path
            A file of any rate, channel count and length.
        phrases : sequence of str
            What to look for.
        threshold : float or dict of phrase to float, optional
            Score above which a frame belongs to an event; default: what
            :meth:`calibrate` found, else 0.5.
        median_seconds : float or dict of phrase to float
            Span of the median filter over the scores, which removes what is
            shorter than half of it; 0: none.
        min_duration : float or dict of phrase to float
            Shorter events are left out; seconds.
        merge_gap : float or dict of phrase to float
            Events of one phrase that are at most so far apart become one;
            seconds.
        batch_size : int
            Windows that are encoded at once.
        normalize : str or None
            What is brought to a peak of 1: each `window` (those under -60 dB
            are raised by 60 dB at most), the whole `file`, or nothing (None);
            `spec`: as in training, which is `window` for FlexSED, nothing
            for FineLAP.
        low_threshold : float or dict of phrase to float, optional
            An event that reaches the threshold lasts as long as scores are
            above this (hysteresis); default: the threshold itself.
        channel : str or int
            How several channels become one: `mix` averages them, `left`,
            `right`, `loudest`, or the number of one, from 1.
        overlap : float
            Share of a window that the next one hears again, from 0 to 0.9.
            A sound longer than a window takes 1 / (1 - overlap) times as
            long as with windows side by side, which miss context at their
            edges.

        Returns
        -------
        Detection
            Events, the filtered scores, and writers for several formats.

        Raises
        ------
        FileNotFoundError
            If the file is missing.
        ValueError
            If the file cannot be used, or an argument makes no sense; the
            message says what to do.
        """
        return detect_one(
            *(self, path, phrases, channel),
            threshold=threshold,
            low_threshold=low_threshold,
            median_seconds=median_seconds,
            min_duration=min_duration,
            merge_gap=merge_gap,
            batch_size=batch_size,
            normalize=normalize,
            overlap=overlap,
        )

    def detect(
        self,
        audio: Any,
        phrases: Sequence[str],
        rate: int | None = None,
        **settings: Any,
    ) -> Detection:
        """Find all phrases in sound of any kind.

        Arguments
        ---------
        audio : str, Path, bytes, file object, array, tuple or lhotse.cut.Cut
            A file; the bytes of one; samples `[time]` or with channels, as
            numpy or torch have them, with `rate` or as `(samples, rate)`; a
            cut.
        phrases : sequence of str
            What to look for.
        rate : int, optional
            Samples per second, for an array.
        **settings
            See :meth:`detect_file`.

        Returns
        -------
        Detection
            As :meth:`detect_file` gives it.

        Raises
        ------
        FileNotFoundError
            If the file is missing.
        ValueError
            If the sound cannot be used, or an argument makes no sense.
        """
        with sound_file(audio, rate) as path:
            found = self.detect_file(path, phrases, **settings)
        return replace(found, path=sound_name(audio))

    def top_labels(
        self,
        audio: Any,
        phrases: Sequence[str] | None = None,
        rate: int | None = None,
        *,
        top: int = 5,
        span_seconds: float = 10.0,
        channel: str | int = "mix",
        **settings: Any,
    ) -> Detection:
        """What is there? The likeliest phrases of each span of time.

        Arguments
        ---------
        audio : str, Path, bytes, file object, array, tuple or lhotse.cut.Cut
            See :meth:`detect`.
        phrases : sequence of str, optional
            What may be there; default: all that the detector was trained on.
        rate : int, optional
            Samples per second, for an array.
        top : int
            Phrases to name for each span.
        span_seconds : float
            Length of a span; a phrase counts by its highest score there.
        channel : str or int
            See :meth:`detect_file`.
        **settings
            `median_seconds`, `batch_size`, `normalize`, `overlap` of
            :meth:`detect_file`.

        Returns
        -------
        Detection
            Its events are the spans, `top` of each, the likeliest first.

        Raises
        ------
        FileNotFoundError
            If the file is missing.
        ValueError
            If nothing is known that may be there, or an argument makes no
            sense.
        """
        settings["span_seconds"] = span_seconds
        with sound_file(audio, rate) as path:
            found = detect_one(
                self, path, self.known(phrases), channel, **settings
            )
        return top_labels(replace(found, path=sound_name(audio)), top)

    def known(self, phrases: Sequence[str] | None = None) -> list[str]:
        """Phrases to choose from: the given ones, else those of training."""
        return self._queries.known(phrases)

    def open_sound(
        self, path: AnyPath, channel: str | int = "mix", name: str | None = None
    ) -> Sound:
        """A file for :func:`~..sounds.detect_sounds`.

        Says once in the log, for each kind of file, that it is not what the
        model takes.

        Arguments
        ---------
        path : str or Path
            The file.
        channel : str or int
            See :meth:`detect_file`.
        name : str, optional
            What the result calls it; default: its path.

        Returns
        -------
        Sound
            The file, inspected.

        Raises
        ------
        FileNotFoundError
            If it is missing.
        ValueError
            If it cannot be used.
        """
        info = inspect_audio(path)
        announce_conversion(info, self.spec.sample_rate, self._announced)
        return sound_of_file(info, channel, name)

    def stream(
        self, phrases: Sequence[str], rate: int = 16000, **settings: Any
    ) -> DetectionStream:
        """Detect in sound that is still coming.

        Arguments
        ---------
        phrases : sequence of str
            What to look for.
        rate : int
            Samples per second of what will be fed.
        **settings
            `threshold`, `low_threshold`, `median_seconds`, `min_duration`,
            `merge_gap`, `normalize`, `batch_size`, `overlap`, `keep_scores`,
            `sink`; see
            :class:`~speechbrain_opensed.inference.stream.DetectionStream`.

        Returns
        -------
        DetectionStream
            With `feed(samples)`, which gives final events, and `finish()`.
        """
        return DetectionStream(self, phrases, rate, **settings)

    def thresholds(
        self,
        phrases: Sequence[str],
        threshold: float | Mapping[str, float] | None = None,
    ) -> float | Mapping[str, float]:
        """Thresholds of phrases.

        Arguments
        ---------
        phrases : sequence of str
            What is looked for.
        threshold : float or dict of phrase to float, optional
            What the user wants; None: what :meth:`calibrate` found, else 0.5.

        Returns
        -------
        float or dict of phrase to float
            Each between 0 and 1.

        Raises
        ------
        ValueError
            If one is missing, of an unknown phrase or out of range.
        """
        if threshold is None and self.calibration is not None:
            return self.calibration.thresholds(phrases)
        threshold = 0.5 if threshold is None else threshold
        events.check_threshold(threshold, phrases)
        return threshold

    def calibrated(
        self, scores: np.ndarray, phrases: Sequence[str]
    ) -> np.ndarray:
        """Scores `[..., phrases]` as :meth:`calibrate` found them worth."""
        if self.calibration is None:
            return scores
        return self.calibration.apply(scores, phrases)

    def track(
        self,
        phrases: Sequence[str],
        threshold: float | Mapping[str, float] | None = None,
        **settings: Any,
    ) -> EventTrack:
        """What turns the scores of windows into events.

        Arguments
        ---------
        phrases : sequence of str
            What is looked for.
        threshold : float or dict of phrase to float, optional
            See :meth:`thresholds`.
        **settings
            `low_threshold`, `median_seconds`, `min_duration`, `merge_gap`
            and `sink` of :class:`~..stream.EventTrack`.

        Returns
        -------
        EventTrack
            At the beginning of a sound.

        Raises
        ------
        ValueError
            If a setting makes no sense.
        """
        return EventTrack(
            phrases,
            self.spec.hop_seconds,
            calibration=self.calibration,
            threshold=self.thresholds(phrases, threshold),
            **settings,
        )

    def learn(
        self,
        examples: Mapping[str, Sequence],
        *,
        num_windows: int = 12,
        steps: int = 60,
        seed: int = 0,
    ) -> "SoundEventDetector":
        """Learn sounds from a few examples of each.

        Arguments
        ---------
        examples : mapping of str to sequence
            Phrase to recordings, of any kind that :meth:`detect` takes, in
            which its sound and no other is heard.
        num_windows : int
            Windows that are made for each phrase, with noise and other
            sounds.
        steps : int
            Of gradient descent, where a model needs it.
        seed : int
            Of all random choices.

        Returns
        -------
        SoundEventDetector
            One that knows them; this one stays as it is.

        Raises
        ------
        FileNotFoundError
            If an example is missing.
        ValueError
            If a phrase has no example, or one is silent or cannot be used.
        """
        model, text = learn_phrases(
            self, examples, num_windows=num_windows, steps=steps, seed=seed
        )
        calibration = self.calibration
        if calibration is not None:
            # What was found out about the phrases holds no longer.
            kept = {
                phrase: value
                for phrase, value in calibration.phrases.items()
                if phrase not in examples
            }
            calibration = replace(calibration, phrases=kept)
        return self._with(
            {"model": model, "text_encoder": text}, calibration=calibration
        )

    def calibrate(
        self,
        cuts: Any,
        phrases: Sequence[str] | None = None,
        *,
        precision: float | None = None,
        false_alarms: float | None = None,
        median_seconds: float = 0.36,
    ) -> "SoundEventDetector":
        """Fit probabilities and thresholds to cuts of known content.

        Arguments
        ---------
        cuts : lhotse.CutSet or iterable of lhotse.cut.Cut
            With all their events, such as validation data.
        phrases : sequence of str, optional
            Those to fit; default: all that occur.
        precision : float, optional
            Least share of detections that shall be right, in place of the
            best F1.
        false_alarms : float, optional
            Most false alarms an hour of each phrase, in place of that.
        median_seconds : float
            Span of the filter that scores will pass.

        Returns
        -------
        SoundEventDetector
            One that uses them, with :attr:`calibration`; this one stays as it
            is.

        Raises
        ------
        ValueError
            If the cuts hold no event that was asked for.
        """
        plain = self._with({}, calibration=None)
        clips, asked = labelled_scores(plain, cuts, phrases)
        hop = self.spec.hop_seconds
        fitted = fit_calibration(
            clips,
            asked,
            hop,
            precision=precision,
            false_alarms=false_alarms,
            smooth=lambda scores: smooth(scores, median_seconds, hop),
        )
        return self._with({}, calibration=fitted)

    def export(self, folder: str | Path) -> Path:
        """Write the detector, with what it learned, as one that loads.

        Of a released model only what it learned is written, with its name.

        Arguments
        ---------
        folder : str or Path
            Where to.

        Returns
        -------
        Path
            The folder, for :meth:`from_source`.

        Raises
        ------
        ValueError
            If the detector was put together from modules: see
            `export_detector`.
        """
        base = getattr(self.hparams, "base", None)
        if base is not None:
            text = self.mods.text_encoder
            return write_taught(folder, base, text, self.calibration)
        return export_again(
            folder,
            getattr(self.hparams, "source_yaml", None),
            self.mods,
            calibration=self.calibration,
            about=getattr(self.hparams, "about", None),
        )

    def _with(self, modules, **hparams):
        """A detector that shares all but these."""
        return type(self)(
            {**dict(self.mods.items()), **modules},
            {**vars(self.hparams), **hparams},
            {"device": self.device, "precision": self.precision},
        )

    @property
    def scorer(self) -> WindowScorer:
        """Cuts samples into windows and scores these."""
        return self._scorer

    def embed(self, phrases: Sequence[str]) -> torch.Tensor:
        """Queries of phrases, `[phrases, dim]`, on the model's device.

        Says once of each phrase that nothing in training was like it, where
        the detector tells what it was trained on.
        """
        return self._queries(phrases)

    def level(self, normalize: str | None) -> str | None:
        """What is brought to a peak of 1; see :meth:`detect_file`."""
        return self._level(normalize)

    def get_event_prob_file(
        self,
        path: str | Path,
        phrases: Sequence[str],
        batch_size: int = 4,
        normalize: str | None = "spec",
    ) -> np.ndarray:
        """Score each frame of a sound file, without the median filter.

        Arguments
        ---------
        path : str or Path
            The file.
        phrases : sequence of str
            What to look for.
        batch_size : int
            Windows that are encoded at once.
        normalize : str or None
            See :meth:`detect_file`.

        Returns
        -------
        np.ndarray
            Probabilities `[frames, phrases]`, float32.
        """
        return self.detect_file(
            path,
            phrases,
            median_seconds=0.0,
            batch_size=batch_size,
            normalize=normalize,
        ).scores

    def detect_batch(
        self,
        wavs: torch.Tensor,
        wav_lens: torch.Tensor | None,
        phrases: Sequence[str],
        *,
        batch_size: int = 4,
        normalize: str | None = "spec",
    ) -> torch.Tensor:
        """Score a batch of signals at the model's rate.

        Each signal is treated as if it were alone: padding has no influence.

        Arguments
        ---------
        wavs : torch.Tensor
            `[batch, samples]`.
        wav_lens : torch.Tensor or None
            Length of each relative to `samples`, `[batch]`; None: all full.
        phrases : sequence of str
            What to look for.
        batch_size : int
            Windows that are encoded at once.
        normalize : str or None
            `window`: each window gets a peak of 1; `file`: each signal; None;
            `spec`: see :meth:`detect_file`.

        Returns
        -------
        torch.Tensor
            Probabilities `[batch, frames, phrases]`, 0 behind shorter ones.

        Raises
        ------
        ValueError
            If the shapes do not fit, or a signal is empty or not finite.
        """
        queries = self.embed(phrases)
        if wavs.ndim != 2 or wavs.shape[1] == 0:
            raise ValueError(
                f"wavs of shape {list(wavs.shape)}: give [batch, samples]"
            )
        if not torch.isfinite(wavs).all():
            bad = int((~torch.isfinite(wavs)).any(1).nonzero()[0])
            raise ValueError(
                f"signal {bad} of the batch holds NaN or infinite samples: "
                "leave it out or mend its source"
            )
        lengths = signal_lengths(wavs, wav_lens)
        normalize = self._level(normalize)

        def windows():
            for row, (wav, length) in enumerate(
                zip(wavs.float().cpu().numpy(), lengths, strict=True)
            ):
                wav = wav[:length]
                if normalize == "file":
                    wav = wav * level_gain(wav)
                for start, window in self._scorer.windows([wav]):
                    yield (row, start), window

        blends = [OverlapAdd() for _ in wavs]
        for (row, start), scores in self._scorer.score(
            windows(), queries, batch_size, normalize == "window"
        ):
            blends[row].add(start, scores)
        return torch.nn.utils.rnn.pad_sequence(
            [
                torch.from_numpy(self.calibrated(blend.result(), phrases))
                for blend in blends
            ],
            batch_first=True,
        ).to(self.device)

    def forward(self, wavs: Any, wav_lens: Any, phrases: Any) -> Any:
        """Same as :meth:`detect_batch`."""
        return self.detect_batch(wavs, wav_lens, phrases)

    apply_threshold = staticmethod(events.apply_threshold)
    get_events = staticmethod(events.get_events)
    merge_close_events = staticmethod(events.merge_close_events)
    remove_short_events = staticmethod(events.remove_short_events)

    @staticmethod
    def save_events(
        detection: Detection, path: str | Path, format: str = "tsv"
    ) -> Path:
        """Write the events of a detection.

        Arguments
        ---------
        detection : Detection
            From :meth:`detect_file`.
        path : str or Path
            The file.
        format : str
            A key of :data:`~speechbrain_opensed.inference.formats.FORMATS`.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ValueError
            If the format has another name.
        """
        if format not in formats.FORMATS:
            raise ValueError(
                f"unknown format {format!r}: choose from "
                f"{list(formats.FORMATS)}"
            )
        return getattr(detection, f"to_{format}")(path)

    def _level(self, normalize):
        if normalize == "spec":
            return "window" if self.spec.normalize == "peak" else None
        if normalize not in ("window", "file", None):
            raise ValueError(
                f"normalize is {normalize!r}: choose 'window', 'file', None, "
                "or 'spec' for what the model was trained with"
            )
        return normalize
