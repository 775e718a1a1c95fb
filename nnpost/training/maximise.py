"""The maximum of the posterior (MAP) or of the likelihood (MLE), climbed to convergence.

Two stages, free of random numbers, in which no start depends on another:

1. Variable projection. Given the hidden weights h the best output layer o(h) is a linear least
   squares problem, solved by QR; what is left is a smaller problem in h alone. It is climbed by
   Levenberg and Marquardt's damping with Kaufman's Jacobian, the full Jacobian with the columns of
   the output layer projected out. The valley of the likelihood where small input weights balance
   large output weights is no longer narrow once o follows h.
   (Golub and Pereyra 1973, SIAM J. Numer. Anal. 10, 413; Kaufman 1975, BIT 15, 49; the damping
   is that of Nielsen 1999, IMM-REP-1999-05.)
2. Newton's method with the exact second derivatives on the best of them, because a Gauss–Newton
   iteration is slow where the residuals are not small.

The prior enters as one more residual per parameter, θ/s. Inferred noise is set to its conditional
maximum at every step. Where the likelihood or a prior is not Gaussian the first stage is
BFGS in all parameters.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..common.errors import RequestError, choose
from ..common.parallel import threads_for
from ..common.tensors import as_tensor
from ..posterior.posterior import Posterior
from .climb import climb
from .newton import Quadratic, newton
from .objective import Objective, Target
from .optimum import Optimum
from .polish import POLISH, Polish

__all__ = ["evaluate", "maxima", "maximise", "tops_from"]


def maximise(
    post: Posterior, starts: Any, target: Target = "posterior", polish: Polish = POLISH
) -> Optimum:
    """The highest maximum of the log posterior or log likelihood that is reached from ``starts``.

    ``starts`` is (S, P), or (P,) for one. Starts that are not finite are left out. The result is
    never lower than the best start. The output layer and an inferred log σ of the starts do not
    matter where the likelihood is Gaussian: they are replaced by their best values at once.

    Raises RequestError for an unknown target, starts of another shape, and none of finite density.
    """
    choose("target", target, ("posterior", "likelihood"))
    theta = as_tensor(starts, post.device)
    theta = theta.unsqueeze(0) if theta.dim() == 1 else theta
    if theta.dim() != 2 or theta.shape[1] != post.ndim:
        raise RequestError(
            f"starts have shape {tuple(np.shape(starts))}, expected (number, {post.ndim})"
        )
    theta = theta[torch.isfinite(theta).all(1)]
    with threads_for(theta.numel() * post.data.n):
        best = _highest(Objective(post, target), theta, polish)
    if best is None:
        raise RequestError(f"no start has a finite log {target}; give starts nearer to zero")
    return evaluate(post, best.numpy(force=True), "map" if target == "posterior" else "mle", polish)


def maxima(post: Posterior, starts: np.ndarray, polish: Polish = POLISH) -> tuple[Optimum, Optimum]:
    """MAP and MLE from the same starts (S, P); each is also looked for from the other."""
    top = maximise(post, starts, "posterior", polish)
    likeliest = maximise(post, np.vstack([starts, top.theta]), "likelihood", polish)
    again = maximise(post, np.stack([top.theta, likeliest.theta]), "posterior", polish)
    if again.log_prob > top.log_prob + 1e-9:
        top = again
        likeliest = maximise(post, np.stack([top.theta, likeliest.theta]), "likelihood", polish)
    return top, likeliest


def tops_from(
    post: Posterior, starts: Any, polish: Polish = POLISH
) -> tuple[np.ndarray, np.ndarray]:
    """The top that every start leads to, (S, P) -> (S, P), and the log posterior there, (S,).

    This is the first stage alone, which finds a top to about 1e-6 nats where it is a curved one,
    and to 1e-3 nats where the likelihood or a prior is not Gaussian. The output layer and an
    inferred log σ of a start do not matter where all are.
    """
    theta, objective = as_tensor(starts, post.device), Objective(post, "posterior")
    with threads_for(theta.numel() * post.data.n):
        tops = climb(objective, theta, polish)
        return tops.numpy(force=True), objective.value(tops).numpy(force=True)


def _highest(objective: Objective, theta: Tensor, polish: Polish) -> Tensor | None:
    """The highest point (P,) that is reached from theta (S, P); None where there is no ground."""
    ends = climb(objective, theta, polish)
    finalists = _distinct(torch.cat([ends, theta]), objective, polish.finalists)
    if len(finalists) == 0:
        return None
    tops = newton(objective, finalists, polish)
    return tops[int(objective.value(tops).argmax())]


def evaluate(post: Posterior, theta: np.ndarray, kind: str, polish: Polish = POLISH) -> Optimum:
    """How one vector (P,) stands: its densities, gradient and curvature.

    The target is the likelihood for the kind "mle" and the posterior for every other.
    """
    objective = Objective(post, "likelihood" if kind == "mle" else "posterior")
    point = as_tensor(theta, post.device).reshape(1, -1)
    gradient, curvature = objective.derivatives(point)
    model = Quadratic(gradient, curvature)
    still = model.step()[0].norm() <= polish.still * point.norm()
    isolated = still & (model.distance <= polish.near) & (model.least > polish.firm)
    return Optimum(
        theta=np.array(theta, dtype=np.float64),
        mse=float(post.loss(theta)),
        log_prob=float(post.log_prob(theta)),
        log_likelihood=float(post.log_likelihood(theta)),
        gradient_norm=float(gradient.norm()),
        converged=bool(isolated),
        kind=kind,
        misfit=post.loss_name,
    )


def _distinct(theta: Tensor, objective: Objective, most: int) -> Tensor:
    """The best ``most`` vectors whose values differ: copies of one network have the same value."""
    value = objective.value(theta)
    order = value.argsort(descending=True)
    kept: list[int] = []
    for i in order[torch.isfinite(value[order])].tolist():
        if all(abs(value[i] - value[j]) > 1e-7 * (1 + abs(value[j])) for j in kept):
            kept.append(i)
        if len(kept) == most:
            break
    return theta[kept]
