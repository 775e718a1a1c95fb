"""What cheaper methods make of the same posterior, each beside the MCMC draws.

The restarts as a deep ensemble (Lakshminarayanan et al. 2017), Laplace's approximation at the best
fit and at the MAP (laplace.py; its draws through the network, and through the network linearised),
and the late part of an SGD trajectory (constant_sgd.py). All are judged as distributions of curves:
the Wasserstein-1 distance at every x, averaged, beside what as many draws of one independent MCMC
ensemble are away from another one's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..numerics.monte_carlo import BATCHES, Estimate, jackknife
from ..numerics.wasserstein import wasserstein
from ..training.fits import Fits
from .constant_sgd import constant_sgd
from .distance import Reference
from .laplace import laplace

__all__ = ["Approximation", "against", "approximations", "noise_floor"]

SIZE = 1000  # draws of an approximation, and of the posterior that it is compared with
KINDS = ("w1", "mean", "width")


@dataclass(frozen=True, eq=False)
class Approximation:
    """An approximation of the posterior against the MCMC draws of it.

    ``numbers`` has, for "inside" and "outside" the data's range, averages over the inputs x of the
    comparison: ``w1_*``, the Wasserstein-1 distance of f(x), in units of y; ``floor_*``, the same
    between two independent ensembles, with as many draws; ``mean_*``, the root mean square
    distance of the predictive means in posterior standard deviations of f(x); ``width_*``, the
    mean width of the 90 % band over that of the posterior. ``log_z`` is None for what has none.
    """

    name: str
    draws: int
    numbers: Mapping[str, Estimate]
    log_z: float | None
    mean: np.ndarray  # (m,) of f(x)
    q05: np.ndarray
    q95: np.ndarray
    note: str = ""

    def to_tree(self) -> dict[str, Any]:
        """A plain nested dict."""
        return asdict(self)

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Approximation:
        """What :meth:`to_tree` gave; what was None is absent."""
        numbers = {k: Estimate.from_tree(v) for k, v in tree["numbers"].items()}
        log_z = tree.get("log_z")
        more = {"numbers": numbers, "log_z": None if log_z is None else float(log_z)}
        return cls(**{**tree, **more})


def approximations(reference: Reference, fits: Fits, seed: int = 0) -> Iterator[Approximation]:
    """All of them, in the order in which tables show them."""
    post, x = reference.post, reference.x
    trained = fits.theta[np.isfinite(fits.mse)]
    yield against(reference, "restarts as an ensemble", post.predict(trained, x))
    for name, centre in (("SGD", fits.sgd.theta), ("MAP", reference.top)):
        found = laplace(post, centre)
        theta = found.draw(SIZE, seed)
        title = f"Laplace at {name}"
        yield against(reference, title, post.predict(theta, x), found.log_z)
        linear = found.linearised(post, theta, x)
        yield against(reference, f"{title}, linearised", linear, found.log_z)
    path = constant_sgd(post, fits.sgd.theta, seed)
    if len(path.theta):
        note = f"batches of {path.batch_size}, rate {path.rate:.2g}"
        if path.rate < path.best_rate:
            note += f", as large as is stable; {path.best_rate:.2g} would match the posterior"
        yield against(reference, "late SGD", post.predict(path.theta, x), None, note)


def against(
    reference: Reference,
    name: str,
    curves: np.ndarray,
    log_z: float | None = None,
    note: str = "",
) -> Approximation:
    """One approximation, given its curves (S, m) at the reference's inputs.

    Errors are of the posterior's draws and of the approximation's own, together.
    """
    some = slice(None, None, -(-len(reference.curves) // SIZE))
    groups = reference.curve_groups[some]
    draws = reference.curves[some]
    value, known = jackknife(lambda kept: _numbers(reference, curves, kept), groups, draws)
    _, own = jackknife(
        lambda kept: _numbers(reference, kept, draws),
        np.arange(len(curves)) * BATCHES // len(curves),
        curves,
    )
    error = np.hypot(known, own)
    names = [f"{kind}_{part}" for part in _parts(reference) for kind in KINDS]
    numbers = {n: Estimate(float(v), float(e)) for n, v, e in zip(names, value, error, strict=True)}
    low, high = np.quantile(curves, [0.05, 0.95], axis=0)
    return Approximation(
        name=name,
        draws=len(curves),
        numbers=numbers | noise_floor(reference, len(curves)),
        log_z=log_z,
        mean=curves.mean(axis=0),
        q05=low,
        q95=high,
        note=note,
    )


def noise_floor(reference: Reference, size: int) -> dict[str, Estimate]:
    """Distance of ``size`` draws of the posterior from SIZE independent ones, by MCMC.

    The mean of two: the first quarter of the batches against the second, the third against the
    fourth. Batches are in the order of the ensembles, so that quarters are independent ensembles
    where there are four or more (with one ensemble they are quarters of its rows).
    """
    quarter = 4 * reference.curve_groups // (reference.curve_groups.max() + 1)
    parts = [reference.curves[quarter == k] for k in range(4)]
    if min(map(len, parts)) < 2:
        return {}
    found = {}
    pairs = [(parts[0], parts[1]), (parts[2], parts[3])]
    both = [wasserstein(_thinned(a, size), _thinned(b, SIZE)) for a, b in pairs]
    for name, part in _parts(reference).items():
        one, other = (float(w[part].mean()) for w in both)
        found[f"floor_{name}"] = Estimate((one + other) / 2, abs(one - other) / 2)
    return found


def _numbers(reference: Reference, curves: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """KINDS for every part of x, in a row."""
    distance = wasserstein(curves, draws)
    sd = np.maximum(draws.std(axis=0), 1e-300)
    shift = (curves.mean(axis=0) - draws.mean(axis=0)) / sd
    widths = [np.diff(np.quantile(c, [0.05, 0.95], axis=0), axis=0)[0] for c in (curves, draws)]
    return np.array(
        [
            number
            for part in _parts(reference).values()
            for number in (
                distance[part].mean(),
                np.sqrt(np.mean(shift[part] ** 2)),
                widths[0][part].mean() / max(widths[1][part].mean(), 1e-300),
            )
        ]
    )


def _parts(reference: Reference) -> dict[str, np.ndarray]:
    parts = {"inside": reference.inside, "outside": ~reference.inside}
    return {name: part for name, part in parts.items() if part.any()}


def _thinned(values: np.ndarray, size: int) -> np.ndarray:
    return values[np.linspace(0, len(values) - 1, min(size, len(values))).astype(int)]
