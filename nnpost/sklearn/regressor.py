"""Regression: the posterior of a small network with Gaussian noise, as scikit-learn has it."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from ..data.dataset import Dataset
from ..data.scaling import Scaling
from ..network.mlp import MLP
from ..posterior.likelihoods.gaussian import Gaussian
from ..posterior.posterior import Posterior
from ..posterior.prior import GaussianPrior
from .sampled import SampledEstimator

__all__ = ["PosteriorRegressor"]


class PosteriorRegressor(RegressorMixin, SampledEstimator):
    """The posterior mean of a small network with one output and Gaussian noise of unknown size.

    Parameters are those of :class:`~nnpost.sklearn.sampled.SampledEstimator`.

    Attributes:
        run_: the sampled posterior, an ``nnpost.Run``: verdict, fits, predictions with quantiles.
        n_features_in_: and feature_names_in_, as everywhere in scikit-learn.
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Train and sample on X (n, d) and y (n,).

        Raises ValueError where X or y cannot be used. Warns with ConvergenceWarning where the chain
        has not converged.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        if (y == y[0]).all():
            raise ValueError(
                f"y is {y[0]:.6g} at all {len(y)} samples, so that the noise would run to zero; "
                "give a target that varies"
            )
        raw = Dataset(X, y)
        data = raw.scaled(Scaling.of(raw, self.scale))
        net = MLP(data.inputs, tuple(self.hidden), self.activation)
        self.sample(Posterior(net, data, Gaussian("infer"), GaussianPrior(self.prior_std)))
        return self

    def predict(
        self, X: Any, return_std: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """The posterior mean of f at X (m, d), (m,); with ``return_std`` also the standard
        deviation of a new target there, noise included, (m,)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        theta = self.draws()
        f = self.run_.post.predict(theta, X)
        if not return_std:
            return np.asarray(f.mean(axis=0))
        sigma = self.run_.post.data.scaling.sd_to_file(np.exp(theta[:, -1]))
        return f.mean(axis=0), np.sqrt(f.var(axis=0) + np.mean(sigma**2))
