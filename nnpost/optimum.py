"""The maximum of the posterior (MAP) or of the likelihood (MLE), climbed to convergence.

Two stages, both batched over the starts and free of random numbers:

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
maximum at every step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .errors import RequestError, choose
from .hill import Hill, Target
from .posterior import BLOCK, Posterior, as_tensor
from .threads import SideBySide, threads_for

__all__ = ["Optimum", "climb", "evaluate", "maximise"]

CLIMB_STEPS, NEWTON_STEPS = 300, 150  # at most
ENOUGH = 1e-7, 1e-10  # gains that are worth another step of either stage, in nats
PATIENCE = 8  # steps in a row without one before a climb ends
FINALISTS = 4  # distinct end points of the first stage that Newton's method works on
NEAR = 1e-6  # converged: this near to the maximum, in standard deviations of the Gaussian there
STILL = 1e-8  # ... and a last Newton step no larger than this, relative to theta
FIRM = 1e-12  # ... where the least curvature, in units of the diagonal, is not all rounding


@dataclass(frozen=True, eq=False, repr=False)
class Optimum:
    """One network that is best in some sense, and how it stands.

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
    misfit: str = "mse"  # what tables call mse: "χ²/n" where the data bring errors

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

    def rows(self) -> list[tuple[str, str]]:
        """What the tables show, as (name, value)."""
        return [
            (self.misfit, f"{self.mse:.6g}"),
            ("log posterior", f"{self.log_prob:.6g}"),
            ("log likelihood", f"{self.log_likelihood:.6g}"),
            ("gradient norm", f"{self.gradient_norm:.2g}"),
            ("converged", "yes" if self.converged else "no"),
            ("theta", np.array2string(self.theta, precision=4, threshold=12, max_line_width=72)),
        ]

    def __repr__(self) -> str:
        lines = [f"  {name:<15}{value}" for name, value in self.rows()]
        return "\n".join([f"Optimum ({self.kind})", *lines])

    def _repr_html_(self) -> str:
        cells = "".join(f"<tr><th>{n}</th><td>{v}</td></tr>" for n, v in self.rows())
        return f"<table><caption>Optimum ({self.kind})</caption>{cells}</table>"


