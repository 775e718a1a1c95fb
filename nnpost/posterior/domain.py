"""The domain D that holds one copy of every network, and the ways into it and out of it.

Exchanging two units of the last hidden layer, or flipping one, leaves the function as it is
(symmetry.py). D has w > 0 for the first weight of each unit and units sorted by −b/w, or by w where
there are no biases. Its copies cover the space once, and every way between them preserves volume.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import numpy as np

from ..network.mlp import MLP
from ..network.neurons import flippable, places, symmetry_of

__all__ = ["MOST_FLIPS", "Domain"]

MOST_FLIPS = 8  # units up to which the flips of sigmoid units are summed: 2⁸ terms


class Domain:
    """D in the coordinates of points h (B, d), in which a flip only turns the signs of a block.

    ``blocks`` (U, k) holds the coordinates of each unit, its first weight first and its bias, if
    any, last.
    """

    def __init__(self, net: MLP, blocks: np.ndarray) -> None:
        self.blocks, self.biased, units = blocks, net.bias, len(blocks)
        self.flips = 0 < units <= MOST_FLIPS and flippable(net)
        self.sums = self.flips and symmetry_of(net) == "sigmoid"
        self.log_size = math.lgamma(units + 1) + (units * math.log(2) if self.flips else 0.0)
        patterns = list(product((0.0, 1.0), repeat=units)) if self.sums else [(0.0,) * units]
        self._patterns = np.array(patterns)

    def inside(self, h: np.ndarray) -> np.ndarray:
        """Whether h lies in D: (B, H) -> (B,)."""
        units = h[:, self.blocks]
        place, w = self._places(units), units[:, :, 0]
        inside = np.all(place[:, 1:] > place[:, :-1], axis=1)
        if self.flips:
            inside = inside & np.all(w > 0, axis=1)
        return np.asarray(inside)

    def _places(self, units: np.ndarray) -> np.ndarray:
        """By what units are sorted: (B, U, k) -> (B, U)."""
        return places(units[:, :, 0], units[:, :, -1] if self.biased else None)

    def fold(self, h: np.ndarray) -> np.ndarray:
        """The copy in D: (B, H) -> (B, H)."""
        return self.into_domain(h)[0]

    def into_domain(self, h: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        """The copy in D (B, H), and what turns gradients (B, H) there into those at h."""
        units = h[:, self.blocks]
        flipped = (units[:, :, :1] < 0) & self.flips
        units = np.where(flipped, -units, units)
        order = np.argsort(self._places(units), axis=1)[:, :, None]

        def turn(grad: np.ndarray) -> np.ndarray:
            back = np.take_along_axis(grad[:, self.blocks], np.argsort(order, axis=1), 1)
            return self._with_units(grad, np.where(flipped, -back, back))

        return self._with_units(h, np.take_along_axis(units, order, 1)), turn

    @property
    def inner(self) -> np.ndarray:
        """Coordinates of each unit's weights and bias, without what is behind it: (U, d + 1)."""
        return self.blocks

    @property
    def patterns(self) -> int:
        """How many patterns of flips there are that the density tells apart."""
        return len(self._patterns)

    def pattern(self, h: np.ndarray) -> np.ndarray:
        """The number of the pattern that leads from D to h, (B, H) -> (B,); 0 if all are alike."""
        if not self.sums:
            return np.zeros(len(h), dtype=np.intp)
        units = h[:, self.blocks]
        order = np.argsort(self._places(units), axis=1)
        flipped = np.take_along_axis(units[:, :, 0] < 0, order, 1)
        return flipped @ 2 ** np.arange(flipped.shape[1])[::-1]  # in the order of product()

    def drawn_copy(
        self, h: np.ndarray, terms: np.ndarray, rng: np.random.RandomState
    ) -> np.ndarray:
        """A copy of h in D (B, d), its pattern drawn by the logs ``terms`` (B, 2^U)."""
        gumbel = -np.log(-np.log(rng.random_sample(terms.shape)))
        return self.copy(h, np.argmax(terms + gumbel, axis=1), rng)

    def copy(self, h: np.ndarray, pattern: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        """A copy of h (B, H) in D, of a ``pattern`` (B,), and otherwise drawn uniformly: (B, H)."""
        if not self.sums:
            return self.any_copy(h, rng)
        return self._copy(h, self._patterns[pattern] > 0, rng)

    def any_copy(self, h: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        """A copy drawn uniformly: (B, H) -> (B, H)."""
        chance = 0.5 if self.flips else 0.0
        return self._copy(h, rng.random_sample((len(h), len(self.blocks))) < chance, rng)

    def _copy(self, h: np.ndarray, flipped: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        units = h[:, self.blocks]
        units = np.where(flipped[:, :, None], -units, units)
        order = np.argsort(rng.random_sample(units.shape[:2]), axis=1)
        return self._with_units(h, np.take_along_axis(units, order[:, :, None], 1))

    def _with_units(self, h: np.ndarray, units: np.ndarray) -> np.ndarray:
        out = np.array(h, dtype=float)
        out[:, self.blocks.ravel()] = units.reshape(len(h), self.blocks.size)
        return out
