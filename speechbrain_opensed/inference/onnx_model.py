"""A detector of two ONNX graphs, with a table of phrases, run by onnxruntime.

It takes the way of all detectors from the samples to the events; only the
model is another. That way is torch's, so torch has to be there.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lhotse_recipes.fingerprint import content_of
from lhotse_recipes.json_files import read_json
from speechbrain_opensed.core.precision import check_precision
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.lobes.piecewise import piecewise_constant
from speechbrain_opensed.lobes.text.encoders import TableTextEncoder

__all__ = ["ABOUT", "DECODE", "ENCODE", "TEXT", "OnnxModel", "load_onnx"]

#: Files of an exported detector.
ABOUT = "detector.json"
ENCODE = "encode.onnx"
DECODE = "decode.onnx"
TEXT = "phrases.npz"
# Pairs of clip and query that are decoded at once, so that memory does not
# grow with their number.
_PAIRS = 64


class OnnxModel(nn.Module):
    """Graphs of `encode` and `decode` as a detector's model.

    Arguments
    ---------
    folder : str or Path
        Where the graphs are.
    spec : SedSpec
        What they were exported for. Windows are static: a shorter clip is
        heard with silence behind it.
    step_penalty : float
        See :func:`~speechbrain_opensed.lobes.piecewise.piecewise_constant`;
        0: none.
    digest : str
        Of the graphs.

    Raises
    ------
    ImportError
        If onnxruntime is missing.
    ValueError
        If a graph cannot be read.

    Example
    -------
    >>> OnnxModel("nowhere", SedSpec())
    Traceback (most recent call last):
    ValueError: nowhere/encode.onnx cannot be read ...
    """

    precisions = ("fp32",)

    def __init__(
        self,
        folder: str | Path,
        spec: SedSpec,
        step_penalty: float = 0.0,
        digest: str = "",
    ):
        super().__init__()
        self.spec = spec
        self.step_penalty, self.digest = step_penalty, digest
        self._sessions = {
            name: _session(Path(folder) / name) for name in (ENCODE, DECODE)
        }

    def encode(self, wav: Tensor) -> Tensor:
        """Hears each clip once.

        Arguments
        ---------
        wav : torch.Tensor
            `[batch, samples]`, of a window at most.

        Returns
        -------
        torch.Tensor
            `[batch, time, dim]`.
        """
        frames = wav.shape[1] // self.spec.hop_samples
        size = self.spec.num_samples // self.spec.hop_samples
        missing = size * self.spec.hop_samples - wav.shape[1]
        padded = nn.functional.pad(wav, (0, missing))
        (feats,) = self._run(ENCODE, wav=padded)
        return torch.from_numpy(feats[:, :frames]).to(wav.device)

    def decode(
        self, feats: Tensor, queries: Tensor, precision: str = "fp32"
    ) -> Tensor:
        """Looks for every query in every clip.

        Arguments
        ---------
        feats : torch.Tensor
            From :meth:`encode`.
        queries : torch.Tensor
            `[queries, dim]`.
        precision : str
            `fp32`: the graphs have that in which they were exported.

        Returns
        -------
        torch.Tensor
            Logits, `[batch, queries, time]`.

        Raises
        ------
        ValueError
            If another precision is asked for, or there is no query.
        """
        check_precision(precision, self.precisions)
        if not len(queries):
            raise ValueError("no query: give at least one phrase")
        group = max(1, _PAIRS // len(feats))
        parts = [
            self._run(
                DECODE, feats=feats, queries=queries[start : start + group]
            )[0]
            for start in range(0, len(queries), group)
        ]
        logits = torch.from_numpy(np.concatenate(parts, axis=1))
        if self.step_penalty:
            logits = piecewise_constant(logits, self.step_penalty)
        return logits.to(feats.device)

    def _run(self, name, **inputs):
        arrays = {
            key: np.ascontiguousarray(value.detach().cpu().float().numpy())
            for key, value in inputs.items()
        }
        return self._sessions[name].run(None, arrays)

    def __getstate__(self) -> dict[str, Any]:
        raise TypeError(
            "a detector of ONNX graphs cannot be sent to another process: "
            "load it there"
        )


def load_onnx(folder: str | Path) -> tuple[dict[str, nn.Module], dict]:
    """A detector that `opensed export-onnx` wrote.

    Arguments
    ---------
    folder : str or Path
        The folder, or a graph in it.

    Returns
    -------
    dict
        `model` and `text_encoder`.
    dict
        `spec`, and `calibration` where there is one.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If one is damaged.

    Example
    -------
    >>> load_onnx("./nowhere")
    Traceback (most recent call last):
    FileNotFoundError: no detector.json in nowhere: ...
    """
    folder = Path(folder)
    if folder.suffix == ".onnx":
        folder = folder.parent
    for name in (ABOUT, ENCODE, DECODE, TEXT):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"no {name} in {folder}: `opensed export-onnx` writes it, and "
                "all files have to stay together"
            )
    try:
        about: dict[str, Any] = read_json(folder / ABOUT, dict)
        spec = SedSpec(**about["spec"])
        hparams: dict[str, Any] = {"spec": spec}
        if about["calibration"] is not None:
            hparams["calibration"] = about["calibration"]
        penalty = float(about["step_penalty"])
        aliases = dict(about["aliases"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{folder / ABOUT} is damaged ({error!r}): export the detector "
            "again"
        ) from error
    digest = content_of(folder / ENCODE) + content_of(folder / DECODE)
    modules = {
        "model": OnnxModel(folder, spec, penalty, digest),
        "text_encoder": TableTextEncoder(folder / TEXT, aliases),
    }
    return modules, hparams


def _session(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(
            f"{path} needs onnxruntime: python -m pip install "
            "'speechbrain-opensed[onnx]'"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    # Its errors are classes of its own, which have nothing in common.
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"{path} cannot be read ({reason}): export the detector again"
        ) from error
