"""SGD and Adam on the loss Σ r², restart by restart, many steps in one call.

With the gradient g of one step's loss, the moments m and v from zero, and s the steps so far,

    SGD    m ← μ m + g,    θ ← θ − η m
    Adam   m ← m + (1 − β₁)(g − m),    v ← β₂ v + (1 − β₂) g²
           θ ← θ − η/(1 − β₁ˢ) · m / (√v/√(1 − β₂ˢ) + ε)

as torch.optim has them, β₁, β₂ and ε as there by default (Kingma & Ba 2015, ICLR, algorithm 1).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .compiling import kernel, loop
from .misfit import pull
from .points import Points
from .rows import split
from .shape import LANES, Shape

__all__ = ["KERNELS", "Moments", "Rule", "descend"]

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


class Rule(NamedTuple):
    """How a step goes: ``mean`` is whether its loss is divided by its points."""

    adam: bool
    lr: float  # η
    momentum: float  # μ, of SGD alone
    mean: bool


class Moments(NamedTuple):
    """B restarts on their way, changed in place by :func:`descend`."""

    theta: np.ndarray  # (B, P)
    first: np.ndarray  # (B, P)  m
    second: np.ndarray  # (B, P)  v

    @classmethod
    def at(cls, theta: np.ndarray) -> Moments:
        """Before the first step from theta (B, P), which is copied."""
        start = np.array(theta, dtype=np.float64, order="C")
        return cls(start, np.zeros_like(start), np.zeros_like(start))


def descend(
    shape: Shape,
    moments: Moments,
    points: Points,
    rule: Rule,
    done: int,
    epochs: int,
    orders: np.ndarray | None = None,
    size: int = 1,
    threads: int = 1,
) -> int:
    """Take the steps of some ``epochs`` after the first ``done`` steps; returns the steps so far.

    Each epoch is one step on all points, or, with ``orders`` (B, epochs, q), steps on ``size`` of
    the points that these name at a time, the last being what is left over. A restart's numbers
    never depend on the others; one that is no longer finite stays so.
    """
    x, y, root, _ = points.arrays(shape)
    if moments.theta.shape[1:] != (shape.ndim,):
        raise ValueError(f"theta has shape {moments.theta.shape}, expected (B, {shape.ndim})")
    given = np.zeros((len(moments.theta), epochs, 0)) if orders is None else orders
    if given.shape[:2] != (len(moments.theta), epochs):
        raise ValueError(
            f"orders have shape {given.shape}, expected ({len(moments.theta)}, {epochs}, q)"
        )
    chosen = np.ascontiguousarray(given, dtype=np.int64)
    taken = chosen.shape[2] or points.n
    every = np.ascontiguousarray(x.transpose(1, 0, 2)).reshape(shape.sizes[0], -1)
    shared = (
        shape.widths, shape.code, shape.units, x, y, root, every, y.reshape(-1), root.reshape(-1),
        points.n, size, done,
        bool(rule.adam), float(rule.lr), float(rule.momentum), bool(rule.mean),
    )  # fmt: skip
    work = epochs * taken * (shape.units + 1)
    split(_descend, threads, work, (*moments, chosen), shared)
    return done + epochs * (1 if orders is None else -(-taken // size))


@kernel
def _descend(
    theta, first, second, orders,
    sizes, code, count, x, y, root, every_x, every_y, every_root, n, size, done,
    adam, lr, momentum, mean,
):  # fmt: skip
    taken, m = orders.shape[2], y.shape[1]
    if taken > 0:
        m = min(m, LANES * (1 + (size - 1) // LANES))
    room = np.empty((x.shape[1], m)), np.empty(m), np.empty(m)
    units, delta, work = np.empty((count, m)), np.empty((count, m)), np.empty((2, m))
    grad = np.empty(theta.shape[1])
    for w in range(theta.shape[0]):
        t, step = theta[w], done
        for e in range(orders.shape[1]):
            for lo in range(0, max(1, taken), size):
                grad[:] = 0.0
                order = orders[w, e, lo : lo + size]
                if taken == 0:
                    for k in range(y.shape[0]):
                        pull(t, sizes, code, x[k], y[k], root[k], units, delta, work, grad)
                for k in range(0, order.size, m):
                    x_k, y_k, root_k = room
                    _gather(order[k : k + m], every_x, every_y, every_root, x_k, y_k, root_k)
                    pull(t, sizes, code, x_k, y_k, root_k, units, delta, work, grad)
                factor = -2.0 / (order.size if taken > 0 else n) if mean else -2.0
                step += 1
                if adam:
                    _adam(t, first[w], second[w], grad, factor, lr, step)
                else:
                    _sgd(t, first[w], grad, factor, lr, momentum)


@loop
def _gather(order, every_x, every_y, every_root, x, y, root):
    """The points ``order`` as one block (·, m), filled up with the first of them at no weight."""
    y[:] = 0.0
    root[:] = 0.0
    for i in range(order.size):
        y[i] = every_y[order[i]]
        root[i] = every_root[order[i]]
    for d in range(x.shape[0]):
        x[d] = every_x[d, order[0]]
        for i in range(order.size):
            x[d, i] = every_x[d, order[i]]


@loop
def _sgd(t, first, grad, factor, lr, momentum):
    for i in range(t.size):
        first[i] = momentum * first[i] + factor * grad[i]
        t[i] -= lr * first[i]


@loop
def _adam(t, first, second, grad, factor, lr, step):
    rate = lr / (1.0 - BETA_1 ** float(step))
    root = math.sqrt(1.0 - BETA_2 ** float(step))
    for i in range(t.size):
        g = factor * grad[i]
        first[i] += (1.0 - BETA_1) * (g - first[i])
        second[i] = BETA_2 * second[i] + (1.0 - BETA_2) * g * g
        t[i] -= rate * first[i] / (math.sqrt(second[i]) / root + EPSILON)


KERNELS = {"descent": _descend}
