"""What both estimators are: settings, and a posterior that is trained on, tempered and sampled."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from ..posterior.posterior import Posterior
from ..posterior.rules import SCALED_PRIOR_STD
from ..sampling.run import Run
from ..sampling.sample import sample
from ..tempering.temper import temper
from ..training.train import train

__all__ = ["SampledEstimator"]

PREDICTING = 4000  # draws that predictions are made from


class SampledEstimator(BaseEstimator):
    """An estimator whose ``run_`` is the sampled posterior of a small network.

    Args:
        hidden: units of each hidden layer.
        activation: that of all hidden layers.
        prior_std: standard deviation of the Gaussian prior of every weight and bias.
        scale: "standard", "robust" or "none": how X, and y where it has units, are brought to the
            network's scale.
        restarts, epochs: of training, whose best fit is ``run_.fits.sgd``.
        start: where walkers start: "tempered", or "fits", which is quicker and finds fewer modes.
        particles: of each tempered run.
        ensembles, nwalkers, nsteps: of the chain; a verdict needs 4 ensembles.
        random_state: an int, a RandomState, or None.
    """

    run_: Run

    def __init__(
        self,
        hidden: tuple[int, ...] = (3,),
        activation: str = "tanh",
        prior_std: float = SCALED_PRIOR_STD,
        scale: str = "standard",
        restarts: int = 256,
        epochs: int = 1000,
        start: str = "tempered",
        particles: int = 2000,
        ensembles: int = 4,
        nwalkers: int | None = None,
        nsteps: int = 5000,
        random_state: Any = None,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.prior_std = prior_std
        self.scale = scale
        self.restarts = restarts
        self.epochs = epochs
        self.start = start
        self.particles = particles
        self.ensembles = ensembles
        self.nwalkers = nwalkers
        self.nsteps = nsteps
        self.random_state = random_state

    def sample(self, post: Posterior) -> None:
        """Train, temper and sample; ``run_`` is the result.

        Warns with ConvergenceWarning where the chain has not converged.
        """
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        fits = train(post, restarts=self.restarts, epochs=self.epochs, seed=seed)
        tempering = None
        if self.start == "tempered":
            tempering = temper(post, self.ensembles, particles=self.particles, seed=seed)
        self.run_ = sample(
            post, ensembles=self.ensembles, nwalkers=self.nwalkers, nsteps=self.nsteps,
            start=self.start, fits=fits, tempering=tempering, seed=seed,
        )  # fmt: skip
        if not self.run_.verdict.converged:
            warnings.warn(
                "the posterior's chain has not converged "
                f"({'; '.join(self.run_.verdict.reasons)}); raise nsteps, or look at run_.verdict",
                ConvergenceWarning,
                stacklevel=3,
            )

    def draws(self) -> np.ndarray:
        """Those of the posterior that predictions are made from, (S, P)."""
        return self.run_.some(PREDICTING)[0]
