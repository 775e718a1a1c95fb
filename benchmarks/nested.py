"""log Z of the parabola by nested sampling, to hold nnpost's own against.

nautilus (Lange 2023, MNRAS 525, 3181) explores the collapsed space of the hidden weights, with
the output layer integrated out, bounded by ellipsoids alone. The exploration is then thrown away,
so that what is left is an unbiased importance estimate. It shares nothing with nnpost's tempering
but the density. Two independent runs for each case:

    python benchmarks/nested.py [--live 500] [--seed 0] [--case given|inferred|article]

dynesty (Speagle 2020, MNRAS 493, 3132) and nautilus stand beside others in others.py, for as long
as they are given there.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from judged import Sampled, Weighted
from problems import Problem
from scipy.special import ndtri

from nnpost import MLP, MSE, Gaussian, GaussianPrior, Posterior, datasets
from nnpost.posterior.output_layer import OutputLayer

CASES = {"article": MSE(), "given": Gaussian(0.1443), "inferred": Gaussian("infer")}
LIVE = 500
UNFINISHED = "not finished"
NEVER = -1e300  # the log likelihood of what cannot be: both samplers want a number


@dataclass(frozen=True)
class Space:
    """What nested sampling explores: a unit cube, and the vectors that belong to its points."""

    ndim: int
    from_cube: Callable[[np.ndarray], np.ndarray]  # (n, ndim) or (ndim,), the same back
    log_likelihood: Callable[[np.ndarray], np.ndarray]  # (n, ndim) -> (n,)
    complete: Callable[[np.ndarray], np.ndarray]  # (n, ndim) -> (n, P)


def collapsed(post: Posterior) -> Space:
    """The hidden weights alone; the output layer is drawn exactly."""
    layer, rng = OutputLayer(post), np.random.RandomState(0)
    return _space(
        post.scales[layer.hidden_index], layer.log_prob, lambda h: layer.draw(h, rng).theta
    )


def full(post: Posterior) -> Space:
    """All parameters."""
    return _space(post.scales, post.log_prob, lambda theta: theta)


def _space(scales: np.ndarray, density: Any, complete: Any) -> Space:
    constant = np.log(scales).sum() + len(scales) / 2 * np.log(2 * np.pi)

    def log_likelihood(x: np.ndarray) -> np.ndarray:
        prior = -0.5 * ((x / scales) ** 2).sum(axis=1) - constant
        return np.maximum(density(x) - prior, NEVER)

    return Space(len(scales), lambda u: scales * ndtri(u), log_likelihood, complete)


# nautilus.


def nautilus(problem: Problem, seconds: float) -> Sampled:
    """In the collapsed space, bounded by ellipsoids alone: the density is cheaper than networks."""
    space = collapsed(problem.post)
    sampler = _nautilus(space, LIVE, seed=0)
    began = time.perf_counter()
    finished = sampler.run(timeout=seconds)
    spent = time.perf_counter() - began
    h, log_weights, _ = sampler.posterior()
    note = "" if finished else UNFINISHED
    return _weighted(problem, space, h, log_weights, spent, float(sampler.log_z), note)


def nested(case: str, live: int, seed: int) -> tuple[float, float]:
    """log Z of one case and its standard error, without the exploration."""
    data = datasets.parabola(size=500, seed=0)
    space = collapsed(Posterior(MLP(1, (2,)), data, CASES[case], GaussianPrior(30.0)))
    sampler = _nautilus(space, live, seed)
    sampler.run(n_eff=10_000, discard_exploration=True)
    return float(sampler.log_z), float(1 / np.sqrt(sampler.n_eff))


def _nautilus(space: Space, live: int, seed: int) -> Any:
    from nautilus import Sampler

    return Sampler(
        space.from_cube, space.log_likelihood, space.ndim, n_live=live, vectorized=True,
        pass_dict=False, seed=seed, n_networks=0, n_batch=500,
    )  # fmt: skip


# dynesty.


def dynesty_full(problem: Problem, seconds: float) -> Sampled:
    """In all parameters, by random walks: uniform draws in ellipsoids get to no end."""
    return _dynesty(problem, full(problem.post), seconds)


def dynesty_collapsed(problem: Problem, seconds: float) -> Sampled:
    """The same in the collapsed space."""
    return _dynesty(problem, collapsed(problem.post), seconds)


def _dynesty(problem: Problem, space: Space, seconds: float) -> Sampled:
    from dynesty import NestedSampler

    began = time.perf_counter()
    sampler = NestedSampler(
        lambda x: float(space.log_likelihood(x[None])[0]), space.from_cube, space.ndim,
        nlive=LIVE, sample="rwalk", rstate=np.random.default_rng(0),
    )  # fmt: skip
    note = ""
    for _ in sampler.sample(dlogz=1e-3 * (LIVE - 1) + 0.01, save_bounds=False):
        if time.perf_counter() - began > seconds:
            note = UNFINISHED
            break
    sampler.add_final_live(print_progress=False)
    spent = time.perf_counter() - began
    out = sampler.results
    log_weights = out.logwt - out.logz[-1]
    return _weighted(problem, space, out.samples, log_weights, spent, float(out.logz[-1]), note)


def _weighted(
    problem: Problem, space: Space, x: np.ndarray, log_weights: np.ndarray, seconds: float,
    log_z: float, note: str,
) -> Sampled:  # fmt: skip
    """Draws that count, completed; a run that has not finished knows no log Z."""
    weights = np.exp(log_weights - log_weights.max())
    keep = weights > 1e-12
    weights = weights[keep] / weights[keep].sum()
    theta = space.complete(x[keep])
    draws = Weighted(theta, np.asarray(problem.post.log_prob(theta)), weights)
    return Sampled(draws, 0.0, 0.0, seconds, math.nan if note else log_z, note)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--live", type=int, default=LIVE)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", choices=CASES, action="append")
    options = parser.parse_args()
    for case in options.case or CASES:
        for seed in (options.seed, options.seed + 1):
            began = time.perf_counter()
            log_z, error = nested(case, options.live, seed)
            seconds = time.perf_counter() - began
            print(f"{case:10} seed {seed}: log Z {log_z:.3f} ± {error:.3f}  {seconds:.0f} s")


if __name__ == "__main__":
    main()
