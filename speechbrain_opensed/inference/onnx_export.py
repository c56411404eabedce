"""Write a detector as two ONNX graphs: `encode` and `decode`.

Sizes of batches, and of queries and time of `decode`, are free; a window is as
long as the model's. The front end is in the graph of `encode`, its spectra as
a convolution with the rows of the Fourier transform, which is the same up to
rounding, and as fast.

Authors
 * The speechbrain-opensed contributors 2026
"""

import copy
import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lhotse_recipes.outputs import rewrite_folder
from speechbrain_opensed.core.levels import level_gain
from speechbrain_opensed.inference.onnx_model import (
    ABOUT,
    DECODE,
    ENCODE,
    TEXT,
    OnnxModel,
)
from speechbrain_opensed.lobes.flexsed import FlexSED
from speechbrain_opensed.lobes.query_decoder import smooth
from speechbrain_opensed.lobes.text.encoders import TableTextEncoder
from speechbrain_opensed.lobes.track_sed import TrackSED

__all__ = ["export_onnx"]

_OPSET = 20
#: Logits may differ by so much between torch and onnxruntime.
TOLERANCE = 1e-4


def export_onnx(
    detector: Any,
    folder: str | Path,
    phrases: Sequence[str] | None = None,
    int8: bool = False,
) -> dict[str, Any]:
    """Write a detector as ONNX graphs, with a table of its phrases.

    Arguments
    ---------
    detector : SoundEventDetector
        Of a FlexSED or a TrackSED.
    folder : str or Path
        Where to; what was written there this way before is replaced.
    phrases : sequence of str, optional
        What can be asked for later; default: what the detector's own table
        holds, or the classes of its spec.
    int8 : bool
        Whether weights of matrix products become int8 (dynamic quantisation
        of onnxruntime): smaller, not equal.

    Returns
    -------
    dict
        What `detector.json` says; `largest_difference` is that of logits
        from those of torch, on noise.

    Raises
    ------
    ImportError
        If onnx, onnxscript or onnxruntime is missing.
    ValueError
        If the model is of another kind, there is no list of phrases, or the
        graphs do not give what the model gives.

    Example
    -------
    >>> export_onnx.__name__
    'export_onnx'
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "this needs onnx, onnxscript and onnxruntime: python -m pip "
            "install 'speechbrain-opensed[onnx]'"
        ) from error
    model = detector.mods.model
    if not isinstance(model, FlexSED | TrackSED):
        raise ValueError(
            f"{type(model).__name__} cannot be exported to ONNX: a FlexSED or "
            "a TrackSED can"
        )
    table, aliases = _phrases(detector, phrases)
    spec = detector.spec
    model = copy.deepcopy(model).cpu().eval()
    frames = spec.num_samples // spec.hop_samples
    generator = torch.Generator().manual_seed(0)
    wav = 0.1 * torch.randn(2, frames * spec.hop_samples, generator=generator)
    if spec.normalize == "peak":
        wav = wav * torch.from_numpy(level_gain(wav.numpy()))
    rows = torch.from_numpy(np.stack(list(table.values())))
    about = {
        "format": 1,
        "model": type(model).__name__,
        "spec": asdict(spec),
        "step_penalty": float(getattr(model, "step_penalty", 0.0)),
        "int8": int8,
        "aliases": dict(aliases),
        "calibration": _plain(detector.calibration),
    }
    # Three, so that no size is taken for another.
    queries = rows[torch.arange(3) % len(rows)]
    with rewrite_folder(folder, ABOUT, [ENCODE, DECODE, TEXT]) as temporary:
        with torch.no_grad(), _traceable():
            encode, decode = _Encode(model), _decoder(model)
            feats = encode(wav)
            _export(encode, {"wav": wav}, {"wav": (0,)}, temporary / ENCODE)
            _export(
                decode,
                {"feats": feats, "queries": queries},
                {"feats": (0, 1), "queries": (0,)},
                temporary / DECODE,
            )
        if int8:
            _quantize(temporary / ENCODE, encode)
            _quantize(temporary / DECODE, decode)
        np.savez(
            temporary / TEXT,
            labels=list(table),
            embeddings=np.stack(list(table.values())),
        )
        written = OnnxModel(temporary, spec)
        about["largest_difference"] = _difference(
            detector.mods.model, written, wav, rows[:32]
        )
        if not int8 and not about["largest_difference"] <= TOLERANCE:
            raise ValueError(
                f"logits differ by {about['largest_difference']:.1e} from "
                f"those of torch, more than {TOLERANCE}: please report that"
            )
        text = json.dumps(about, indent=1, ensure_ascii=False)
        (temporary / ABOUT).write_text(text, encoding="utf-8")
    return about


def _phrases(detector, phrases):
    """Embeddings by phrase, and further phrases for some of these."""
    encoder = detector.mods.text_encoder
    inner = getattr(encoder, "encoder", encoder)
    aliases: Mapping[str, str] = {}
    if phrases is None and isinstance(inner, TableTextEncoder):
        phrases = list(inner.rows)
        aliases = inner.aliases
    if phrases is None:
        phrases = list(detector.spec.classes)
    if not phrases:
        raise ValueError(
            f"{type(inner).__name__} embeds any phrase, ONNX graphs come with "
            "a table: name what will be asked for, with -q or --queries-file"
        )
    rows = detector.embed(phrases).cpu().float().numpy()
    return dict(zip(phrases, rows, strict=True)), aliases


def _plain(calibration):
    return None if calibration is None else calibration.to_dict()


class _Encode(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, wav):
        return self.model.encode(wav)


class _FlexDecode(nn.Module):
    """All pairs of clip and query at once: who runs it limits them."""

    def __init__(self, model):
        super().__init__()
        self.decoder, self.smooth = model.decoder, model.smooth_frames

    def forward(self, feats, queries):
        batch, time, dim = feats.shape
        count, width = queries.shape
        pairs = feats[:, None].expand(batch, count, time, dim)
        asked = queries[None].expand(batch, count, width)
        logits = self.decoder(
            pairs.reshape(batch * count, time, dim),
            asked.reshape(batch * count, width),
        ).reshape(batch, count, time)
        return smooth(logits, self.smooth)


class _TrackDecode(nn.Module):
    """Without the steps that come last, which are no graph."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        known = model.prototypes
        anchors = known.anchors[: int(known.num_anchors)]
        self.register_buffer("means", anchors @ known.anchors.T @ known.weights)
        # How many there are is a constant of the graph.
        known.known = lambda projected: known.score(projected, self.means[None])

    def forward(self, feats, queries):
        about = self.model._hear(feats)
        batch, (count, width) = feats.shape[0], queries.shape
        return self.model._answer(
            about, queries[None].expand(batch, count, width)
        )


