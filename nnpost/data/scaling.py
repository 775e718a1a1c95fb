"""Between the units of a file and the scale on which a network is trained: x and y, shifted and
divided.

The convention, which holds everywhere: **theta, the log posterior and log Z are on the network's
scale; everything that is shown of x, y, f(x), sigma and mse is in the units of the file.** A
:class:`~nnpost.data.dataset.Dataset` holds what the network sees, and its ``raw`` is the same in
the units of the file; ``Posterior.expected`` and ``Posterior.mse`` take and give units of the file,
and so does ``Posterior.predict`` of a network with one output.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from ..common.errors import RequestError, choose
from .names import SCALES

__all__ = ["UNSCALED", "Scaling"]

SMALLEST = float(
    np.finfo(float).tiny
)  # numbers below it have fewer digits, and inverses beyond all
NORMAL_IQR = 1.3489795003921634  # the interquartile range of a standard normal distribution


class Points(Protocol):
    """A data set, of which a scaling is made."""

    @property
    def x(self) -> np.ndarray:
        """(n, d)."""

    @property
    def y(self) -> np.ndarray:
        """(n,)."""

    @property
    def raw(self) -> Points:
        """The same in the units of the file."""


@dataclass(frozen=True, eq=False)
class Scaling:
    """On the network's scale x is (x − x_centre)/x_scale, and y is (y − y_centre)/y_scale.

    ``x_centre`` and ``x_scale`` are (d,); those of y are numbers, or (k,) of k targets. Raises
    RequestError for shapes that do not fit, numbers that are not finite, and scales that are not
    above zero.
    """

    x_centre: np.ndarray
    x_scale: np.ndarray
    y_centre: Any = 0.0
    y_scale: Any = 1.0

    def __post_init__(self) -> None:
        for name in ("x_centre", "x_scale"):
            value = np.array(getattr(self, name), dtype=float)
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        if self.x_centre.ndim != 1 or self.x_centre.shape != self.x_scale.shape:
            raise RequestError(
                f"scaling: x_centre has shape {self.x_centre.shape} and x_scale "
                f"{self.x_scale.shape}, expected (d,) for both"
            )
        scales = np.r_[self.x_scale, self.y_scale]
        finite = np.isfinite(np.r_[self.x_centre, self.y_centre, scales]).all()
        if not (finite and (scales > 0).all()):
            raise RequestError("scaling: expected finite numbers, and scales above zero")

    @classmethod
    def none(cls, inputs: int) -> Scaling:
        """The identity: the network sees the units of the file."""
        return cls(np.zeros(inputs), np.ones(inputs))

    @classmethod
    def of(cls, data: Points, kind: str) -> Scaling:
        """The scaling that brings data to zero mean and unit spread, column by column.

        ``kind`` is "standard" (mean and standard deviation, that of n), "robust" (median and
        interquartile range over that of a standard normal; the standard deviation where half of a
        column is one value) or "none". A constant column keeps its unit. Raises RequestError for
        another kind.
        """
        choose("scale", kind, SCALES)
        if kind == "none":
            return cls.none(data.x.shape[1])
        measure = {"standard": _standard, "robust": _robust}[kind]
        raw = data.raw
        centres, scales = np.array([measure(column) for column in raw.x.T]).T
        if raw.y.ndim == 1:
            return cls(centres, scales, *measure(raw.y))
        return cls(centres, scales, *np.array([measure(column) for column in raw.y.T]).T)

    @property
    def of_inputs(self) -> Scaling:
        """The same of x alone: labels and counts have no units."""
        return replace(self, y_centre=0.0, y_scale=1.0)

    @property
    def is_none(self) -> bool:
        """Whether the network sees the units of the file."""
        centres, scales = np.r_[self.x_centre, self.y_centre], np.r_[self.x_scale, self.y_scale]
        return bool((centres == 0).all() and (scales == 1).all())

    def x_to_network(self, x: Any) -> Any:
        """Inputs (m, d) in units of the file -> (m, d) as the network sees them."""
        return (x - self.x_centre) / self.x_scale

    def x_to_file(self, x: Any) -> Any:
        """The inverse of :meth:`x_to_network`."""
        return x * self.x_scale + self.x_centre

    def y_to_network(self, y: Any) -> Any:
        """Targets or outputs of any shape in units of the file -> the network's."""
        return (y - self.y_centre) / self.y_scale

    def y_to_file(self, y: Any) -> Any:
        """The inverse of :meth:`y_to_network`."""
        return y * self.y_scale + self.y_centre

    def sd_to_network(self, sd: Any) -> Any:
        """A standard deviation of y (errors, noise, a spread of f) in units of the file -> the
        network's."""
        return sd / self.y_scale

    def sd_to_file(self, sd: Any) -> Any:
        """The inverse of :meth:`sd_to_network`."""
        return sd * self.y_scale

    def log_density_to_file(self, log_density: Any) -> Any:
        """The log density of one y on the network's scale -> that of the same y in units of the
        file: minus log y_scale, once for each point."""
        return log_density - np.log(self.y_scale).sum()

    def to_tree(self) -> dict[str, Any]:
        """A plain dict of arrays and numbers."""
        return dict(vars(self))

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Scaling:
        """What :meth:`to_tree` gave."""
        parts = {name: np.asarray(tree[name], dtype=float) for name in tree}
        y = (v if v.ndim else float(v) for v in (parts["y_centre"], parts["y_scale"]))
        return cls(parts["x_centre"], parts["x_scale"], *y)


UNSCALED = Scaling.none(0)  # stands for the identity before the number of inputs is known


def _standard(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation, without overflow; (mean, 1) of what has no spread that a number
    in double precision holds."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        return low, 1.0
    unit = max(abs(low), abs(high), SMALLEST)
    spread = float((values / unit).std()) * unit
    return float((values / unit).mean()) * unit, spread if spread >= SMALLEST else 1.0


def _robust(values: np.ndarray) -> tuple[float, float]:
    """Median and interquartile range over NORMAL_IQR."""
    low, middle, high = (float(q) for q in np.quantile(values, [0.25, 0.5, 0.75]))
    spread = (high - low) / NORMAL_IQR
    return middle, spread if spread >= SMALLEST else _standard(values)[1]
