"""What training leaves behind: end points, loss curves, and the maxima found from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ..common.tables import TabledPairs
from .optimum import Optimum

__all__ = ["Fits"]


@dataclass(frozen=True, eq=False, repr=False)
class Fits(TabledPairs):
    """The end points of R training runs, their loss curves, and the MAP and MLE near them.

    Vectors are as they were found, each in whatever copy of its network, which its log posterior
    belongs to; ``nnpost.symmetry.fold(net, fits.theta)`` has them in the copy that is shown.

    A row of ``loss`` belongs to the epoch of the same row of ``epochs`` (counted from 1) and is
    the loss at the parameters *after* that epoch, on all the data, as a mean over the points of r²
    (of (r/yerr)² where the data bring errors), whichever loss was minimised. Where the likelihood
    is not Gaussian, ``loss`` and ``mse`` are −log L/n, and ``Optimum.misfit`` is its name.

    A restart that diverged keeps its vector as it was; its ``mse`` and losses are +inf, its
    ``log_prob`` −inf, so that it is never the best and orders last. Where the noise is inferred,
    the last entry of a vector is the log σ of highest likelihood given its residuals.
    """

    group: ClassVar[str] = "fits"

    theta: np.ndarray  # (R, P)
    mse: np.ndarray  # (R,)
    log_prob: np.ndarray  # (R,)
    loss: np.ndarray  # (T, R)
    validation_loss: np.ndarray | None  # (T, R)
    epochs: np.ndarray  # (T,)
    seconds: float
    sgd: Optimum
    map: Optimum
    mle: Optimum

    @cached_property
    def best(self) -> int:
        """The restart with the lowest mse."""
        return int(np.argmin(self.mse))

    @cached_property
    def diverged(self) -> int:
        """How many restarts ended without a finite loss."""
        return int((~np.isfinite(self.mse)).sum())

    def to_tree(self) -> dict[str, Any]:
        """A plain dict of arrays, numbers and further dicts."""
        kept = ("theta", "mse", "log_prob", "loss", "epochs", "seconds")
        tree = {name: getattr(self, name) for name in kept}
        if self.validation_loss is not None:
            tree["validation_loss"] = self.validation_loss
        return tree | {name: getattr(self, name).to_tree() for name in ("sgd", "map", "mle")}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Fits:
        """What :meth:`to_tree` gave."""
        validation = tree.get("validation_loss")
        return cls(
            theta=np.asarray(tree["theta"]),
            mse=np.asarray(tree["mse"]),
            log_prob=np.asarray(tree["log_prob"]),
            loss=np.asarray(tree["loss"]),
            validation_loss=None if validation is None else np.asarray(validation),
            epochs=np.asarray(tree["epochs"]),
            seconds=float(tree["seconds"]),
            sgd=Optimum.from_tree(tree["sgd"]),
            map=Optimum.from_tree(tree["map"]),
            mle=Optimum.from_tree(tree["mle"]),
        )

    @property
    def title(self) -> str:
        return "Fits"

    def rows(self) -> list[tuple[str, str]]:
        low, middle, high = np.quantile(self.mse, (0, 0.5, 1), method="nearest")
        lost = f", {self.diverged} diverged" if self.diverged else ""
        optima = [(o.kind, _summary(o)) for o in (self.sgd, self.map, self.mle)]
        return [
            ("restarts", f"{len(self.mse)}{lost}, {int(self.epochs[-1])} epochs"),
            (self.sgd.misfit, f"best {low:.6g}, median {middle:.6g}, worst {high:.6g}"),
            *optima,
            ("seconds", f"{self.seconds:.2f}"),
        ]


def _summary(o: Optimum) -> str:
    gradient = "" if o.kind == "sgd" else f", gradient norm {o.gradient_norm:.1g}"
    no_top = {"map": ", not converged", "mle": ", no isolated maximum"}
    short = "" if o.converged else no_top.get(o.kind, "")
    return f"{o.misfit} {o.mse:.6g}, log posterior {o.log_prob:.6g}{gradient}{short}"
