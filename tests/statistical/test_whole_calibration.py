"""Simulation-based calibration where nothing is integrated out (Talts et al. 2018, arXiv
1804.06788): truths of the prior have uniform ranks among draws of the posteriors of their data."""

import numpy as np
import pytest
from scipy import stats

import nnpost

X = np.linspace(-2, 2, 15)
PLACES = np.array([-1.5, 0.2, 1.7])
SETS = 40


def ranks(likelihood, draws, seed=0):
    """Ranks in (0, 1) of log L, three outputs and the likelihood's own parameters, for 40 truths:
    (40, quantities). ``draws`` makes those of a posterior."""
    rng, found = np.random.default_rng(seed), []
    for k in range(SETS):
        net, prior = nnpost.MLP(1, (1,), "tanh"), nnpost.GaussianPrior(1.5, log_sigma_std=1.0)
        blank = nnpost.Posterior(net, nnpost.Dataset(X, np.zeros(len(X))), likelihood, prior)
        truth = blank.scales * rng.standard_normal((1, blank.ndim))
        y = blank.draw_targets(truth, X, rng)[0]
        post = nnpost.Posterior(net, nnpost.Dataset(X, y), likelihood, prior)
        theta = draws(post, k)
        every = np.concatenate([truth, theta])
        values = np.c_[
            post.log_likelihood(every), post.predict(every, PLACES), every[:, net.ndim :]
        ]
        below = (values[1:] < values[0]).sum(axis=0)
        same = (values[1:] == values[0]).sum(axis=0)
        found.append((below + rng.random(below.shape) * (same + 1)) / len(every))
    return np.array(found)


def tempered(post, k):
    return nnpost.temper(post, 1, particles=200, seed=k).theta[0][::4]


def p_values(found):
    """Kolmogorov's test against uniform ranks, a quantity each."""
    return np.array([stats.kstest(column, "uniform").pvalue for column in found.T])


@pytest.mark.long
@pytest.mark.parametrize("likelihood", [nnpost.StudentT(), nnpost.Poisson(), nnpost.Bernoulli()])
def test_ranks_of_the_truth_are_uniform(likelihood):
    """Of up to 6 quantities none below 0.001: by chance in one of 160 suites; seeds are fixed."""
    assert p_values(ranks(likelihood, tempered)).min() > 1e-3


@pytest.mark.long
def test_draws_that_have_seen_half_of_the_data_are_noticed():
    def half(post, k):
        some = nnpost.Dataset(X[::2], post.data.y[::2])
        return tempered(nnpost.Posterior(post.net, some, post.likelihood, post.prior), k)

    assert p_values(ranks(nnpost.StudentT(), half)).min() < 1e-3
