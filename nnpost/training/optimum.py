"""One network that is best in some sense, and how it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..common.tables import TabledPairs
from ..data.dataset import MISFITS

__all__ = ["Optimum"]


@dataclass(frozen=True, eq=False, repr=False)
class Optimum(TabledPairs):
    """One network that is best in some sense, and how it stands.

    ``theta`` is as it was found, which the log posterior and its gradient belong to: of the copies
    of a sigmoid network one alone is the maximum. ``nnpost.symmetry.fold(net, theta)`` is in the
    copy that tables and figures show.

    ``gradient_norm`` is the Euclidean norm of the gradient of what was maximised (of the log
    posterior for "sgd" and "best sample"). ``converged`` says that theta is an isolated maximum:
    the curvature is negative in every direction, and the point lies within 1e-6 standard
    deviations of the top, both by the exact second derivatives. It is False where there is
    no such point: a likelihood that is constant along a line (ReLU and identity units) or rises
    for ever (a unit that wants to be a step), and where a ReLU's kink holds the maximum.
    """

    theta: np.ndarray  # (P,)
    mse: float
    log_prob: float
    log_likelihood: float
    gradient_norm: float
    converged: bool
    kind: str  # "map", "mle", "sgd" or "best sample"
    misfit: str = "mse"  # what tables call mse, as Posterior.loss_name

    @property
    def squares(self) -> bool:
        """Whether ``mse`` is a mean of squares; else it is −log L/n, and ``misfit`` its name."""
        return self.misfit in MISFITS.values()

    def to_tree(self) -> dict[str, Any]:
        """A plain dict of arrays, numbers and strings."""
        return asdict(self)

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Optimum:
        """What :meth:`to_tree` gave."""
        numbers = ("mse", "log_prob", "log_likelihood", "gradient_norm")
        return cls(
            theta=np.asarray(tree["theta"], dtype=np.float64),
            **{name: float(tree[name]) for name in numbers},
            converged=bool(tree["converged"]),
            kind=str(tree["kind"]),
            misfit=str(tree.get("misfit", "mse")),
        )

    @property
    def title(self) -> str:
        return f"Optimum ({self.kind})"

    def rows(self) -> list[tuple[str, str]]:
        return [
            (self.misfit, f"{self.mse:.6g}"),
            ("log posterior", f"{self.log_prob:.6g}"),
            ("log likelihood", f"{self.log_likelihood:.6g}"),
            ("gradient norm", f"{self.gradient_norm:.2g}"),
            ("converged", "yes" if self.converged else "no"),
            ("theta, as found", self._rounded()),
        ]

    def _rounded(self) -> str:
        return np.array2string(self.theta, precision=4, threshold=12, max_line_width=72)
