"""How many units do the data ask for? The same data under networks of many sizes and activations.

For every size: what training reaches over many restarts, how the best fit goes on outside the
data, and log Z, the logarithm of the evidence. The ratio of two evidences is the Bayes factor
between two sizes; it depends on the prior and on the noise level that the likelihood assumes.

log Z comes from several tempered runs. It is trusted only where they agree: no run may lie more
than 1 nat from the mean of the others, the same rule as the verdict's on ensembles. All of them may
miss the same basin: importance sampling around all maxima that training and a search found has to
agree with them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..common.errors import RequestError
from ..common.progress import Progress, open_progress
from ..common.rules import COUNT, SEED, checked
from ..data.dataset import Dataset
from ..data.grids import grid
from ..diagnostics.survey import Survey
from ..network.symmetry import fold
from ..posterior.posterior import Posterior
from ..tempering.around_maxima import around_maxima
from ..tempering.settings import TemperSettings
from ..tempering.temper import TEMPER_DETAIL, TemperDetail, temper
from ..tempering.tempered_run import NoBasins
from ..training.fits import Fits
from ..training.settings import TrainSettings
from ..training.train import train
from .result import Scan, Size

__all__ = ["inner_half", "scan"]

Truth = Callable[[np.ndarray], np.ndarray]  # inputs (m, d) -> the mean of y there, (m,)


def scan(
    post: Posterior,
    hidden: Sequence[int] = (1, 2, 4, 8, 16),
    activations: Sequence[str] | None = None,
    training: TrainSettings | Mapping[str, Any] | None = None,
    tempering: TemperSettings | Mapping[str, Any] | None = None,
    ensembles: int = 4,
    truth: Truth | None = None,
    seed: int = 0,
    progress: Progress | bool = False,
    tuning: TemperDetail = TEMPER_DETAIL,
) -> Scan:
    """Train and temper networks of one hidden layer of each size and activation.

    Args:
        post: the data, likelihood and prior; its network is replaced.
        hidden: numbers of units.
        activations: that of ``post`` where not given.
        training, tempering: settings of ``nnpost.train`` and ``nnpost.temper``, of each network.
        ensembles: E, tempered runs a size.
        truth: the mean of y at inputs (m, d), noise left out. The extrapolation error is against
            it, over twice the range of the data; without it another fit is made to the inner half
            of the range, and its error is against the points outside that half. What a network
            says of y is its mean: f(x), or a probability or rate.
        seed: of all restarts and tempered runs.
        progress: True for a bar, or a function called as ``progress(done, total, text)``.
        tuning: how tempered runs are made, beside their settings.

    Raises:
        RequestError: no size, a size or activation twice, several targets or classes, or settings
            that cannot be used for one of the networks. Nothing has then been computed.
    """
    if post.components > 1:
        raise RequestError(
            f"sizes: found {post.words}, expected one number that is said of a point; compare "
            "log Z of nnpost.temper, one size at a time"
        )
    kinds = (post.net.activation,) if activations is None else tuple(activations)
    for what, values in (("hidden", tuple(hidden)), ("activation", kinds)):
        if not values or len(set(values)) < len(values):
            shown = ", ".join(map(str, values)) or "nothing"
            raise RequestError(f"{what}: found {shown}, expected one or more, each once")
    posts = [
        replace(post, net=replace(post.net, hidden=(units,), activation=kind))
        for kind in kinds
        for units in hidden
    ]
    trained, tempered = TrainSettings.read(training or {}), TemperSettings.read(tempering or {})
    for one in posts:
        trained.checked_for(one)
        tempered.checked_for(one)
    ensembles, seed = checked("ensembles", ensembles, COUNT), checked("seed", seed, SEED)
    recipe = trained.table() | {"seed": seed}
    ladder = tempered.table() | {"ensembles": ensembles, "seed": seed}
    inner = None if truth is not None else inner_half(post.data)
    sizes = []
    with open_progress(progress, "units") as progress:
        for one in posts:
            sizes.append(_size(one, recipe, ladder, tuning, truth, inner))
            text = f"{sizes[-1].name}: log Z {sizes[-1].log_evidence:.2f}"
            progress(len(sizes), len(posts), text)
    measured = not math.isnan(sizes[0].extrapolation)
    measure = "none" if not measured else "truth" if truth is not None else "held out"
    x, words = grid(post.data.raw.x), post.file_words
    return Scan(post.data, words, x, tuple(sizes), measure, post.loss_name)


def inner_half(data: Dataset) -> np.ndarray | None:
    """Which points (n,) lie in the inner half of the range of one input; None where that is all
    or fewer than two of them, and for several inputs."""
    if data.inputs > 1:
        return None
    x = data.x[:, 0]
    inner = np.abs(x - (x.min() + x.max()) / 2) <= (x.max() - x.min()) / 4
    return inner if 2 <= inner.sum() < data.n else None


def _size(
    post: Posterior,
    recipe: Mapping[str, Any],
    ladder: Mapping[str, Any],
    tuning: TemperDetail,
    truth: Truth | None,
    inner: np.ndarray | None,
) -> Size:
    fits, data = train(post, **recipe), post.data
    evidence = _evidence(post, ladder, tuning)
    theta, x = fits.sgd.theta, grid(data.raw.x)
    fitted = post.expected(theta)
    if truth is not None:
        outside = _known_extrapolation(post, theta, truth)
    else:
        outside = math.nan if inner is None else _held_out(post, recipe, inner)
    return Size(
        units=post.net.hidden[0],
        activation=post.net.activation,
        mse=fits.mse,
        theta=fold(post.net, theta),
        fitted=fitted,
        curve=post.expected(theta, x),
        residual=float(np.abs(data.raw.y - fitted).mean()),
        extrapolation=outside,
        survey=_survey(post, fits),
        **evidence._asdict(),
    )


def _survey(post: Posterior, fits: Fits) -> Survey | None:
    """log Z around all maxima; there is no chain beside it."""
    best = fits.theta[np.argsort(-fits.log_prob, kind="stable")[:20]]
    starts = np.vstack([fits.map.theta, best[np.isfinite(best).all(axis=1)]])
    found = around_maxima(post, starts)
    if found is None:
        return None
    return Survey(found.log_z, found.error, found.effective, found.pareto_k, (), ())


class _Evidence(NamedTuple):
    """What tempering found, in the words of :class:`Size`."""

    log_z: np.ndarray
    log_evidence: float
    error: float
    start: str
    seconds: float
    failure: str = ""


def _evidence(post: Posterior, ladder: Mapping[str, Any], tuning: TemperDetail) -> _Evidence:
    """A search for basins that nobody asked for may fail, and is told."""
    try:
        found = temper(post, **ladder, tuning=tuning)
    except NoBasins as error:
        if ladder["start"] != "auto":
            raise
        none = np.full(ladder["ensembles"], math.nan)
        return _Evidence(none, math.nan, math.nan, "basins", math.nan, str(error))
    return _Evidence(found.log_z, found.log_evidence, found.error, found.start, found.seconds)


def _known_extrapolation(post: Posterior, theta: np.ndarray, truth: Truth) -> float:
    """RMSE against the truth on the part of the grid that lies outside the data."""
    if post.data.inputs > 1:
        return math.nan
    x, own = grid(post.data.raw.x), post.data.raw.x[:, 0]
    x = x[(x[:, 0] < own.min()) | (x[:, 0] > own.max())]
    return _rms(post.expected(theta, x) - truth(x))


def _held_out(post: Posterior, recipe: Mapping[str, Any], inner: np.ndarray) -> float:
    """RMSE at the outer points of the best fit to the inner ones."""
    data = post.data.raw
    yerr = None if data.yerr is None else data.yerr[inner]
    part = Dataset(data.x[inner], data.y[inner], yerr, name=f"inner half of {data.name}")
    part = part.scaled(post.data.scaling)
    batch = recipe.get("batch_size")
    fewer = {} if batch is None else {"batch_size": min(batch, part.n)}
    best = train(replace(post, data=part), **{**recipe, **fewer}).sgd.theta
    return _rms(post.expected(best, data.x[~inner]) - data.y[~inner])


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))
