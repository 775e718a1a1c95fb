"""What is true of the posteriors of ``adversary.py``, by ways that share nothing with its runs.

The first that serves: the closed form, quadrature in up to three hidden dimensions with the output
layer integrated out, importance sampling from the prior, and importance sampling from a mixture
around all maxima of a search many times longer than that of a run. The last two say how many
effective draws they are worth and the Pareto k of their weights, and are refused where either is
poor.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from arviz_stats.base import array_stats

import nnpost
from nnpost import Posterior
from nnpost.posterior.output_layer import OutputLayer
from nnpost.tempering.around_maxima import Around, around_maxima
from nnpost.tempering.basin_hopping import Ascent, Search

__all__ = ["Truth", "find_truth"]

GRID = {1: 20_001, 2: 1401, 3: 181}  # points a dimension
PRIOR_DRAWS = 3_000_000
PART = 100_000
THOROUGH = Around(
    search=Search(restarts=500, hops=6, hoppers=200, ascent=Ascent(deep=40.0), components=100),
    draws=30_000,
    rounds=12,
    work=math.inf,
)


@dataclass(frozen=True)
class Truth:
    """log Z and the posterior means of the network's output at some places, with their errors."""

    by: str
    log_z: float
    log_z_error: float
    mean: list[float]
    mean_error: list[float]
    effective: float | None = None
    pareto_k: float | None = None

    def to_tree(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def find_truth(post: Posterior, places: np.ndarray) -> Truth:
    """The truth of a posterior by the first way that serves.

    Raises ValueError where none does.
    """
    layer = OutputLayer(post)
    if layer.ndim == 0:
        exact = nnpost.closed_form(post)
        mean, _ = exact.predict(places)
        return Truth("closed form", exact.log_evidence, 0.0, mean.tolist(), [0.0] * len(mean))
    if layer.ndim in GRID:
        return _by_quadrature(layer, places)
    found = _from_prior(layer, places)
    if not _good(found):
        found = _around_maxima(post, places)
    if not _good(found):
        raise ValueError(f"no truth for {post.net}: {found}")
    return found


def _good(truth: Truth) -> bool:
    return (truth.effective or 0) > 1500 and (truth.pareto_k or 0) < 0.7


def _by_quadrature(layer: OutputLayer, places: np.ndarray) -> Truth:
    """On two grids, of which the coarser gives the error."""
    fine, coarse = (_on_grid(layer, places, step) for step in (1, 2))
    gap = np.abs(fine[1] - coarse[1]) + 1e-12
    error = abs(fine[0] - coarse[0]) + 1e-12
    return Truth("quadrature", fine[0], error, fine[1].tolist(), gap.tolist())


def _on_grid(layer: OutputLayer, places: np.ndarray, step: int) -> tuple[float, np.ndarray]:
    """Every coordinate is c sinh t on an even grid of t: dense near zero, and seven priors wide."""
    scales = layer.post.scales[layer.hidden_index]
    kinds = [2.0 if i == layer.post.net.ndim else 0.4 for i in layer.hidden_index]
    axes = []
    for c, s in zip(kinds, scales, strict=True):
        end = math.asinh(7 * s / c)
        t = np.linspace(-end, end, GRID[layer.ndim])[::step]
        axes.append((c * np.sinh(t), np.log(c * np.cosh(t) * (t[1] - t[0]))))

    def parts() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        first, *rest = axes
        others, volumes = np.zeros((1, 0)), np.zeros(1)
        for places_, logs in rest:
            others = np.c_[np.repeat(others, len(places_), 0), np.tile(places_, len(others))]
            volumes = np.add.outer(volumes, logs).ravel()
        rows = max(1, PART // len(others))
        for i in range(0, len(first[0]), rows):
            one, volume = first[0][i : i + rows], first[1][i : i + rows]
            h = np.c_[np.repeat(one, len(others)), np.tile(others, (len(one), 1))]
            yield h, np.add.outer(volume, volumes).ravel()

    return _summed(layer, places, parts())[:2]


def _summed(
    layer: OutputLayer, places: np.ndarray, parts: Iterator[tuple[np.ndarray, np.ndarray]]
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """log Σ p(y, h) e^v over parts (h, v), the mean of f, and all log weights and f that count."""
    kept: list[tuple[np.ndarray, np.ndarray]] = []
    logs: list[np.ndarray] = []
    for h, volume in parts:
        log_weights = layer.log_prob(h) + volume
        logs.append(log_weights)
        top = max(float(one[0].max()) for one in [*kept, (log_weights,)])
        some = log_weights > top - 25
        if some.any():
            mean = layer.collapsed(h[some], layer.post.noise(h[some])).mean
            f = layer.post.predict(layer.join(h[some], mean), places)
            kept.append((log_weights[some], f))
    whole = np.concatenate(logs)
    log_weights, f = (np.concatenate(part) for part in zip(*kept, strict=True))
    weights = np.exp(log_weights - log_weights.max())
    return float(np.logaddexp.reduce(whole)), weights @ f / weights.sum(), log_weights, f


def _from_prior(layer: OutputLayer, places: np.ndarray) -> Truth:
    """The likelihood is the weight of a draw from the prior."""
    scales, rng = layer.post.scales[layer.hidden_index], np.random.default_rng(12345)

    def parts() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for _ in range(PRIOR_DRAWS // PART):
            h = scales * rng.standard_normal((PART, layer.ndim))
            yield h, -layer.hidden_prior.log_prob(h)

    log_sum, _, log_weights, f = _summed(layer, places, parts())
    found = _weighted("prior draws", log_sum - math.log(PRIOR_DRAWS), log_weights, f)
    return replace(found, log_z_error=_relative_error(log_weights, PRIOR_DRAWS))


def _around_maxima(post: Posterior, places: np.ndarray) -> Truth:
    fits = nnpost.train(post, restarts=256, epochs=1000, seed=4321)
    theta = fits.theta[np.argsort(-fits.log_prob)[:60]]
    found = around_maxima(post, theta, seed=98765, tuning=THOROUGH)
    if found is None:
        raise ValueError("nothing to draw around")
    known = np.isfinite(found.log_weights)
    drawn = found.folded.complete(found.h[known], np.random.RandomState(1))
    f = post.predict(drawn.theta, places)
    truth = _weighted("mixture around maxima", found.log_z, found.log_weights[known], f)
    return replace(truth, log_z_error=found.error)


def _weighted(by: str, log_z: float, log_weights: np.ndarray, f: np.ndarray) -> Truth:
    weights = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()
    mean = weights @ f
    error = np.sqrt(weights**2 @ (f - mean) ** 2)
    k = float(array_stats.psislw(log_weights.max() - log_weights)[1])
    effective = 1 / float(weights @ weights)
    return Truth(by, log_z, math.nan, mean.tolist(), error.tolist(), effective, k)


def _relative_error(log_weights: np.ndarray, draws: int) -> float:
    weights = np.exp(log_weights - log_weights.max())
    return math.sqrt(max(float(weights @ weights) / float(weights.sum()) ** 2 - 1 / draws, 0.0))
