"""What all inference interfaces have in common: how they load.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path
from typing import Any

from speechbrain.inference.interfaces import Pretrained
from speechbrain.utils.fetching import FetchConfig, LocalStrategy

from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.inference.loading import load_interface

__all__ = ["SafePretrained"]


class SafePretrained(Pretrained):
    """Base of the interfaces: modules that are checked, and their spec.

    Arguments
    ---------
    modules : dict
        What `MODULES_NEEDED` names.
    hparams : dict
        `spec`, the :class:`SedSpec` of the model.
    run_opts : dict, optional
        `device`, and `precision` of what is heavy: fp32, bf16 or fp16.
    freeze_params : bool
        Whether the modules are set to `eval` and lose their gradients.

    Raises
    ------
    ValueError
        If a module or the spec is missing.

    Example
    -------
    >>> SafePretrained({}, {})
    Traceback (most recent call last):
    ValueError: SafePretrained needs 'spec', at the top level of its YAML; ...
    """

    HPARAMS_NEEDED = ["spec"]

    def __init__(
        self,
        modules: dict | None = None,
        hparams: dict | None = None,
        run_opts: dict | None = None,
        freeze_params: bool = True,
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
                "!new:speechbrain_opensed.core.spec.SedSpec"
            )

    @classmethod
    def from_hparams(
        cls,
        source: str | Path,
        hparams_file: str = "hyperparams.yaml",
        savedir: str | Path | None = None,
        *,
        overrides: dict | None = None,
        run_opts: dict | None = None,
        local_strategy: Any = LocalStrategy.SYMLINK,
        fetch_config: Any = None,
    ) -> "SafePretrained":
        """Load a model from a folder or the Hugging Face hub.

        The YAML may only build models, and weights are read
        as tensors alone: nothing that was downloaded is run.

        Arguments
        ---------
        source : str or Path
            Folder such as an export writes, or a hub's repository.
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
        SafePretrained
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
            overrides=overrides,
            local_strategy=local_strategy,
            fetch_config=fetch_config or FetchConfig(),
        )
        return cls(hparams["modules"], hparams, run_opts)

    @property
    def spec(self) -> SedSpec:
        """Sample rate, hop, window and level of the model."""
        return self.hparams.spec
