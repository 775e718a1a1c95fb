"""The posterior of a network without a hidden layer, with no sampling at all: a Gaussian.

With design matrix X (n, P), its last column ones for the bias, noise σ and prior standard
deviations S,

    covariance C = (XᵀX/σ² + S⁻²)⁻¹,   mean m = C Xᵀy/σ²,   f(x) ~ N(xᵀm, xᵀC x),
    log Z = log p(y | m) + log p(m) + (P/2) log 2π + ½ log det C

(Bayesian linear regression; Bishop 2006, Pattern Recognition and Machine Learning, section 3.3;
the last line because a Gaussian's integral is its height times its volume). Everything comes from
a singular value decomposition of the stacked system [X/σ; S⁻¹], which squares no condition number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..common.errors import RequestError
from ..common.tables import TabledPairs, plain_label
from ..data.scaling import Scaling
from .likelihoods.gaussian import LOG_2PI
from .posterior import Posterior

__all__ = ["ClosedForm", "closed_form"]


@dataclass(frozen=True, eq=False, repr=False)
class ClosedForm(TabledPairs):
    """The exact Gaussian posterior of a linear network.

    ``mean`` (P,) and ``covariance`` (P, P) are those of theta, in torch's order: the weights of
    the inputs, then the bias, if any. ``log_evidence`` is log Z. All are on the network's scale.
    """

    mean: np.ndarray
    covariance: np.ndarray
    log_evidence: float
    labels: tuple[str, ...]
    scaling: Scaling
    bias: bool = True

    @property
    def sd(self) -> np.ndarray:
        """Standard deviation of every parameter, (P,)."""
        return np.sqrt(np.diag(self.covariance))

    def predict(self, x: Any) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of f at inputs x (m, d): (m,) each, without noise, in units
        of the data's file.

        Raises RequestError where x is not (m, d).
        """
        points = np.asarray(x, dtype=float)
        inputs = len(self.mean) - self.bias
        if points.ndim != 2 or points.shape[1] != inputs:
            raise RequestError(f"x has shape {points.shape}, expected (m, {inputs}): a row a point")
        design = _design(self.scaling.x_to_network(points), self.bias)
        variance = np.einsum("mi,ij,mj->m", design, self.covariance, design)
        mean, sd = design @ self.mean, np.sqrt(variance)
        return self.scaling.y_to_file(mean), self.scaling.sd_to_file(sd)

    def rows(self) -> list[tuple[str, str]]:
        """What the tables show, as (name, value)."""
        pairs = zip(self.labels, self.mean, self.sd, strict=True)
        rows = [(plain_label(label), f"{m:.5f} ± {s:.5f}") for label, m, s in pairs]
        return [*rows, ("log evidence", f"{self.log_evidence:.3f}")]


def closed_form(post: Posterior) -> ClosedForm:
    """The exact posterior of a network without a hidden layer whose noise is given.

    Raises RequestError where there is a hidden layer, or where the noise is inferred.
    """
    if post.net.hidden or post.infers_noise or not post.exact_layer:
        found = f"hidden = {list(post.net.hidden)}" if post.net.hidden else 'sigma = "infer"'
        found = found if post.exact_layer else f"{post.words} and {post.net.words}"
        raise RequestError(
            f"closed form: found {found}, expected no hidden layer and a given noise; "
            "use nnpost.sample for this posterior"
        )
    data, tau = post.data, float(post.precision())
    weights = math.sqrt(tau) / (np.ones(data.n) if data.yerr is None else data.yerr)
    design = _design(data.x, post.net.bias)
    system = np.vstack([design * weights[:, None], np.diag(1 / post.scales)])
    target = np.concatenate([data.y * weights, np.zeros(post.ndim)])
    u, widths, v = np.linalg.svd(system, full_matrices=False)
    mean = v.T @ (u.T @ target / widths)
    volume = 0.5 * post.ndim * LOG_2PI - float(np.log(widths).sum())
    log_evidence = float(post.log_prob(mean)) + volume
    covariance = (v.T / widths**2) @ v
    labels = tuple(post.labels)
    return ClosedForm(mean, covariance, log_evidence, labels, data.scaling, post.net.bias)


def _design(x: np.ndarray, bias: bool) -> np.ndarray:
    """The inputs (n, d), and a column of ones for the bias: (n, P)."""
    return np.column_stack([x, np.ones(len(x))]) if bias else x
