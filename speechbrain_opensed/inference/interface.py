"""What the package's inference interfaces have in common: how they load.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path

from speechbrain.inference.interfaces import Pretrained
from speechbrain.utils.fetching import FetchConfig, LocalStrategy

from speechbrain_opensed.checkpoints import load_finelap
from speechbrain_opensed.inference.loading import load_interface
from speechbrain_opensed.lobes.finelap_text import FineLAPTextEncoder
from speechbrain_opensed.spec import SedSpec

__all__ = ["SoundInterface"]

_WEIGHTS = (".pt", ".pth", ".ckpt", ".bin", ".safetensors")
_FINELAP = ("finelap", "AndreasXi/FineLAP")


class SoundInterface(Pretrained):
    """Base of the interfaces: a model that hears, and its spec.

    Arguments
    ---------
    modules : dict
        What `MODULES_NEEDED` names.
    hparams : dict
        `spec`, the :class:`~speechbrain_opensed.spec.SedSpec` of the model.
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
    >>> SoundInterface({}, {"spec": SedSpec()})
    Traceback (most recent call last):
    ValueError: SoundInterface needs 'model', under 'modules:' of its YAML; ...
    """

    HPARAMS_NEEDED = ["spec"]
    MODULES_NEEDED = ["model"]

    def __init__(
        self, modules=None, hparams=None, run_opts=None, freeze_params=True
    ):
        for needed, given, where in (
            (self.MODULES_NEEDED, modules or {}, "under 'modules:'"),
            (self.HPARAMS_NEEDED, hparams or {}, "at the top level"),
        ):
            missing = [name for name in needed if name not in given]
            if missing:
                raise ValueError(
                    f"{type(self).__name__} needs {missing[0]!r}, {where} of "
                    f"its YAML; there is {sorted(given) or 'nothing'}"
                )
        super().__init__(modules, hparams, run_opts, freeze_params)
        if not isinstance(self.hparams.spec, SedSpec):
            raise ValueError(
                f"'spec' is {self.hparams.spec!r}: give a SedSpec, in a YAML "
                "!new:speechbrain_opensed.spec.SedSpec"
            )
        self._announced = set()

    @classmethod
    def from_hparams(
        cls,
        source,
        hparams_file="hyperparams.yaml",
        savedir=None,
        overrides=None,
        run_opts=None,
        local_strategy=LocalStrategy.SYMLINK,
        fetch_config=None,
    ):
        """Load a model from a folder or the Hugging Face hub.

        The YAML may only build models of this package, and weights are read
        as tensors alone: nothing that was downloaded is run.

        Arguments
        ---------
        source : str or Path
            Folder such as `export_detector` writes, or a hub's repository.
        hparams_file : str
            Name of the YAML in it.
        savedir : str or Path, optional
            Where to keep what is fetched; default: use it where it lies.
        overrides : dict, optional
            Values that replace top-level ones of the YAML.
        run_opts : dict, optional
            `device`, `precision`.
        local_strategy, fetch_config
            As in SpeechBrain: how files get into `savedir`; revision, token.

        Returns
        -------
        SoundInterface
            Ready to use.

        Raises
        ------
        FileNotFoundError
            If the folder or a file in it is missing.
        ValueError
            If the YAML is unsound, or the weights do not fit it.
        """
        hparams = load_interface(
            source,
            hparams_file,
            savedir,
            overrides,
            local_strategy,
            fetch_config or FetchConfig(),
        )
        return cls(hparams["modules"], hparams, run_opts)

    @classmethod
    def from_finelap(cls, source="finelap", config=None, run_opts=None):
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
    def from_source(cls, source, run_opts=None):
        """Load whatever a user names.

        Arguments
        ---------
        source : str or Path
            An export's folder or repository, see :meth:`from_hparams`; or
            FineLAP's weights: `finelap`, a file, or a folder with
            `model.safetensors` alone, see :meth:`from_finelap`.
        run_opts : dict, optional
            `device`, `precision`.

        Returns
        -------
        SoundInterface
            Ready to use.
        """
        folder = Path(source).expanduser()
        if str(source) in _FINELAP and not folder.exists():
            return cls.from_finelap("finelap", run_opts=run_opts)
        bare = (folder / "model.safetensors").is_file() and not (
            folder / "hyperparams.yaml"
        ).is_file()
        if bare or (folder.is_file() and folder.suffix in _WEIGHTS):
            return cls.from_finelap(folder, run_opts=run_opts)
        return cls.from_hparams(source, run_opts=run_opts)

    @property
    def spec(self) -> SedSpec:
        """Sample rate, hop, window and level of the model."""
        return self.hparams.spec
