"""Data in blocks of points, as kernels take them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .shape import Shape

__all__ = ["Points"]


@dataclass(frozen=True, eq=False)
class Points:
    """n points in blocks of m, the last one filled up with points of no weight."""

    n: int
    x: np.ndarray  # (blocks, d, m)
    y: np.ndarray  # (blocks, m)  targets times root
    root: np.ndarray  # (blocks, m)  1/yerr, or ones; zero for what fills up
    lost: float  # added to every sum of squares
    work: int  # values of units that one network takes

    def arrays(self, shape: Shape) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """x, y, root and lost; kernels do not look whether a network has as many inputs."""
        if self.x.shape[1] != shape.sizes[0]:
            raise ValueError(f"{self.x.shape[1]} inputs in the points, {shape.sizes[0]} in {shape}")
        return self.x, self.y, self.root, self.lost

    @classmethod
    def of(
        cls,
        shape: Shape,
        x: np.ndarray,
        y: np.ndarray | None = None,
        root: np.ndarray | None = None,
        lost: float = 0.0,
    ) -> Points:
        """From x (n, d), the *weighted* targets y (n,) = root · target, and root (n,) = 1/yerr.

        Without ``root`` it is one; without ``y`` there are inputs alone.
        """
        x = np.asarray(x, dtype=np.float64)
        if x.ndim != 2 or x.shape[1] != shape.sizes[0] or len(x) < 1:
            raise ValueError(f"x has shape {x.shape}, expected (n, {shape.sizes[0]})")
        n, m = len(x), shape.block(len(x))
        fill = -n % m
        whole = np.pad(x, ((0, fill), (0, 0)), mode="edge").reshape(-1, m, x.shape[1])
        y, root = (_blocks(value, n, m, fill) for value in (y, root))
        if y is None:
            y = np.zeros(whole.shape[:2])
        if root is None:
            root = np.pad(np.ones(n), (0, fill)).reshape(-1, m)
        blocks = np.ascontiguousarray(whole.transpose(0, 2, 1))
        return cls(n, blocks, y, root, float(lost), n * (shape.units + 1))


def _blocks(value: np.ndarray | None, n: int, m: int, fill: int) -> np.ndarray | None:
    if value is None:
        return None
    value = np.asarray(value, dtype=np.float64)
    if value.shape != (n,):
        raise ValueError(f"y or root has shape {value.shape}, expected ({n},)")
    return np.pad(value, (0, fill)).reshape(-1, m)
