"""A page in the browser, and the HTTP API behind it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from speechbrain_opensed.serve.app import create_app
    from speechbrain_opensed.serve.limits import Limits

__all__ = ["Limits", "create_app"]


def __getattr__(name: str) -> Any:
    # FastAPI is an extra: importing the package must not need it.
    if name == "create_app":
        from speechbrain_opensed.serve.app import create_app

        return create_app
    if name == "Limits":
        from speechbrain_opensed.serve.limits import Limits

        return Limits
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
