"""Does it pay to integrate the output layer out given latent numbers of the points?

    python benchmarks/augmented.py [--seeds 3] [--only NAME …] [--write]

samples each posterior by "hmc", which moves all parameters, and by "collapsed", which draws latent
numbers, moves what is in front of the output layer, and draws that layer (augmented_layer.py). Both
are Hamiltonian, on one thread, from prior draws; for every seed they take turns, so that what else
the machine does falls on both, and seconds are those of the processor, warm-up counted. An
effective draw is one of the log posterior or of the predictions, whichever has fewer; the means of
the log posterior must agree.

Labels have Pólya-Gamma variables for latent numbers (Polson, Scott & Windle 2013, J. Am. Stat.
Assoc. 108, 1339), by the package polyagamma (pip install '.[bench]'), first tried against their
mean and their Laplace transform. nnpost does not sample labels so: see docs/mathematics.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from page import keep, put, table
from scipy.stats import gmean

import nnpost
from nnpost.posterior.likelihoods.augmentable import GivenLatents

OUTLIERS = Path(__file__).parents[1] / "tests" / "cases" / "line_outliers.csv"
PRIOR = nnpost.GaussianPrior(2.0)
STEPS, DISCARD = 600, 200
MOVES = ("hmc", "collapsed")


@dataclass(frozen=True)
class PolyaGamma(nnpost.Bernoulli):
    """1/(1 + e^−f) = ½ ∫ e^(f/2 − ω f²/2) PG(ω; 1, 0) dω, so that ω | f ~ PG(1, f)."""

    def draw_latents(self, f, y, yerr, extra, rng):
        from polyagamma import random_polyagamma

        generator = np.random.Generator(np.random.PCG64(rng.randint(2**31)))
        return random_polyagamma(1.0, f, random_state=generator)

    def given_latents(self, latents, y, yerr, extra):
        moment = np.broadcast_to(y - 0.5, latents.shape)[:, None]
        beside = (0.5 * moment[:, 0] ** 2 / latents).sum(axis=1)
        nothing = np.zeros((1, 0))
        return GivenLatents(latents[:, None], moment, beside, np.zeros((len(latents), 0)), nothing)


def line() -> nnpost.Posterior:
    """24 points on a line, some far off, x and y standardised; two tanh units, P = 9."""
    rows = np.genfromtxt(OUTLIERS, delimiter=",", names=True)
    x, y = ((rows[k] - rows[k].mean()) / rows[k].std() for k in ("x", "y"))
    net = nnpost.MLP(1, (2,), "tanh")
    return nnpost.Posterior(net, nnpost.Dataset(x, y), nnpost.StudentT(), PRIOR)


def sine() -> nnpost.Posterior:
    """120 points of a sine with t noise, ν = 3; four tanh units, P = 15."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-2, 2, 120))
    y = np.sin(2 * x) + 0.1 * rng.standard_t(3, 120)
    net = nnpost.MLP(1, (4,), "tanh")
    return nnpost.Posterior(net, nnpost.Dataset(x, y), nnpost.StudentT(), PRIOR)


def targets(inputs: int) -> nnpost.Posterior:
    """Two curves of one input (80 points, four tanh units) or of three (150, five units)."""
    rng, n = np.random.default_rng(0), 80 if inputs == 1 else 150
    x = rng.uniform(-2, 2, (n, inputs))
    y = np.column_stack([np.sin(2 * x[:, 0]), (x**2).mean(axis=1) - 1])
    data = nnpost.Dataset(x, y + 0.2 * rng.standard_normal((n, 2)), y_names=("u", "v"))
    net = nnpost.MLP(inputs, (4 if inputs == 1 else 5,), "tanh", outputs=2)
    return nnpost.Posterior(net, data, nnpost.GaussianTargets(2), PRIOR)


def labels(inputs: int) -> nnpost.Posterior:
    """Labels along a line (100, three tanh units) or within a circle (200, four)."""
    rng, n = np.random.default_rng(0), 100 if inputs == 1 else 200
    x = rng.uniform(-2, 2, (n, inputs))
    f = 3 * np.sin(2.5 * x[:, 0]) if inputs == 1 else 3 * (1.5 - (x**2).sum(axis=1))
    y = (rng.random(n) < 1 / (1 + np.exp(-f))).astype(float)
    net = nnpost.MLP(inputs, (3 if inputs == 1 else 4,), "tanh")
    return nnpost.Posterior(net, nnpost.Dataset(x, y), PolyaGamma(), PRIOR)


