"""All parameters of a network, where nothing can be integrated out: the space, and its folded form.

The coordinates h (B, P) are theta, but for sigmoid units, where c is replaced by

    c̃ = c + ½ Σ_j a_j

(of every output, where there are several).
With σ(z) = ½ (1 + tanh(z/2)) that is the output bias of the same network of tanh units, and a flip
of unit j, (w, b, a, c) → (−w, −b, −a, c + a), turns the sign of (w, b, a) alone. The map has
determinant one. The copies of the last hidden layer are summed as in folded.py,

    p̄(h) = L(h) Σ_g p(g h)   on the domain D:

the likelihood L is the same for all of them, and so is the prior, which is even in every (w, b, a),
but for that of c: it is at c̃ − ½ Σ_j ±a_j, with a minus for flipped units, 2^U terms.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import logsumexp

from ..common.tensors import finite_or_never
from ..network.mlp import MLP
from ..network.neurons import neuron_blocks, symmetry_of
from .density import Drawn
from .domain import MOST_FLIPS, Domain
from .likelihoods.pointwise import Pointwise
from .posterior import Posterior

__all__ = ["FoldedWhole", "Whole", "unit_blocks"]


class Whole:
    """The posterior in the coordinates h: a :class:`~.density.Density` of all parameters.

    It has what :class:`~.output_layer.OutputLayer` has for those who temper, where the output layer
    is part of h. ``output_weights`` (outputs, U) and ``output_bias`` (outputs,), or (0,) without
    biases, are the places of a and c.
    """

    def __init__(self, post: Posterior) -> None:
        net = post.net
        self.post, self.ndim = post, post.ndim
        self.hidden_index = np.arange(post.ndim)
        self.output_weights, self.output_bias = net.layers(np.arange(net.ndim))[-1]
        units = net.hidden[-1] if net.hidden else 0
        self.shifts = symmetry_of(net) == "sigmoid" and 0 < units <= MOST_FLIPS

    @property
    def own(self) -> slice:
        """The places of the likelihood's own parameters."""
        return slice(self.post.net.ndim, None)

    @property
    def start(self) -> np.ndarray:
        """Where climbs begin with them."""
        post, data = self.post, self.post.data
        if isinstance(post.likelihood, Pointwise):
            return post.likelihood.start(data.y, data.yerr)
        size = float(np.std(data.y if data.yerr is None else data.y / data.yerr))
        return np.full(len(post.extras), math.log(size) if size > 0 else 0.0)

    def on_quadrature(self) -> Whole:
        """The same: few points stand for all of them in sums of squares alone."""
        return self

    def split(self, theta: np.ndarray) -> np.ndarray:
        """h of full vectors: (B, P) -> (B, P), a copy."""
        h = np.array(theta, dtype=float)
        if self.shifts:
            h[..., self.output_bias] += 0.5 * h[..., self.output_weights].sum(axis=-1)
        return h

    def vectors(self, h: np.ndarray) -> np.ndarray:
        """Full vectors of h: (B, P) -> (B, P), a copy."""
        theta = np.array(h, dtype=float)
        if self.shifts:
            theta[..., self.output_bias] -= 0.5 * theta[..., self.output_weights].sum(axis=-1)
        return theta

    def turned(self, grad: np.ndarray) -> np.ndarray:
        """Gradients with respect to h of those with respect to theta, (B, P), in place."""
        if self.shifts:
            grad[:, self.output_weights] -= 0.5 * grad[:, self.output_bias][..., None]
        return grad

    def log_prob(self, h: np.ndarray) -> np.ndarray:
        """Log posterior: (B, P) -> (B,)."""
        found: np.ndarray = self.post.log_prob(self.vectors(h))
        return found

    def log_prob_and_grad(self, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same and its gradient: (B, P) -> (B,), (B, P)."""
        value, grad = self.post.log_prob_and_grad(self.vectors(h))
        return value, self.turned(grad)

    def complete(
        self, x: np.ndarray, rng: np.random.RandomState, density: np.ndarray | None = None
    ) -> Drawn:
        """Full vectors, with nothing left to draw."""
        return self.post.complete(self.vectors(x), rng, density)

    def draw(self, h: np.ndarray, rng: np.random.RandomState) -> Drawn:
        """:meth:`complete`, by the name that it has where there is something to draw."""
        return self.complete(h, rng)


class FoldedWhole(Domain):
    """log p̄ and its gradient, the fold into D, and the draw of a copy. h is (B, P).

    It is a :class:`~.density.Density` of D.
    """

    def __init__(self, whole: Whole) -> None:
        self.layer, self.ndim = whole, whole.ndim
        super().__init__(whole.post.net, unit_blocks(whole.post.net))
        self._signs = 0.5 - self._patterns.T  # (U, 2^U)  ±½: c = c̃ − a·signs

    @property
    def inner(self) -> np.ndarray:
        end = self.blocks.shape[1] - self.biased
        return np.delete(self.blocks, slice(end - self.layer.post.net.outputs, end), axis=1)

    # -- between vectors and D ------------------------------------------------------------------

    def split(self, theta: np.ndarray) -> np.ndarray:
        """The copy in D: (B, P) -> (B, P)."""
        return self.fold(self.layer.split(theta))

    def unfold(self, h: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        """A copy drawn with the probability of its term: draws from p̄ become draws from p(y, h)."""
        return self.drawn_copy(h, self._terms(h)[0], rng) if self.sums else self.any_copy(h, rng)

    def complete(
        self, x: np.ndarray, rng: np.random.RandomState, density: np.ndarray | None = None
    ) -> Drawn:
        """Full vectors (B, P): a copy drawn by :meth:`unfold`."""
        density = self.log_prob(x) if density is None else density
        return self.layer.complete(self.unfold(x, rng), rng)._replace(density=density)

    # -- the prior, summed over copies ----------------------------------------------------------

    def draw_prior(self, size: int, rng: np.random.RandomState) -> np.ndarray:
        """Draws of the prior, folded: (size, P)."""
        return self.split(self.layer.post.prior_density.draw(size, rng))

    def log_prior(self, h: np.ndarray) -> np.ndarray:
        """Its log density in D: (B, P) -> (B,)."""
        if not self.sums:
            return self.layer.post.prior_density.log_prob(h) + self.log_size
        found: np.ndarray = logsumexp(self._terms(h)[0], axis=1)
        return found + math.lgamma(len(self.blocks) + 1)

    def log_prior_and_grad(self, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same and its gradient: (B, P) -> (B,), (B, P)."""
        density = self.layer.post.prior_density
        if not self.sums:
            return self.log_prior(h), density.grad(h)
        terms, every = self._terms(h)
        share = np.exp(terms - logsumexp(terms, axis=1, keepdims=True))  # (B, 2^U)
        slopes = share[:, :, None] * density.grad(every).reshape(*share.shape, every.shape[1])
        grad, bias = slopes.sum(axis=1), slopes[:, :, self.layer.output_bias].swapaxes(1, 2)
        grad[:, self.layer.output_weights] -= bias @ self._signs.T
        return self.log_prior(h), grad

    def _terms(self, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The log prior of every pattern of flips (B, 2^U), in which only c differs, and the
        vectors with that c (B 2^U, P)."""
        c = h[:, self.layer.output_bias][..., None] - h[:, self.layer.output_weights] @ self._signs
        every = np.repeat(h, c.shape[2], axis=0)
        every[:, self.layer.output_bias] = c.swapaxes(1, 2).reshape(len(every), c.shape[1])
        return self.layer.post.prior_density.log_prob(every).reshape(len(h), c.shape[2]), every

    # -- the density ----------------------------------------------------------------------------

    def log_prob(self, h: np.ndarray) -> np.ndarray:
        """log p̄(h): (B, P) -> (B,), −inf outside D."""
        inside, out = self.inside(h), np.full(len(h), -np.inf)
        out[inside] = self.log_prob_anywhere(h[inside])
        return out

    def log_prob_anywhere(self, h: np.ndarray) -> np.ndarray:
        """log Σ_g p(y, g h), which is the same for all copies: (B, P) -> (B,)."""
        with np.errstate(all="ignore"):
            likelihood = self.layer.post.log_likelihood(self.layer.vectors(h))
            return finite_or_never(likelihood + self.log_prior(h))

    def log_prob_and_grad(self, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """log p̄(h) and its gradient: (B, P) -> (B,), (B, P); −inf and zero outside D."""
        inside = self.inside(h)
        value, grad = np.full(len(h), -np.inf), np.zeros(h.shape)
        value[inside], grad[inside] = self.log_prob_and_grad_anywhere(h[inside])
        return value, grad

    def log_prob_and_grad_anywhere(self, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """:meth:`log_prob_anywhere` and its gradient: (B, P) -> (B,), (B, P)."""
        with np.errstate(all="ignore"):
            likelihood, slope = self.layer.post.sums.value_and_grad(self.layer.vectors(h))
            prior, grad = self.log_prior_and_grad(h)
            value = finite_or_never(likelihood + prior)
            grad += self.layer.turned(slope)
        grad[value == -np.inf] = 0.0
        return value, grad


def unit_blocks(net: MLP) -> np.ndarray:
    """Coordinates of units of the last hidden layer: weights, output weights, and bias, if any:
    (U, k)."""
    if not net.hidden:
        return np.empty((0, 2), dtype=int)
    inner = np.array(neuron_blocks(net), dtype=int)
    weights = inner.shape[1] - net.bias
    outer = net.layers(np.arange(net.ndim))[-1][0]
    return np.column_stack([inner[:, :weights], outer.T, inner[:, weights:]])
