"""What networks predict at new inputs, and how sure they are of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..common.tables import Table, Tabled

__all__ = ["Prediction", "error_words", "quantile_name"]

LISTED = 12  # rows beyond this many are counted in the table, not listed


@dataclass(frozen=True, eq=False, repr=False)
class Prediction(Tabled):
    """What a posterior predicts at m inputs, in the units of the data's file.

    ``mean`` (m,) is that of the network's output f(x) over the posterior. ``draws`` (S, m) are of
    f(x), or with ``noise`` of new targets there, f(x) and the noise of each draw's own σ; ``sd``
    (m,) and ``quantiles`` (m,) by level are theirs. ``mean_error`` and ``quantile_errors`` are the
    Monte-Carlo standard errors of the run's finite length, and of the S draws of the noise. Where a
    draw is infinite, as of a rate that floats cannot hold, mean and sd are, and their error NaN.
    ``networks`` has the outputs (m,) of single networks: "sgd", the best restart; "map"; and
    "ensemble", the mean of all restarts that did not diverge. It is empty without fits.
    """

    x: np.ndarray  # (m, d)
    mean: np.ndarray
    mean_error: np.ndarray
    sd: np.ndarray
    quantiles: Mapping[float, np.ndarray]
    quantile_errors: Mapping[float, np.ndarray]
    networks: Mapping[str, np.ndarray]
    draws: np.ndarray
    noise: bool
    x_names: tuple[str, ...]
    y_name: str

    def spread(self) -> dict[str, np.ndarray]:
        """sd and quantiles (m,) by the names that tables give them: sd, q05, …"""
        levels = {quantile_name(level): values for level, values in self.quantiles.items()}
        return {"sd": self.sd, **levels}

    def worst_errors(self) -> dict[str, float]:
        """The largest Monte-Carlo error of the mean and of each quantile, in units of sd."""
        sd = np.maximum(self.sd, np.finfo(float).tiny)
        errors = {quantile_name(level): error for level, error in self.quantile_errors.items()}
        with np.errstate(invalid="ignore"):  # of infinite ones nothing is known
            shares = {n: e / sd for n, e in ({"mean": self.mean_error} | errors).items()}
        return {name: float(np.max(share)) for name, share in shares.items()}

    def tables(self) -> list[Table]:
        """The first rows, and by how much chance may have moved them."""
        inputs = dict(zip(self.x_names, self.x.T, strict=True))
        columns = {**inputs, "mean": self.mean, **self.spread(), **self.networks}
        cells = [[f"{value:.5g}" for value in values[:LISTED]] for values in columns.values()]
        rows = [list(columns), *map(list, zip(*cells, strict=True))]
        what = f"new {self.y_name}, noise included" if self.noise else f"f(x) of {self.y_name}"
        more = len(self.mean) - LISTED
        notes = [f"and {more:,} more rows"] if more > 0 else []
        notes.append(error_words(self.worst_errors()))
        return [Table(rows, f"Predictions: {what}", head=True, notes=notes)]


def error_words(worst: Mapping[str, float]) -> str:
    """What :meth:`Prediction.worst_errors` says, as a line."""
    parts = (f"{name} {error:.2g}" for name, error in worst.items())
    return f"Monte-Carlo error in units of sd, at most: {', '.join(parts)}"


def quantile_name(level: float) -> str:
    """0.05 -> "q05", 0.5 -> "q50", 0.975 -> "q97.5"."""
    percent = f"{100 * level:.10g}"
    return f"q{percent.zfill(2) if '.' not in percent else percent}"
