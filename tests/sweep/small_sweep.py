"""A sweep so small that it takes no time."""

from pathlib import Path

from nnpost.sweep.grid import Sweep, load_sweep

__all__ = ["written"]

BASE = """
[data]
name = "parabola"
size = 12
[network]
hidden = [1]
[train]
restarts = 2
epochs = 5
[temper]
particles = 32
steps = 1
[sample]
nsteps = 40
"""


def written(folder: Path, grid: str, *settings: str) -> Sweep:
    """The sweep of a small experiment over a grid, whose cells are kept in ``folder``/cells."""
    path = folder / "small.toml"
    path.write_text(f"{BASE}[sweep]\n{grid}\n")
    return load_sweep(path, settings, folder=folder / "cells")
