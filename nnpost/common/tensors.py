"""The border between numpy and torch: one dtype, one device, and how much is worked on at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from .errors import RequestError

__all__ = ["BLOCK", "as_array", "as_tensor", "check_device", "finite_or_never", "of_rows"]

# Numbers held at once by one block of walkers: large enough to keep torch busy, small enough
# that a handful of temporaries stay near the processor.
BLOCK = 2**20


def check_device(device: str) -> None:
    """Raise RequestError unless torch can use ``device``."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):  # torch raises either, by the way it was built
        found = torch.cuda.device_count()
        what = f"no such CUDA device, there are {found}" if found else "no CUDA device here"
        raise RequestError(f"device '{device}': {what}; use cpu") from None


def as_tensor(values: Any, device: str) -> Tensor:
    """A float64 tensor on ``device``; shares memory with ``values`` where that is safe."""
    if isinstance(values, Tensor):
        return values.to(device, torch.float64)
    array = np.asarray(values, dtype=np.float64)
    shared = torch.from_numpy(array if array.flags.writeable else array.copy())
    return shared if device == "cpu" else shared.to(device)


def as_array(values: Any) -> np.ndarray:
    """A float64 array; shares memory with ``values`` where that can be."""
    given = values.numpy(force=True) if isinstance(values, Tensor) else values
    return np.asarray(given, dtype=np.float64)


Values = TypeVar("Values", np.ndarray, Tensor)


def finite_or_never(log_density: Values) -> Values:
    """−inf wherever a log density is NaN or infinite: such a point is never accepted."""
    if isinstance(log_density, Tensor):
        return torch.nan_to_num(log_density, nan=-math.inf, posinf=-math.inf, neginf=-math.inf)
    return np.where(np.isfinite(log_density), log_density, -math.inf)


def of_rows(function: Callable[[np.ndarray], Any], given: np.ndarray | Tensor) -> Any:
    """What ``function`` makes of ``given`` (..., P) as an array of rows (B, P): one array (B, ...)
    or several, each in the kind and shape of what was given."""
    with np.errstate(all="ignore"):  # what is not finite is dealt with
        found = function(as_array(given).reshape(-1, given.shape[-1]))
    if isinstance(found, tuple):
        return tuple(_like(given, part) for part in found)
    return _like(given, found)


def _like(given: np.ndarray | Tensor, rows: np.ndarray) -> Any:
    """``rows`` (B, ...), those of what was given (..., P), in its shape and kind."""
    out = rows.reshape((*given.shape[:-1], *rows.shape[1:]))
    if isinstance(given, Tensor):
        return torch.from_numpy(out).to(given.device)
    return out if out.ndim else float(out)
