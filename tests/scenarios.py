"""Small problems with answers known by other ways, for tests of several packages."""

import math
from types import SimpleNamespace

import numpy as np
from scipy.special import logsumexp

from nnpost import MLP, Dataset, Gaussian, GaussianPrior, Posterior
from nnpost.posterior.output_layer import OutputLayer
from nnpost.posterior.prior_density import Normals


def curve(units=1, activation="sigmoid", sigma=0.2, std=3.0, n=20, inputs=1, bias=True, skip=False):
    """A small problem with unequal prior scales, so that a wrong one shows."""
    rng = np.random.default_rng(5)
    x = rng.uniform(-2, 2, (n, inputs))
    y = np.sin(2 * x[:, 0]) + 0.1 * rng.standard_normal(n)
    scales = {"input_weights": std, "output_weights": 2.5}
    scales |= {"biases": 2.0, "output_bias": 1.5} if bias else {}
    scales |= {"skip_weights": 0.7} if skip else {}
    net = MLP(inputs, (units,), activation, bias, skip)
    return Posterior(net, Dataset(x, y), Gaussian(sigma), GaussianPrior(scales))


def quadrature(post):
    """log ∫∫ p(y, w, b) dw db on a grid that takes in ten standard deviations of the prior."""
    w, b = (np.linspace(-6 * s, 6 * s, 1201) for s in post.scales[:2])
    h = np.stack(np.meshgrid(w, b, indexing="ij"), axis=-1).reshape(-1, 2)
    return logsumexp(OutputLayer(post).log_prob(h)) + math.log((w[1] - w[0]) * (b[1] - b[0]))


class GaussianPosterior:
    """Prior N(0, 1), likelihood of standard deviation 0.1 around zero, Z = 1; no copies.

    What tempered runs ask of a folded posterior.
    """

    def __init__(self, ndim, sd=0.1):
        self.ndim, self.sd, self.log_size = ndim, sd, 0.0
        self.prior = Normals.of(np.ones(ndim))
        index = np.arange(ndim)
        self.layer = SimpleNamespace(hidden_index=index, post=SimpleNamespace(scales=np.ones(ndim)))

    def fold(self, h):
        return h

    def into_domain(self, h):
        return h, lambda grad: grad

    def draw_prior(self, size, rng):
        return rng.standard_normal((size, self.ndim))

    def log_prior(self, h):
        return self.prior.log_prob(h)

    def log_prior_and_grad(self, h):
        return self.prior.log_prob(h), self.prior.grad(h)

    def log_prob(self, h):
        gain = 0.5 * self.ndim * math.log1p(self.sd**-2)
        return self.prior.log_prob(h) - 0.5 * (h**2).sum(axis=1) / self.sd**2 + gain

    def log_prob_and_grad_anywhere(self, h):
        return self.log_prob(h), -h * (1 + self.sd**-2)
