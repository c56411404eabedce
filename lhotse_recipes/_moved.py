"""Old names of modules that have moved, importable for one more release."""

import importlib
import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["MOVED", "redirect"]

_CORPORA = """
audiocaps audiogrounding audioset_strong audiosetcaps beijing_opera clotho
crema_d desed esc50 event_bank finelap fsd50k
gtzan ns_instruments ravdess sed_tables serst sesa
tut2017 urbansed urbansound8k vggsound vocalsound wavcaps
""".split()
_BUILDING = "audio_index classification corpus fetch unpack youtube".split()

#: Names under ``lhotse_recipes`` up to version 0.1.
MOVED = {
    **{name: f"lhotse_recipes.corpora.{name}" for name in _CORPORA},
    **{name: f"lhotse_recipes.building.{name}" for name in _BUILDING},
}


class _Redirection:
    """Finds a module under its old name and gives that of the new one."""

    def __init__(self, moved: Mapping[str, str]):
        self.moved = moved

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if name not in self.moved:
            return None
        warnings.warn(
            f"{name} is now {self.moved[name]}; the old name goes with the "
            "next release",
            DeprecationWarning,
            stacklevel=2,
        )
        return ModuleSpec(name, self)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.moved[spec.name])
        self._own = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._own


def redirect(package: str, moved: Mapping[str, str]) -> None:
    """
    Let old names of modules lead to the new ones.

    The finder comes first: below a package that has moved, the usual ones
    would load a second copy of each module.

    :param package: top-level package.
    :param moved: old name below the package → full new name.

    >>> from lhotse_recipes.building import corpus
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     import lhotse_recipes.corpus
    >>> lhotse_recipes.corpus is corpus
    True
    """
    sys.meta_path.insert(
        0,
        _Redirection(  # type: ignore[arg-type]
            {f"{package}.{old}": new for old, new in moved.items()}
        ),
    )