def maximise(post: Posterior, starts: Any, target: Target = "posterior") -> Optimum:
    """The highest maximum of the log posterior or log likelihood that is reached from ``starts``.

    ``starts`` is (S, P), or (P,) for one. Starts that are not finite are left out. The result is
    never lower than the best start. The output layer and an inferred log σ of the starts do not
    matter: they are replaced by their best values at once.

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
        best = _highest(Hill(post, target), theta)
    if best is None:
        raise RequestError(f"no start has a finite log {target}; give starts nearer to zero")
    return evaluate(post, best.numpy(force=True), "map" if target == "posterior" else "mle")


def climb(post: Posterior, starts: Any) -> tuple[np.ndarray, np.ndarray]:
    """Where the climb from every start ends, (S, P) -> (S, P), and the log posterior there, (S,).

    This is the first stage alone, which finds a top to about 1e-6 nats where it is a curved one.
    A start's basin is the top that it leads to. The output layer and an inferred log σ of a start
    do not matter.
    """
    theta, hill = as_tensor(starts, post.device), Hill(post, "posterior")
    rows = max(1, BLOCK // (post.data.n * post.ndim))
    with threads_for(theta.numel() * post.data.n):
        parts = theta.split(rows)
        tops = torch.cat(SideBySide(len(parts))(lambda i: _climb(hill, parts[i])))
        return tops.numpy(force=True), hill.value(tops).numpy(force=True)


def _highest(hill: Hill, theta: Tensor) -> Tensor | None:
    """The highest point (P,) that is reached from theta (S, P); None where there is no ground."""
    rows = max(1, 4 * BLOCK // (hill.post.data.n * hill.post.ndim))
    climbed = [_climb(hill, part) for part in theta.split(rows)]
    finalists = _distinct(torch.cat([*climbed, theta]), hill)
    if len(finalists) == 0:
        return None
    tops = _newton(hill, finalists)
    return tops[int(hill.value(tops).argmax())]


def evaluate(post: Posterior, theta: np.ndarray, kind: str) -> Optimum:
    """How one vector (P,) stands: its densities, gradient and curvature.

    The target is the likelihood for the kind "mle" and the posterior for every other.
    """
    hill = Hill(post, "likelihood" if kind == "mle" else "posterior")
    point = as_tensor(theta, post.device).reshape(1, -1)
    gradient, curvature = hill.derivatives(point)
    model = _Quadratic(gradient, curvature)
    still = model.step()[0].norm() <= STILL * point.norm()
    isolated = still & (model.distance <= NEAR) & (model.least > FIRM)
    return Optimum(
        theta=np.array(theta, dtype=np.float64),
        mse=float(post.mse(theta)),
        log_prob=float(post.log_prob(theta)),
        log_likelihood=float(post.log_likelihood(theta)),
        gradient_norm=float(gradient.norm()),
        converged=bool(isolated),
        kind=kind,
        misfit=post.data.misfit,
    )


def _climb(hill: Hill, theta: Tensor) -> Tensor:
    """Levenberg–Marquardt in h for every start at once, (B, P) -> (B, P)."""
    theta = hill.complete(theta, rounds=20 if hill.infers_noise else 1)
    if hill.net.n_hidden == 0:
        return theta
    value = hill.value(theta)
    damping, idle = _Damping(value), torch.zeros_like(value)
    scale = torch.zeros_like(theta[:, hill.hidden])
    going = torch.isfinite(value).nonzero().squeeze(1)
    for _ in range(CLIMB_STEPS):
        if len(going) == 0:
            break
        at = theta[going]
        gradient, curvature = hill.reduced(at)
        scale[going] = scale[going].maximum(curvature.diagonal(dim1=1, dim2=2))
        weight = damping.now[going].unsqueeze(1) * scale[going].clamp(min=1e-30)
        step = _solve(curvature + torch.diag_embed(weight), gradient)
        trial = at.clone()
        trial[:, hill.hidden] += step
        trial = hill.complete(trial)
        gain = hill.value(trial) - value[going]
        damping.learn(going, gain, 0.5 * (step * (weight * step + gradient)).sum(1))
        theta[going] = torch.where((gain > 0).unsqueeze(1), trial, at)
        value[going] += torch.where(gain > 0, gain, 0.0)
        idle[going] = torch.where(gain > ENOUGH[0], 0.0, idle[going] + 1)
        going = going[idle[going] < PATIENCE]
    return theta


def _solve(matrix: Tensor, vector: Tensor) -> Tensor:
    """A⁻¹ b for a batch of positive definite matrices, zero where one is not."""
    cholesky, failed = torch.linalg.cholesky_ex(matrix)
    solution = torch.cholesky_solve(vector.unsqueeze(2), cholesky).squeeze(2)
    return torch.where((failed > 0).unsqueeze(1), 0.0, solution)


def _distinct(theta: Tensor, hill: Hill) -> Tensor:
    """The best few vectors whose values differ: copies of one network have the same value."""
    value = hill.value(theta)
    order = value.argsort(descending=True)
    kept: list[int] = []
    for i in order[torch.isfinite(value[order])].tolist():
        if all(abs(value[i] - value[j]) > 1e-7 * (1 + abs(value[j])) for j in kept):
            kept.append(i)
        if len(kept) == FINALISTS:
            break
    return theta[kept]


class _Quadratic:
    """The hill's second-order model at B points, in the eigenvectors of its curvature.

    Units of the parameters are taken out by the diagonal. ``distance`` is √(gᵀ(−H)⁻¹g), how far
    the top is in standard deviations of the Gaussian with this curvature; ``least`` the smallest
    eigenvalue of −H, below zero where the hill curves upwards.
    """

    def __init__(self, gradient: Tensor, curvature: Tensor) -> None:
        down = -0.5 * (curvature + curvature.mT)
        self.scale = down.diagonal(dim1=1, dim2=2).abs().clamp(min=1e-150).rsqrt()
        scaled = self.scale.unsqueeze(2) * down * self.scale.unsqueeze(1)
        self.values, self.vectors = torch.linalg.eigh(scaled.nan_to_num(0.0, 0.0, 0.0))
        self.along = self._rotate(self.vectors.mT, self.scale * gradient)
        self.firm = self.values.abs().clamp(min=1e-15)
        self.least = self.values[:, 0]
        self.distance = (self.along.square() / self.firm).sum(1).sqrt()

    def step(self, damping: float | Tensor = 0.0) -> tuple[Tensor, Tensor]:
        """(|−H| + damping)⁻¹ g, uphill whatever the curvature; and the gain expected of it."""
        c = self.along / (self.firm + damping)
        gain = (c * self.along - 0.5 * c.square() * self.values).sum(1)
        return self.scale * self._rotate(self.vectors, c), gain

    @staticmethod
    def _rotate(matrix: Tensor, vector: Tensor) -> Tensor:
        return (matrix @ vector.unsqueeze(2)).squeeze(2)


class _Damping:
    """One damping for each of B climbs: less after a good step, more after a bad one.

    Nielsen's rule: a step that gains what was expected of it divides the damping by three, a
    failure multiplies it by 2, the next by 4, 8, …
    """

    def __init__(self, like: Tensor) -> None:
        self.now, self.growth = torch.full_like(like, 1e-2), torch.full_like(like, 2.0)

    def learn(self, rows: Tensor, gain: Tensor, expected: Tensor) -> None:
        ratio = (gain / expected.clamp(min=1e-300)).clamp(0, 1)
        shrink = (1 - (2 * ratio - 1) ** 3).clamp(min=1 / 3)
        good, growth = gain > 0, self.growth[rows]
        now = self.now[rows] * torch.where(good, shrink, growth)
        self.now[rows] = now.clamp(1e-15, 1e30)
        self.growth[rows] = torch.where(good, 2.0, 2 * growth).clamp(max=1e9)


def _newton(hill: Hill, theta: Tensor) -> Tensor:
    """Damped Newton steps, the output layer following h, (B, P) -> (B, P), never downhill."""
    theta, value = theta.clone(), hill.value(theta)
    damping, idle = _Damping(value), torch.zeros_like(value)
    going = torch.arange(len(theta), device=theta.device)
    model = _Quadratic(*hill.derivatives(theta))
    for _ in range(NEWTON_STEPS):
        step, expected = model.step(damping.now[going].unsqueeze(1))
        trial = hill.complete(theta[going] + step)
        reached = hill.value(trial)
        gain = reached - value[going]
        damping.learn(going, gain, expected)
        better = gain > 0
        theta[going] = torch.where(better.unsqueeze(1), trial, theta[going])
        value[going] = torch.where(better, reached, value[going])
        idle[going] = torch.where(gain > ENOUGH[1], 0.0, idle[going] + 1)
        going = going[idle[going] < PATIENCE]
        if len(going) == 0:
            break
        model = _Quadratic(*hill.derivatives(theta[going]))
    return _settle(hill, theta, value)


def _settle(hill: Hill, theta: Tensor, value: Tensor) -> Tensor:
    """Full Newton steps as long as they come nearer to the top.

    There the value has lost its meaning to rounding, ε|value|, but the gradient has not: the
    value cannot tell points apart within √ε standard deviations of the top, the gradient can.
    """
    nearest = torch.full_like(value, 1e-3)  # further away the value still guides
    at, best = theta, theta.clone()
    for _ in range(6):
        model = _Quadratic(*hill.derivatives(at))
        level = hill.value(at) >= value - 1e-9 * (1 + value.abs())
        nearer = (model.distance < nearest) & (model.least > 0) & level
        best[nearer], nearest[nearer] = at[nearer], model.distance[nearer]
        at = torch.where(nearer.unsqueeze(1), at + model.step()[0], at)
    return best
