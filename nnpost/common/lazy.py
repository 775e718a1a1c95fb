"""Packages whose names load when they are first used (PEP 562)."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["lazily"]


def lazily(
    package: str, homes: Mapping[str, str], modules: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package.

    ``homes`` has the module in which each name is defined, ``modules`` the path of each name that
    is itself a module; both are relative to ``package``.
    """
    whole = modules or {}

    def get(name: str) -> Any:
        if name in whole:
            value: Any = import_module(f".{whole[name]}", package)
        elif name in homes:
            value = getattr(import_module(f".{homes[name]}", package), name)
        else:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        setattr(sys.modules[package], name, value)
        return value

    return get, lambda: sorted([*homes, *whole])