def _decoder(model):
    return (
        _FlexDecode(model)
        if isinstance(model, FlexSED)
        else _TrackDecode(model)
    )


def _export(module, inputs, free, path):
    """One graph, with its weights inside."""
    shapes = {
        name: {axis: torch.export.Dim(f"{name}_{axis}") for axis in axes}
        for name, axes in free.items()
    }
    if "queries" in shapes:
        shapes["feats"][0] = torch.export.Dim("batch")
    # It tells about its steps and about what other versions did.
    loggers = [logging.getLogger(n) for n in ("torch.onnx", "onnxscript")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module,
                (),
                str(path),
                kwargs=inputs,
                input_names=list(inputs),
                output_names=["output"],
                dynamic_shapes=shapes,
                opset_version=_OPSET,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _quantize(path, module):
    """Weights that were trained; filters and what was solved for stay.

    Spectra have too wide a range for 8 bits, and an inverse loses its sense.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    whole = path.with_suffix(".fp32")
    path.rename(whole)
    buffers = {name for name, _ in module.named_buffers()}
    exact = [
        node.name
        for node in onnx.load(whole).graph.node
        if not buffers.isdisjoint(node.input)
    ]
    quantize_dynamic(
        whole,
        path,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["MatMul", "Gemm"],
        nodes_to_exclude=exact,
        per_channel=True,
    )
    whole.unlink()


def _difference(model, written, wav, rows):
    """Largest difference of logits, before the steps that come last."""
    model = copy.deepcopy(model).cpu().eval()
    if isinstance(model, TrackSED):
        model.step_penalty = 0.0
    with torch.no_grad():
        # Another batch and other numbers of queries than those of the export.
        expected = model.decode(model.encode(wav[:1]), rows)
        found = written.decode(written.encode(wav[:1]), rows)
    return float((expected - found).abs().max())


@dataclass
class _Spectrum:
    """What is asked of a complex tensor, in two real ones."""

    real: Tensor
    imag: Tensor

    def abs(self) -> Tensor:
        return (self.real.square() + self.imag.square()).sqrt()


def _stft(
    wav: Tensor,
    n_fft: int,
    hop_length: int,
    win_length: int | None = None,
    window: Tensor | None = None,
    pad_mode: str = "reflect",
    return_complex: bool = True,
) -> _Spectrum:
    """`torch.stft` as a convolution."""
    assert window is not None and return_complex
    missing = n_fft - len(window)
    window = F.pad(window.double(), (missing // 2, missing - missing // 2))
    bins = n_fft // 2 + 1
    turns = torch.arange(bins)[:, None] * torch.arange(n_fft) % n_fft
    angles = turns.double() * (2 * torch.pi / n_fft)
    rows = torch.cat([angles.cos() * window, -angles.sin() * window])
    wav = F.pad(wav[:, None], (n_fft // 2, n_fft // 2), pad_mode)
    parts = F.conv1d(wav, rows.float()[:, None], stride=hop_length)
    return _Spectrum(parts[:, :bins], parts[:, bins:])


@contextmanager
def _traceable() -> Iterator[None]:
    """Spectra as convolutions, and no change of precision on the way."""
    kept = torch.stft, torch.autocast
    torch.stft = _stft  # type: ignore[assignment]
    torch.autocast = lambda *_, **__: nullcontext()  # type: ignore
    try:
        yield
    finally:
        torch.stft, torch.autocast = kept  # type: ignore[misc]
