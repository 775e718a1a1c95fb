"""The verdict on the model of a run: the tests of diagnostics/fit.py on its residuals."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..diagnostics.fit import (
    FIT_CRITERIA,
    Check,
    FitCriteria,
    FitVerdict,
    constant,
    descending,
    gaussian,
    given_noise,
    inferred_noise,
    reach,
    uneven,
)
from ..diagnostics.reasons import vanishing_noise
from ..posterior.likelihoods.bernoulli import Bernoulli
from ..posterior.likelihoods.gaussian import MSE
from ..posterior.likelihoods.poisson import Poisson
from ..posterior.likelihoods.student_t import StudentT
from ..posterior.posterior import Posterior
from ..posterior.prior_check import prior_check
from ..sampling.run import Run
from .constant import constant_misfit

__all__ = ["check_fit"]

DRAWS = 500  # of which the posterior mean is made


def check_fit(run: Run, criteria: FitCriteria = FIT_CRITERIA) -> FitVerdict:
    """Put a run's model to the tests that apply to its likelihood.

    Gaussian residuals are asked of a Gaussian likelihood, noise that is the same everywhere of
    that and of Student's t; exp(−MSE) claims neither. To be better than a constant is asked of
    Gaussian likelihoods, labels and counts, whose best constant is the mean: by Student's t, noise
    that depends on x or a likelihood of one's own a good fit may have the larger mean square.
    """
    return FitVerdict(tuple(_checks(run, criteria)))


def _checks(run: Run, criteria: FitCriteria) -> Iterator[Check]:
    post = run.post
    if post.components == 1:
        yield from _of_residuals(run, criteria)
    if run.fits is not None:
        loss = run.fits.loss[:, run.fits.best]
        yield from descending(run.fits.epochs, loss, post.gaussian, criteria)
    yield reach(prior_check(post))


def _of_residuals(run: Run, criteria: FitCriteria) -> Iterator[Check]:
    """Those of y less its mean, which classes have not."""
    post = run.post
    raw = post.data.raw
    some, _ = run.some(DRAWS)
    mean = _mean(post, some)
    root = np.ones(raw.n) if raw.yerr is None else 1 / raw.yerr
    residuals = (raw.y - mean) * root
    networks = {"posterior mean": float(np.mean(residuals**2))}
    if run.fits is not None:
        fitted = post.expected(run.fits.sgd.theta)
        networks["SGD"] = float(np.mean(((raw.y - fitted) * root) ** 2))
    if post.gaussian or isinstance(post.likelihood, (Bernoulli, Poisson)):
        yield constant(networks, constant_misfit(raw), raw.misfit)
    if post.gaussian and not isinstance(post.likelihood, MSE):
        yield from gaussian(residuals, criteria)
        if post.infers_noise:
            none = vanishing_noise(post, float(some[:, -1].mean()))
            sigma = float(np.exp(some[:, -1]).mean()) * np.sqrt(post.data.misfit_unit)
            yield inferred_noise(float(sigma), none)
        else:
            square = float((residuals**2).sum() / post.data.misfit_unit * float(post.precision()))
            yield given_noise(square, raw.n, post.ndim, raw.yerr is not None, criteria)
    if (post.gaussian and not isinstance(post.likelihood, MSE)) or isinstance(
        post.likelihood, StudentT
    ):
        yield from uneven(residuals, raw.x, mean, raw.x_names, criteria)


def _mean(post: Posterior, draws: np.ndarray) -> np.ndarray:
    """E y at the data's points over draws (S, P), some at a time: (n,)."""
    size = max(1, 2**22 // post.data.n)
    parts = [draws[k : k + size] for k in range(0, len(draws), size)]
    total: np.ndarray = sum(np.asarray(post.expected(part)).sum(axis=0) for part in parts)
    return total / len(draws)
