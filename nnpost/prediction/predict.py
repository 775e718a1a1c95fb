"""Predictions from draws of a posterior.

Quantiles are those of draws, with noise those of one new target for each network drawn: so they
are the same for every likelihood, and come with their Monte-Carlo error (numerics/monte_carlo.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..common.errors import RequestError
from ..common.levels import checked_levels
from ..numerics.monte_carlo import jackknife
from ..numerics.ranked import quantiles_with_errors
from ..posterior.posterior import Posterior
from ..training.fits import Fits
from .prediction import Prediction

__all__ = ["LEVELS", "networks_of", "predict"]

LEVELS = (0.05, 0.5, 0.95)
PLACES = 256  # at which quantiles are sorted out at once


def networks_of(fits: Fits | None) -> dict[str, np.ndarray]:
    """The networks (R, P) whose mean is predicted beside the posterior's, by their names."""
    if fits is None:
        return {}
    restarts = fits.theta[np.isfinite(fits.mse)]
    return {"sgd": fits.sgd.theta[None], "map": fits.map.theta[None], "ensemble": restarts}


def predict(
    post: Posterior,
    theta: np.ndarray,
    batches: np.ndarray,
    x: Any,
    levels: Sequence[float] = LEVELS,
    noise: bool = True,
    *,
    yerr: Any = None,
    networks: Mapping[str, np.ndarray] | None = None,
    seed: int = 0,
    component: int | None = None,
) -> Prediction:
    """Predict at x (m, d), in the units of the file, from draws theta (S, P) of the posterior.

    ``batches`` (S,) are those of the draws, for the errors. With ``noise``, and where the data
    bring errors, ``yerr`` (m,) has those at x. ``networks`` (R, P) by name are predicted, too.
    ``component`` is which of several numbers is predicted, counted from 0: a target, or the
    probability of a class, whose noise is whether a new target is of it.

    Raises RequestError for levels that are not between 0 and 1, for x or yerr of a shape that does
    not fit or with numbers that are not finite, and for yerr where it has no use or is missing.
    """
    k = _checked_component(post, component)

    def expected(some: np.ndarray) -> np.ndarray:
        found: np.ndarray = post.expected(some, places)
        return found if post.components == 1 else found[..., k]

    at = checked_levels(levels)
    places = _checked_inputs(post, x)
    if yerr is not None and not noise:
        raise RequestError("yerr: without noise there is no use for it; leave it out")
    outputs = expected(theta)
    draws = outputs
    if noise:
        draws = post.draw_targets(theta, places, np.random.default_rng(seed), yerr)
        if post.components > 1:
            draws = draws[..., k] if post.data.y_names else (draws == k).astype(float)
    mean, mean_error = jackknife(_mean, batches, outputs)
    found, errors = _quantiles(draws, batches, at)
    return Prediction(
        x=places,
        mean=mean,
        mean_error=mean_error,
        sd=_sd(draws),
        quantiles=dict(zip(at, found, strict=True)),
        quantile_errors=dict(zip(at, errors, strict=True)),
        networks={
            name: _mean(expected(some)) for name, some in (networks or {}).items() if len(some)
        },
        draws=draws,
        noise=noise,
        x_names=post.data.x_names,
        y_name=post.component_names[k],
    )


def _mean(draws: np.ndarray) -> np.ndarray:
    """(S, m) -> (m,), infinite where floats cannot hold the sum."""
    with np.errstate(over="ignore"):
        return np.asarray(draws.mean(axis=0))


def _sd(draws: np.ndarray) -> np.ndarray:
    """(S, m) -> (m,), infinite where a draw is."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(np.isfinite(draws).all(axis=0), draws.std(axis=0), np.inf)


def _quantiles(
    draws: np.ndarray, batches: np.ndarray, levels: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Quantiles of draws (S, m) and their errors, some places at a time: (levels, m) each."""
    starts = range(0, draws.shape[1], PLACES)
    parts = [quantiles_with_errors(batches, draws[:, k : k + PLACES], levels) for k in starts]
    value, error = (np.concatenate(rows, axis=1) for rows in zip(*parts, strict=True))
    return value, error


def _checked_component(post: Posterior, component: int | None) -> int:
    count = post.components
    right = component in range(count) or (component is None and count == 1)
    if not right or isinstance(component, bool):
        names = ", ".join(post.component_names)
        raise RequestError(
            f"component: found {component!r}, and {count} number(s) are said of every point "
            f"({names}): give one of 0 … {count - 1}"
        )
    return component or 0


def _checked_inputs(post: Posterior, x: Any) -> np.ndarray:
    """x as finite numbers (m, d), m at least 1."""
    places = np.asarray(x, dtype=float)
    places = places[:, None] if places.ndim == 1 and post.net.inputs == 1 else places
    if places.ndim != 2 or places.shape[1] != post.net.inputs or not len(places):
        names = ", ".join(post.data.x_names)
        raise RequestError(
            f"x has shape {places.shape}, expected (m, {post.net.inputs}): a row for each new "
            f"point and a column for each of {names}"
        )
    bad = np.argwhere(~np.isfinite(places))
    if len(bad):
        row, column = bad[0]
        raise RequestError(
            f"x: found {places[row, column]} in row {row}, column '{post.data.x_names[column]}', "
            "expected finite numbers; remove that row"
        )
    return places
