"""How the kernels are compiled, and where the compiled code is kept.

``error_model="numpy"`` leaves out the check of division by zero, which keeps LLVM from vectorising.
``contract`` allows fused multiply-adds. Only sums may be reassociated: rounding by a magic number
(elementary.py) would not survive it. Nothing is assumed finite, so NaN comes through.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from numba import njit, types
from numba.core.caching import FunctionCache, IndexDataCacheFile

__all__ = ["inlined", "kernel", "loop", "summing"]


def _fingerprint() -> str:
    """Of all sources of this package: a function's code holds that of those it calls."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


SOURCES = _fingerprint()


class _Index(IndexDataCacheFile):
    def stored(self) -> bool:
        """Whether anything is kept that these sources have made."""
        return bool(self._load_index())


class _PackageCache(FunctionCache):
    """numba's cache on disk, which by itself knows of changes in a function's own file only."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self.index = self._cache_file = _Index(self.cache_path, self._impl.filename_base, SOURCES)


def _compiled(flags: set[str], from_python: bool = False) -> Callable[[Callable[..., Any]], Any]:
    options: dict[str, Any] = {
        "error_model": "numpy",
        "fastmath": flags,
        "nogil": True,
        "no_cfunc_wrapper": True,
        "no_cpython_wrapper": not from_python,
    }

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher: Any = njit(**options)(function)
        dispatcher.get_call_template = _without_literals(dispatcher.get_call_template)
        dispatcher.stored = lambda: False
        # Where no folder can be written to, numba refuses: compiled anew in every process.
        with suppress(RuntimeError):
            dispatcher._cache = cache = _PackageCache(function)
            dispatcher.stored = cache.index.stored
        return dispatcher

    return decorate


def _without_literals(template: Callable[..., Any]) -> Callable[..., Any]:
    """Let a call with a literal, f(0), share the code of f(int): numba would compile another."""

    def get_call_template(args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
        return template(tuple(types.unliteral(a) for a in args), kws)

    return get_call_template


# What Python calls, on rows of walkers; loops without sums, and loops that sum, called by kernels.
kernel = _compiled({"contract"}, from_python=True)
loop = _compiled({"contract"})
summing = _compiled({"contract", "reassoc", "nsz"})
# Scalar functions that become part of the loop that calls them, and of its flags.
inlined = njit(error_model="numpy", fastmath={"contract"}, inline="always")
