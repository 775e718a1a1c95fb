"""Classes: the posterior of a small network whose outputs are their log odds."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ..data.dataset import Dataset
from ..data.scaling import Scaling
from ..network.mlp import MLP
from ..posterior.likelihoods.bernoulli import Bernoulli
from ..posterior.likelihoods.categorical import Categorical
from ..posterior.posterior import Posterior
from ..posterior.prior import GaussianPrior
from .sampled import SampledEstimator

__all__ = ["PosteriorClassifier"]


class PosteriorClassifier(ClassifierMixin, SampledEstimator):
    """Probabilities of classes, averaged over the posterior of a small network.

    Two classes have one output, their log odds; more have one each, through a softmax.

    Parameters are those of :class:`~nnpost.sklearn.sampled.SampledEstimator`.

    Attributes:
        run_: the sampled posterior, an ``nnpost.Run``.
        classes_: the labels, (K,).
        n_features_in_: and feature_names_in_, as everywhere in scikit-learn.
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Train and sample on X (n, d) and the labels y (n,).

        Raises ValueError where X or y cannot be used, and where there is one class only. Warns with
        ConvergenceWarning where the chain has not converged.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, code = np.unique(y, return_inverse=True)
        count = len(self.classes_)
        if count < 2:
            raise ValueError(f"y has one class, {self.classes_[0]!r}, expected two or more")
        raw = Dataset(X, code.astype(float))
        data = raw.scaled(Scaling.of(raw, self.scale).of_inputs)
        likelihood = Bernoulli() if count == 2 else Categorical(count)
        outputs = 1 if count == 2 else count
        net = MLP(data.inputs, tuple(self.hidden), self.activation, outputs=outputs)
        prior = GaussianPrior(self.prior_std)
        self.sample(Posterior(net, data, likelihood, prior))
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """The posterior mean of the probability of each class at X (m, d): (m, K)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        theta = self.draws()
        mean = self.run_.post.expected(theta, X).mean(axis=0)
        return mean if mean.ndim == 2 else np.column_stack([1 - mean, mean])

    def predict(self, X: Any) -> np.ndarray:
        """The more probable class at X (m, d), (m,)."""
        proba = self.predict_proba(X)
        return np.asarray(self.classes_[proba.argmax(axis=1)])
