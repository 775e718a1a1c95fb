"""What computes on this machine: versions, devices, and what sums over the data."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from ..common.parallel import cores
from ..posterior.engine import without_kernels

__all__ = ["overview", "table"]

PACKAGES = ("nnpost", "torch", "numpy", "scipy", "numba", "emcee", "h5py")


def overview() -> dict[str, Any]:
    """As a plain dict.

    ``versions`` has None for what is not installed, ``cuda`` the names of the devices.
    ``densities`` is "kernels" or "torch", for the CPU and the activations that are built in, and
    ``because`` says why it is torch.
    """
    because = without_kernels()
    return {
        "versions": {"python": platform.python_version()} | {p: _version(p) for p in PACKAGES},
        "densities": {"by": "torch" if because else "kernels", "because": because},
        "cores": cores(),
        "cuda": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
    }


def table(found: dict[str, Any]) -> str:
    """The same for people to read."""
    versions, by = found["versions"], found["densities"]
    kernels = f"compiled kernels, by numba {versions['numba']}"
    rows = {name: number or "not installed" for name, number in versions.items()} | {
        "densities": kernels if by["because"] is None else f"torch, because {by['because']}",
        "threads": f"{found['cores']}",
        "CUDA": ", ".join(found["cuda"]) or "no device",
    }
    wide = max(map(len, rows))
    return "\n".join(f"{name:<{wide}}  {value}" for name, value in rows.items())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