CASES: dict[str, Callable[[], nnpost.Posterior]] = {
    "Student's t, line with outliers": line,
    "Student's t, sine": sine,
    "two targets of one input": lambda: targets(1),
    "two targets of three inputs": lambda: targets(3),
    "labels of one input": lambda: labels(1),
    "labels of two inputs": lambda: labels(2),
}


@dataclass(frozen=True)
class Found:
    """What one chain was worth."""

    rate: float  # effective draws a second of the processor
    rhat: float  # the larger of log_prob and predictions
    log_prob: float
    error: float  # Monte-Carlo error of that mean


def sampled(post: nnpost.Posterior, moves: str, seed: int) -> Found:
    began = time.process_time()
    run = nnpost.sample(post, moves=moves, start="prior", nsteps=STEPS, discard=DISCARD, seed=seed)
    seconds, verdict = time.process_time() - began, run.verdict
    sizes, rhats = (
        [part[k] or 0.0 for k in ("log_prob", "predictions")]
        for part in (verdict.ess, verdict.rhat)
    )
    draws = run.sample_log_prob
    return Found(
        min(sizes) / seconds, max(rhats), float(draws.mean()),
        float(draws.std() / np.sqrt(sizes[0] or 1.0)),
    )  # fmt: skip


def try_polya_gamma(count: int = 400_000) -> None:
    """Mean tanh(c/2)/2c and E e^(−tω) = cosh(c/2)/cosh √(c²/4 + t/2) of draws, within 5 errors."""
    noise, rng, none = PolyaGamma(), np.random.RandomState(0), np.empty((1, 0))
    for c in (0.01, 1.0, 4.0, 12.0):
        omega = noise.draw_latents(np.full((1, count), c), None, None, none, rng)[0]
        mean = np.tanh(c / 2) / (2 * c)
        assert abs(omega.mean() - mean) < 5 * omega.std() / np.sqrt(count), c
        for t in (0.5, 3.0, 20.0):
            draws, exact = np.exp(-t * omega), np.cosh(c / 2) / np.cosh(np.sqrt(c * c / 4 + t / 2))
            assert abs(draws.mean() - exact) < 5 * draws.std() / np.sqrt(count), (c, t)


def compare(name: str, seeds: int) -> dict[str, object]:
    """Both moves in turn for every seed; the first turn alternates."""
    post, found = CASES[name](), {moves: [] for moves in MOVES}
    for seed in range(seeds):
        for moves in MOVES[:: 1 if seed % 2 == 0 else -1]:
            found[moves].append(one := sampled(post, moves, seed))
            print(f"{name}, {moves}, seed {seed}: {one}", flush=True)
    a, b = ([one.rate for one in found[moves]] for moves in MOVES)
    ratios = np.array(b) / np.array(a)
    return {
        "parameters": post.ndim,
        "rates": {moves: [one.rate for one in found[moves]] for moves in MOVES},
        "rhat": {moves: max(one.rhat for one in found[moves]) for moves in MOVES},
        "log_prob": {moves: [(one.log_prob, one.error) for one in found[moves]] for moves in MOVES},
        "ratio": float(gmean(ratios)),
        "range": [float(ratios.min()), float(ratios.max())],
    }


def row(name: str, found: dict) -> tuple[str, ...]:
    rates = [f"{np.median(found['rates'][moves]):.3g}" for moves in MOVES]
    rhats = [f"{found['rhat'][moves]:.3f}" for moves in MOVES]
    least, most = found["range"]
    ratio = f"{found['ratio']:.2g} ({least:.2g} … {most:.2g})"
    return (name, str(found["parameters"]), " / ".join(rates), " / ".join(rhats), ratio)


HEAD = ("posterior", "P", "effective draws a second, hmc / collapsed", "largest R-hat", "ratio")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    names = options.only
    if find_spec("polyagamma") is None:
        print("labels: polyagamma is not installed; pip install '.[bench]' -c constraints.txt")
        names = [name for name in names if "labels" not in name]
    else:
        try_polya_gamma()
    found = {name: compare(name, options.seeds) for name in names}
    shown = table(HEAD, [row(name, one) for name, one in found.items()])
    print(shown)
    if options.write:
        keep("augmented", {"seeds": options.seeds, "steps": STEPS, "cases": found})
        put("augmented", shown)


if __name__ == "__main__":
    main()
