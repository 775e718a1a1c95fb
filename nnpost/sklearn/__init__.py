"""Estimators for scikit-learn: ``pip install 'nnpost[sklearn]'``."""

from typing import TYPE_CHECKING

from ..common.lazy import lazily

if TYPE_CHECKING:
    from .classifier import PosteriorClassifier as PosteriorClassifier
    from .regressor import PosteriorRegressor as PosteriorRegressor

_HOMES = {"PosteriorClassifier": "classifier", "PosteriorRegressor": "regressor"}

__all__ = [*_HOMES]

__getattr__, __dir__ = lazily(__name__, _HOMES)
