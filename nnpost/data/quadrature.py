"""Many points of one input as few: Gauss quadrature of the data's own measure.

With the output layer integrated out, the data enter through sums Σ_i φ(x_i) ψ(x_i)/yerr_i² and
Σ_i φ(x_i) y_i/yerr_i² alone, φ and ψ values of units. In each of a number of bins that hold equally
many points, the data's own weights have a Gauss rule: k nodes and weights that are exact where φψ
is a polynomial of degree 2k − 1 (Golub & Welsch 1969, Math. Comp. 23, 221, on the discrete measure
of the points). The targets become those of their least squares polynomial of degree k − 1 at the
nodes; what of them is left over no unit that is smooth within a bin can fit, and it is kept as one
number.

A unit that switches within a bin is not smooth there, so sums on the nodes are close and not exact.
What uses them corrects for the difference.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .dataset import Dataset

__all__ = ["quadrature"]


class Quadrature(NamedTuple):
    """Places, square roots of their weights, and targets times these roots."""

    x: np.ndarray  # (m, d)
    root: np.ndarray  # (m,)
    y: np.ndarray  # (m,)
    lost: float  # of Σ y²/yerr², what is not in Σ of y² here


def quadrature(data: Dataset, bins: int = 25, nodes: int = 4) -> Quadrature:
    """Few points for many; the data as they are where there are several inputs or few points.

    ``nodes`` points in each of ``bins`` bins.
    """
    root = np.ones(data.n) if data.yerr is None else 1 / data.yerr
    if data.inputs > 1 or data.n <= 2 * bins * nodes:
        return Quadrature(data.x, root, root * data.y, 0.0)
    groups = np.array_split(np.argsort(data.x[:, 0], kind="stable"), bins)
    parts = [_gauss(data.x[g, 0], root[g], root[g] * data.y[g], nodes) for g in groups]
    x, root, y = (np.concatenate(part) for part in zip(*parts, strict=True))
    square = float(np.sum(data.y**2 if data.yerr is None else (data.y / data.yerr) ** 2))
    return Quadrature(x[:, None], root, y, max(0.0, square - float(np.sum(y**2))))


def _gauss(
    x: np.ndarray, root: np.ndarray, y: np.ndarray, nodes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes of points x (k,) with weights root²: places, roots, and targets times roots.

    In an orthonormal basis q of polynomials, multiplication by x is a matrix whose eigenvalues are
    the nodes; its eigenvectors turn coefficients into values at the nodes times their roots.
    """
    middle, half = (x.max() + x.min()) / 2, (x.max() - x.min()) / 2 or 1.0
    t = (x - middle) / half
    if len(np.unique(x)) < nodes:
        return x, root, y
    q, _ = np.linalg.qr(root[:, None] * np.polynomial.legendre.legvander(t, nodes - 1))
    places, vectors = np.linalg.eigh(q.T @ (t[:, None] * q))
    values = (q @ vectors).T
    weights = values @ root
    return middle + half * places, np.abs(weights), np.sign(weights) * (values @ y)
