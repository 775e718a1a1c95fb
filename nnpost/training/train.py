"""Hundreds of restarts of SGD or Adam, and the maxima behind them.

Every restart moves exactly as it would alone. Its start and its mini-batches are drawn from
(seed, restart), so it is also the same whatever their number is.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from ..common.errors import RequestError
from ..common.progress import Progress
from ..common.rules import SEED, checked
from ..data.dataset import Dataset
from ..posterior.likelihoods.pointwise import Pointwise
from ..posterior.posterior import Posterior
from .fits import Fits
from .maximise import evaluate, maxima
from .objective import conditional_log_sigma
from .polish import POLISH, Polish
from .settings import TrainSettings
from .sgd import Trained, run_restarts

__all__ = ["end_points", "train"]


def train(
    post: Posterior,
    *,
    restarts: int = TrainSettings.restarts,
    optimizer: str = TrainSettings.optimizer,
    lr: float = TrainSettings.lr,
    epochs: int = TrainSettings.epochs,
    batch_size: int | None = TrainSettings.batch_size,
    momentum: float = TrainSettings.momentum,
    seed: int = 0,
    loss: str = TrainSettings.loss,
    batches: str = TrainSettings.batches,
    init: str = TrainSettings.init,
    dtype: str = TrainSettings.dtype,
    validation: Dataset | None = None,
    progress: Progress | bool = False,
    polish: Polish = POLISH,
    before: Trained | None = None,
    keep: Callable[[Trained], None] | None = None,
) -> Fits:
    """Train ``restarts`` networks on the posterior's data, then polish to the MAP and the MLE.

    ``loss`` is "mean" or "sum" over the points of a step of r² (of (r/yerr)² where the data bring
    errors), or of −log p(y | f) where the likelihood is not Gaussian, whose own parameters are then
    trained, too; the prior plays no part in it. ``optimizer`` is "adam" or "sgd" (with
    ``momentum``), with torch's defaults for the rest.

    ``batch_size=None`` uses all points at every step. Otherwise ``batches="shuffled"`` makes an
    epoch of one pass over the points in random order, the last batch being what is left over,
    and ``batches="windows"`` makes an epoch of one step on a random run of ``batch_size``
    neighbouring points.

    ``init`` is that of ``MLP.initial``. ``dtype`` is "float64" or "float32", for training only.
    ``validation`` adds its loss curves. ``progress`` is True for a bar, or is called as
    ``progress(done, total, text)``. ``polish`` is how MAP and MLE are found from the restarts.

    ``before`` has the first restarts of the same call, where they were trained before; ``keep`` is
    called now and then with those that are trained so far, where that takes minutes.

    Raises RequestError for settings that cannot be used, as :class:`TrainSettings` does, and where
    every restart diverged.
    """
    settings = TrainSettings(
        optimizer=optimizer, lr=lr, epochs=epochs, restarts=restarts, batch_size=batch_size,
        momentum=momentum, loss=loss, batches=batches, init=init, dtype=dtype,
    ).checked_for(post)  # fmt: skip
    seed = checked("seed", seed, SEED)
    if validation is not None:
        _check_validation(post.data, validation)
        post.check_targets(validation)
        validation = validation.scaled(post.data.scaling)
    post.make_ready(progress)
    begun = time.perf_counter()
    start = first_vectors(post, settings, seed)
    trained = run_restarts(
        post, settings, seed, start, validation, progress, before=before, keep=keep
    )
    theta, mse = end_points(post, trained.theta)
    if not np.isfinite(mse).any():
        raise RequestError(
            f"training: all {restarts} restarts diverged at lr = {lr:g}; give a lower lr"
        )
    log_prob, unit, held_out = post.log_prob(theta), post.loss_unit, trained.validation_loss
    top, likeliest = maxima(post, theta[promising(mse, log_prob, polish)], polish)
    return Fits(
        theta=theta,
        mse=mse,
        log_prob=log_prob,
        loss=trained.loss * unit,
        validation_loss=None if held_out is None else held_out * unit,
        epochs=trained.epochs,
        sgd=evaluate(post, theta[np.argmin(mse)], "sgd", polish),
        map=top,
        mle=likeliest,
        seconds=time.perf_counter() - begun + (0.0 if before is None else before.seconds),
    )


def first_vectors(post: Posterior, settings: TrainSettings, seed: int) -> np.ndarray:
    """Where the restarts begin: (R, P without the log σ of a Gaussian likelihood)."""
    start = post.net.initial(settings.restarts, seed, settings.init)
    if not isinstance(post.likelihood, Pointwise):
        return start
    own = post.likelihood.start(post.data.y, post.data.yerr)
    return np.hstack([start, np.tile(own, (len(start), 1))])


def _check_validation(data: Dataset, validation: Dataset) -> None:
    if validation.inputs != data.inputs:
        raise RequestError(
            f"validation data '{validation.name}' have {validation.inputs} inputs, the training "
            f"data '{data.name}' {data.inputs}; give both the same"
        )
    if (validation.yerr is None) != (data.yerr is None):
        raise RequestError(
            f"only one of training data '{data.name}' and validation data '{validation.name}' "
            "brings errors of y, so their losses cannot be compared; give yerr for both or none"
        )


def end_points(post: Posterior, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Full vectors (R, P) of trained networks, with the likeliest log σ where it is inferred, and
    their mse (R,), +inf where training diverged."""
    theta = ends
    if post.infers_noise:
        theta = np.hstack([ends, np.zeros((len(ends), 1))])
    if not post.gaussian:
        loss = post.loss(theta)
        return theta, np.where(np.isfinite(loss), loss, np.inf)
    square = post.mean_square(theta)
    square = np.where(np.isfinite(square), square, np.inf)
    if post.infers_noise:
        sse = torch.from_numpy(square) * post.data.n
        theta[:, -1] = conditional_log_sigma(post, sse).numpy(force=True)
    return theta, square * post.loss_unit


def promising(mse: np.ndarray, log_prob: np.ndarray, polish: Polish = POLISH) -> np.ndarray:
    """Restarts from which the maxima are sought: the best by either measure, and a spread of all.

    Restarts that ended at copies of one network agree in mse and log posterior, or nearly; one
    of them is enough.
    """
    chosen: list[int] = []
    for value in (mse, -log_prob):
        finite = np.flatnonzero(np.isfinite(value))
        order = finite[np.argsort(value[finite], kind="stable")]
        gaps = np.diff(value[order], prepend=-np.inf)
        distinct = order[gaps > 1e-6 * (1 + np.abs(value[order]))]
        evenly = distinct[np.linspace(0, len(distinct) - 1, polish.spread).astype(int)]
        chosen += [*distinct[: polish.best], *evenly]
    return np.unique(chosen)
