"""Spaces that moves act on: all parameters, or all but the output layer."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

from ..posterior.output_layer import OutputLayer
from .proposal import Random

__all__ = ["CollapsedSpace", "Drawn", "FullSpace", "Space"]


class Drawn(NamedTuple):
    """Full vectors (B, P) and their log posterior (B,)."""

    theta: np.ndarray
    log_prob: np.ndarray


class Space(Protocol):
    """What moves along gradients, and how a full vector is made of it."""

    ndim: int

    def split(self, theta: np.ndarray) -> np.ndarray:
        """The part that moves: (B, P) -> (B, d), a copy."""

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """Its log density: (B, d) -> (B,)."""

    def log_prob_and_grad(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Its log density and gradient: (B, d) -> (B,), (B, d)."""

    def complete(self, place: np.ndarray, density: np.ndarray, rng: Random) -> Drawn:
        """Full vectors for x (B, d) with density (B,), the rest drawn given x."""


class FullSpace:
    """All parameters."""

    def __init__(self, post: Any) -> None:
        self.ndim = post.ndim
        self.log_prob, self.log_prob_and_grad = post.log_prob, post.log_prob_and_grad

    def split(self, theta: np.ndarray) -> np.ndarray:
        return theta.copy()

    def complete(self, place: np.ndarray, density: np.ndarray, rng: Random) -> Drawn:
        return Drawn(place, density)


class CollapsedSpace:
    """All but the output layer, which is drawn from p(o | h, y): a Gibbs step after the other."""

    def __init__(self, layer: OutputLayer) -> None:
        self.ndim = layer.ndim
        self.layer = layer
        self.log_prob, self.log_prob_and_grad = layer.log_prob, layer.log_prob_and_grad

    def split(self, theta: np.ndarray) -> np.ndarray:
        return self.layer.split(theta)

    def complete(self, place: np.ndarray, density: np.ndarray, rng: Random) -> Drawn:
        draws = self.layer.draw(place, rng)
        return Drawn(draws.theta, draws.log_prob)
