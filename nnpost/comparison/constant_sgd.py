"""The late part of an SGD trajectory taken for draws of the posterior.

SGD with mini-batches and a constant rate does not come to rest. Mandt, Hoffman & Blei (2017, JMLR
18, 134) choose the rate for which its stationary distribution is nearest to the posterior: with
L(θ) = −log p(θ, y)/n, batches of S points and the covariance C of the gradients of single points,

    ε* = 2 (S/n) P / tr C                                    (their theorem 1).

A rate above 2/λ, λ the largest curvature of L, makes SGD run away; ε is therefore never above 1/λ.
Where that is below ε*, as it is where the likelihood's noise is much larger than that of the data,
the mini-batches do not shake the network as hard as the posterior does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..common.parallel import threads_for
from ..common.tensors import as_tensor
from ..network.jacobian import jacobian
from ..posterior.points import WeightedPoints
from ..posterior.pointwise_sums import PointwiseSums
from ..posterior.posterior import Posterior
from ..training.fits import Fits
from ..training.objective import Objective
from .approximation import Curves
from .distance import Reference
from .effort import FULL, ConstantSGDDetail

__all__ = ["constant_sgd", "curves", "descend", "rates"]


@dataclass(frozen=True, eq=False)
class ConstantSGD:
    """Draws (S, P) of the late half of constant-rate SGD, and the rates.

    ``rate`` is the one used, ``best_rate`` Mandt et al.'s; ``theta`` is empty where SGD ran away
    at every rate that was tried.
    """

    theta: np.ndarray
    rate: float
    best_rate: float
    batch_size: int


def curves(reference: Reference, fits: Fits, seed: int) -> Iterator[Curves]:
    """The late half of a trajectory from the best fit; nothing where it ran away."""
    post, detail = reference.post, reference.detail.constant_sgd
    path = constant_sgd(post, fits.sgd.theta, seed, detail)
    if len(path.theta):
        note = f"batches of {path.batch_size}, rate {path.rate:.2g}"
        if path.rate < path.best_rate:
            note += f", as large as is stable; {path.best_rate:.2g} would match the posterior"
        yield Curves("late SGD", post.curves(path.theta, reference.x), note=note)


def constant_sgd(
    post: Posterior,
    start: np.ndarray,
    seed: int = 0,
    detail: ConstantSGDDetail = FULL.constant_sgd,
) -> ConstantSGD:
    """Run constant-rate SGD on −log p(θ, y)/n from ``start`` (P,) and keep the late half."""
    batch = min(detail.batch, max(1, post.data.n // 4))
    best, largest = rates(post, start, batch)
    rate = min(best, largest)
    kept = np.empty((0, post.ndim))
    for _ in range(detail.tries):
        with threads_for(batch * max(post.net.sizes)):
            kept = descend(post, start, rate, batch, seed, detail)
        if np.isfinite(kept).all():
            break
        rate, kept = rate / 4, kept[:0]
    return ConstantSGD(kept, rate, best, batch)


def rates(post: Posterior, theta: np.ndarray, batch: int) -> tuple[float, float]:
    """Mandt et al.'s rate ε*, and the inverse of the largest curvature of L (Gauss–Newton's where
    the likelihood is Gaussian)."""
    n, at = post.data.n, as_tensor(theta[None], post.device)
    if isinstance(post.sums, PointwiseSums):
        gradients = post.sums.each_gradient(at).mT
        curvature = -Objective(post, "posterior").derivatives(at)[1][0] / n
        return _two_rates(gradients, 0.5 * (curvature + curvature.mT), batch / n)
    root = Objective(post, "posterior").root_precision(at)
    x, y, _ = post.points
    slope = jacobian(post.net, at, x)[0] * root  # (P, n)
    residual = (y - post.net.forward(at, x))[0] * root
    gradients = -slope * residual
    curvature = slope @ slope.mT / n + torch.diag(as_tensor(post.scales, post.device) ** -2 / n)
    if post.infers_noise:
        gradients[-1] = 1 - residual.square()
        curvature[-1, -1] += 2
    return _two_rates(gradients, curvature, batch / n)


def _two_rates(gradients: Tensor, curvature: Tensor, share: float) -> tuple[float, float]:
    """From the gradients (P, n) of single points, the curvature (P, P), and S/n."""
    noise = float(gradients.var(dim=1, correction=0).sum())
    largest = float(torch.linalg.eigvalsh(curvature)[-1])
    return 2 * share * len(curvature) / max(noise, 1e-300), 1 / max(largest, 1e-300)


def descend(
    post: Posterior,
    start: np.ndarray,
    rate: float,
    batch: int,
    seed: int,
    detail: ConstantSGDDetail = FULL.constant_sgd,
) -> np.ndarray:
    """Every so manyth point of the late half of the trajectory: (rows, P)."""
    rng = np.random.default_rng(seed)
    points, theta, kept = WeightedPoints.of(post.points), np.array(start[None], float), []
    for step in range(1, detail.steps + 1):
        index = rng.integers(post.data.n, size=batch)
        with np.errstate(all="ignore"):  # a trajectory that runs away is seen by its end
            uphill = _slope(post, theta, points, index) + post.prior_density.grad(theta)
            theta = theta + rate / post.data.n * uphill
        if step > detail.steps // 2 and step % detail.every == 0:
            kept.append(theta[0])
    return np.array(kept)


def _slope(
    post: Posterior, theta: np.ndarray, points: WeightedPoints, index: np.ndarray
) -> np.ndarray:
    """Gradient of the log likelihood, estimated from the points ``index`` (S,): (1, P)."""
    some = torch.from_numpy(index).to(points.x.device)
    if isinstance(post.sums, PointwiseSums):
        return post.sums.some(some).value_and_grad(theta)[1] * (post.data.n / len(index))
    root = None if points.root is None else points.root[some]
    batch = WeightedPoints(points.x[some], points.y[some], root)
    sse, grad = post.engine_on(batch).sse_and_grad(theta)
    tau = post.noise(theta).tau
    slope = np.empty_like(theta)
    slope[:, : post.net.ndim] = np.reshape(-0.5 * tau, (-1, 1)) * grad
    if post.infers_noise:
        slope[:, -1] = tau * sse - len(index)
    return slope * (post.data.n / len(index))
