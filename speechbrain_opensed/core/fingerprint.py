"""What tells one model from another.

Authors
 * The speechbrain-opensed contributors 2026
"""

import hashlib
import inspect
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

__all__ = ["fingerprint"]

_PLAIN = (bool, int, float, str)


def fingerprint(module: torch.nn.Module, settings: Any = None) -> str:
    """A text that changes with a module's weights and settings.

    Arguments
    ---------
    module : torch.nn.Module
        Any module.
    settings : Any
        What its output depends on besides, as plain data.

    Returns
    -------
    str
        A digest of the kinds of its modules, of the numbers and texts that
        they were built with and keep under the same names, of all parameters
        and buffers, saved or not, and of tables such as a text encoder's.

    Example
    -------
    >>> one, other = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    >>> fingerprint(one) == fingerprint(other)
    False
    >>> _ = other.load_state_dict(one.state_dict())
    >>> fingerprint(one) == fingerprint(other)
    True
    >>> one, other = torch.nn.Dropout(0.1), torch.nn.Dropout(0.2)
    >>> fingerprint(one) == fingerprint(other)
    False
    """
    told = [settings]
    for name, part in module.named_modules():
        values = {
            key: value
            for key, value in vars(part).items()
            if key in inspect.signature(type(part)).parameters and _plain(value)
        }
        told.append([name, type(part).__qualname__, values])
    text = json.dumps(told, sort_keys=True, default=str)
    found = hashlib.sha256(text.encode())
    tensors = [*module.named_parameters(), *module.named_buffers()]
    for name, part in module.named_modules():
        tensors += _tables(name, part)
    for name, tensor in sorted(tensors, key=lambda pair: pair[0]):
        about = f"\n{name} {tuple(tensor.shape)} {tensor.dtype}"
        found.update(about.encode())
        raw = tensor.detach().cpu().contiguous().reshape(-1)
        found.update(raw.view(torch.uint8).numpy().data)
    return found.hexdigest()[:24]


def _tables(name: str, part: torch.nn.Module) -> list[tuple[str, torch.Tensor]]:
    """What mappings of a module hold, its private ones aside."""
    found = []
    for key, table in vars(part).items():
        if key.startswith("_") or not isinstance(table, Mapping):
            continue
        for row, value in table.items():
            if not isinstance(value, torch.Tensor | np.ndarray):
                text = json.dumps(value, default=str).encode()
                value = np.frombuffer(text, np.uint8).copy()
            found.append((f"{name}.{key}[{row!r}]", torch.as_tensor(value)))
    return found


def _plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_plain, value))
    return value is None or isinstance(value, _PLAIN)
