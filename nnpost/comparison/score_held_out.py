"""Score what a run and its fits predict on points that were held out of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..common.errors import RequestError
from ..data.dataset import Dataset
from ..numerics.monte_carlo import Estimate, binomial
from ..posterior.posterior import Posterior
from ..prediction.predict import networks_of
from ..prediction.scores import crps, log_mean_density, pit
from ..sampling.run import Run
from .constant_sgd import constant_sgd
from .effort import FULL, Detail
from .held_out import HeldOut, Score
from .laplace import laplace

__all__ = ["score_held_out"]

POINTS = 500  # that are scored at once
BANDS = {"coverage_50": 0.5, "coverage_90": 0.9}
NAMES = {"sgd": "SGD", "map": "MAP", "ensemble": "restarts as an ensemble"}


class Mixture(NamedTuple):
    """Networks (R, P), all of the same weight, whose predictions together are scored."""

    name: str
    theta: np.ndarray
    note: str = ""


def score_held_out(run: Run, data: Dataset, *, detail: Detail = FULL) -> HeldOut:
    """Score the posterior's draws, SGD, the MAP, all restarts, Laplace's approximation at the MAP
    and the late part of an SGD trajectory, on points of the run's kind that it has not seen.

    Every network predicts with its own noise. Raises RequestError where the data have other inputs,
    bring errors and the run's do not, or have targets that its likelihood does not know.
    """
    if data.inputs != run.post.data.inputs:
        raise RequestError(
            f"held-out data '{data.name}': found {data.inputs} inputs, expected "
            f"{run.post.data.inputs} as in '{run.post.data.name}'"
        )
    run.post.check_targets(data)
    parts = [data.raw.part(slice(k, k + POINTS)) for k in range(0, data.n, POINTS)]
    found = [pointwise(run, mixture, parts, detail.targets) for mixture in mixtures(run, detail)]
    ordered = run.post.components == 1
    scores = (score_of(one, found[0].log_density, ordered) for one in found)
    return HeldOut(tuple(scores), data.n, run.post.file_words, _measure(run.post))


def mixtures(run: Run, detail: Detail) -> Iterator[Mixture]:
    """The posterior's draws, and what stands beside them."""
    yield Mixture("posterior", run.some(detail.targets)[0])
    if run.fits is None:
        return
    for name, theta in networks_of(run.fits).items():
        if len(theta):
            yield Mixture(NAMES[name], theta)
    around = laplace(run.post, run.fits.map.theta).draw(detail.approximation, run.seed)
    yield Mixture("Laplace at MAP", around)
    late = constant_sgd(run.post, run.fits.sgd.theta, run.seed, detail.constant_sgd).theta
    if len(late):
        yield Mixture("late SGD", late)


class Pointwise(NamedTuple):
    """What a mixture says of every point, (n,) each."""

    mixture: Mixture
    # y less its mean; the root mean square over several targets, each over its standard deviation
    # in the fitted data; of classes 1 less the probability of the one seen
    residual: np.ndarray
    log_density: np.ndarray
    crps: np.ndarray
    pit: np.ndarray


def pointwise(run: Run, mixture: Mixture, parts: list[Dataset], targets: int) -> Pointwise:
    """Score a mixture at the points of all parts, which are in units of the file, by about so many
    targets drawn at each: as many of every network."""
    post, theta, rng = run.post, mixture.theta, np.random.default_rng(run.seed)
    many = np.tile(theta, (max(1, targets // len(theta)), 1))
    rows = []
    for part in parts:
        density = log_mean_density(post.pointwise_log_likelihood(theta, part))
        new = post.draw_targets(many, part.x, rng, part.yerr)
        rows.append(
            (
                _residual(post, theta, part),
                post.data.scaling.log_density_to_file(density),
                crps(new, part.y) if part.y.ndim == 1 else np.full(part.n, np.nan),
                pit(new, part.y, rng) if part.y.ndim == 1 else np.full(part.n, np.nan),
            )
        )
    return Pointwise(mixture, *(np.concatenate(column) for column in zip(*rows, strict=True)))


def _measure(post: Posterior) -> str:
    """How the scores are to be read where several numbers are said of a point."""
    if post.components == 1:
        return ""
    squares = "1 less the probability of the class seen"
    if post.data.y_names:
        squares = (
            f"all {len(post.data.y_names)} targets, each in units of its standard deviation in the "
            "fitted data, and LPPD of all together"
        )
    return f"RMSE is of {squares}; CRPS and bands are of one number alone, and left out"


def _residual(post: Posterior, theta: np.ndarray, part: Dataset) -> np.ndarray:
    with np.errstate(over="ignore"):  # of rates that floats cannot hold
        mean: np.ndarray = post.expected(theta, part.x).mean(axis=0)
    if post.components == 1:
        return np.asarray(part.y - mean)
    if part.y.ndim == 2:
        return np.asarray(np.sqrt(np.mean(((part.y - mean) / post.data.spreads) ** 2, axis=1)))
    return np.asarray(1 - mean[np.arange(part.n), part.y.astype(int)])


def score_of(found: Pointwise, posterior: np.ndarray, ordered: bool = True) -> Score:
    """Means over points, with their errors; ``posterior`` (n,) is the posterior's log density.
    Classes are not ``ordered``, and no band of them says anything."""
    with np.errstate(over="ignore", invalid="ignore"):  # −inf less −inf is not known
        square = mean_of(found.residual**2)
        below = mean_of(posterior - found.log_density)
        density, ranked = mean_of(found.log_density), mean_of(found.crps)
    rmse = math.sqrt(square.value)
    numbers = {
        "rmse": Estimate(rmse, square.error / (2 * rmse) if rmse else 0.0),
        "lppd": density,
        "lppd_below": below,
        "crps": ranked,
    }
    if found.mixture.name == "posterior":
        del numbers["lppd_below"]
    if not ordered:
        del numbers["crps"]
    bands = BANDS if ordered else {}
    numbers |= {name: binomial(np.abs(found.pit - 0.5) < band / 2) for name, band in bands.items()}
    theta, note = found.mixture.theta, found.mixture.note
    return Score(found.mixture.name, len(theta), numbers, found.log_density, found.pit, note)


def mean_of(values: np.ndarray) -> Estimate:
    """Over independent points (n,). The error of one point alone, or of infinite ones, is NaN."""
    value, error = float(values.mean()), math.nan
    if len(values) > 1 and math.isfinite(value):
        error = float(values.std(ddof=1)) / math.sqrt(len(values))
    return Estimate(value, error)
