"""What the interfaces of models that hear have in common: how they load.

Authors
 * The speechbrain-opensed contributors 2026
"""

import re
from collections.abc import Mapping
from pathlib import Path

from speechbrain_opensed.checkpoints import load_finelap
from speechbrain_opensed.inference.models import (
    MODELS,
    build_named,
    build_weights,
)
from speechbrain_opensed.inference.onnx_model import ENCODE, load_onnx
from speechbrain_opensed.inference.pretrained import SafePretrained
from speechbrain_opensed.inference.taught import MAIN, read_taught
from speechbrain_opensed.lobes.text.finelap import FineLAPTextEncoder
from speechbrain_opensed.lobes.text.learned import LearnedPhrases

__all__ = ["SoundInterface"]


class SoundInterface(SafePretrained):
    """Base of the interfaces of models that hear.

    Arguments
    ---------
    modules : dict
        What `MODULES_NEEDED` names.
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
    >>> from speechbrain_opensed.core.spec import SedSpec
    >>> SoundInterface({}, {"spec": SedSpec()})
    Traceback (most recent call last):
    ValueError: SoundInterface needs 'model', under 'modules:' of its YAML; ...
    """

    MODULES_NEEDED = ["model"]

    def __init__(
        self,
        modules: dict | None = None,
        hparams: dict | None = None,
        run_opts: dict | None = None,
        freeze_params: bool = True,
    ):
        super().__init__(modules, hparams, run_opts, freeze_params)
        self._announced: set = set()

    @classmethod
    def from_finelap(
        cls,
        source: str | Path | Mapping = "finelap",
        config: dict | None = None,
        run_opts: dict | None = None,
    ) -> "SoundInterface":
        """Load FineLAP's weights as they were published.

        Arguments
        ---------
        source : str, Path or mapping
            `finelap` (the released weights), a file, a folder with
            `model.safetensors`, or a state dict, in any layout that
            :func:`~speechbrain_opensed.checkpoints.load_finelap` knows.
        config : dict, optional
            Sizes other than those of the released model.
        run_opts : dict, optional
            `device`, `precision`.

        Returns
        -------
        SoundInterface
            Ready to use.

        Raises
        ------
        ValueError
            If tensors are missing, unexpected or of another shape.
        """
        model = load_finelap(source, config)
        modules = {"model": model, "text_encoder": FineLAPTextEncoder(model)}
        return cls(modules, {"spec": model.spec}, run_opts)

    @classmethod
    def from_source(
        cls, source: str | Path, run_opts: dict | None = None
    ) -> "SoundInterface":
        """Load whatever a user names.

        Arguments
        ---------
        source : str or Path
            A name, see `opensed models`; an export's folder or repository,
            see :meth:`from_hparams`; a run's folder that holds an export;
            what `opensed export-onnx` wrote; or released weights: a file, or
            a folder with `model.safetensors` alone; or what such a model was
            taught, see :mod:`~speechbrain_opensed.inference.taught`. Which
            model weights are of is told by the names of their tensors.
        run_opts : dict, optional
            `device`, `precision`.

        Returns
        -------
        SoundInterface
            Ready to use.

        Raises
        ------
        FileNotFoundError
            If it is neither here nor to be had.
        ValueError
            If it is none of these, or weights do not fit.
        """
        folder = Path(source).expanduser()
        of_repository = {m.repository: name for name, m in MODELS.items()}
        name = of_repository.get(str(source), str(source))
        if not folder.exists() and name in MODELS:
            return cls._from_parts(build_named(name), run_opts, name)
        if not folder.exists() and re.fullmatch(r"[\w-]+", str(source)):
            raise FileNotFoundError(
                f"no folder {source} and no model of this name: choose from "
                f"{', '.join(MODELS)}, or give the folder of an export or "
                "OWNER/MODEL of a Hugging Face repository"
            )
        if (folder / MAIN).is_file():
            return cls._from_taught(folder, run_opts)
        if folder.suffix == ".onnx" or (folder / ENCODE).is_file():
            return cls(*load_onnx(folder), run_opts)
        described = (folder / "hyperparams.yaml").is_file()
        bare = (folder / "model.safetensors").is_file() and not described
        if bare or folder.is_file():
            return cls._from_parts(
                *(build_weights(folder), run_opts, str(folder.resolve()))
            )
        inner = folder / "detector"
        if (
            not (folder / "model.safetensors").is_file()
            and (inner / "hyperparams.yaml").is_file()
        ):
            source = inner
        return cls.from_hparams(source, run_opts=run_opts)

    @classmethod
    def _from_parts(cls, parts, run_opts, base):
        modules, spec = parts
        return cls(modules, {"spec": spec, "base": base}, run_opts)

    @classmethod
    def _from_taught(cls, folder, run_opts):
        base, table, calibration = read_taught(folder)
        if (Path(base) / MAIN).is_file():
            raise ValueError(f"{folder} is based on {base}, which is no model")
        bare = cls.from_source(base, run_opts)
        modules = dict(bare.mods.items())
        if table is not None:
            modules["text_encoder"] = LearnedPhrases(
                modules["text_encoder"], table
            )
        hparams = {**vars(bare.hparams), "calibration": calibration}
        return cls(modules, hparams, run_opts)
