"""Simulation-based calibration: is the truth where nnpost says it is, as often as it says?

For each of many data sets a network is drawn from the prior, data are simulated from it, and the
posterior is sampled from those data alone. Then the truth is one more draw of the posterior: its
rank among 99 of them is uniform on 0 … 99, for whatever is ranked (Talts et al. 2018,
arXiv 1804.06788; Cook, Gelman & Rubin 2006). A chi-squared test on ten bins judges each:

    python benchmarks/calibration.py --datasets 200 --seed 0
    python benchmarks/calibration.py --problem 21-relu --datasets 200

Of the small network every parameter is ranked after folding, three predictions, and the log
likelihood; of larger ones five predictions, the log likelihood, and the sums of squares of each
kind of parameter. The data sets are shared out among processes of this machine or, with
--scheduler, among the workers of a Dask cluster; ranks depend on the seed alone. They are kept in
chains/calibration/ as they come, so that one that was interrupted goes on. It prints the table,
draws docs/images/calibration.png of the small network, and leaves with 1 if any p is below 0.01,
which happens by chance to about one in ten correct programs.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from scipy.stats import binom, chi2

from nnpost import (
    MLP,
    Dataset,
    Gaussian,
    GaussianPrior,
    Posterior,
    Run,
    StudentTPrior,
    sample,
    symmetry,
    temper,
)  # fmt: skip
from nnpost.common.progress import open_progress
from nnpost.diagnostics.mixing import autocorr_time
from nnpost.sweep.cluster import Workers

DRAWS, BINS = 99, 10
STEPS, LONGEST = 400, 25_600
HOME = Path(__file__).parents[1]
FIGURE = HOME / "docs" / "images" / "calibration.png"
KEPT = HOME / "chains" / "calibration"

Sampler = Callable[[Posterior, int, int], Run]


@dataclass(frozen=True, eq=False)
class Problem:
    """What truths are drawn from, at which x they are seen, and where they are to predict."""

    net: MLP
    prior: GaussianPrior
    sigma: float
    x: np.ndarray  # (n, d)
    places: np.ndarray  # (m, d)
    every_parameter: bool = False

    @property
    def names(self) -> list[str]:
        """What is ranked."""
        at = [", ".join(f"{v:.3g}" for v in place) for place in self.places]
        predictions = (
            [f"$f({place})$" for place in at]
            if self.net.inputs < 3
            else [f"$f(x_{i})$" for i in range(len(at))]
        )
        parameters = (
            self.net.labels
            if self.every_parameter
            else [f"squares of {kind.replace('_', ' ')}" for kind in dict.fromkeys(self.net.kinds)]
        )
        return [*parameters, *predictions, r"$\log L$"]

    def quantities(self, post: Posterior, theta: np.ndarray) -> np.ndarray:
        """What is ranked, of vectors (..., P) -> (..., Q)."""
        likelihood = np.asarray(post.log_likelihood(theta))[..., None]
        predictions = post.predict(theta, self.places)
        return np.concatenate([self._of_parameters(theta), predictions, likelihood], axis=-1)

    def _of_parameters(self, theta: np.ndarray) -> np.ndarray:
        if self.every_parameter:
            return np.asarray(symmetry.fold(self.net, theta))
        kinds = np.array(self.net.kinds)
        each = [(theta[..., kinds == k] ** 2).sum(axis=-1) for k in dict.fromkeys(self.net.kinds)]
        return np.stack(each, axis=-1)

    def simulate(self, rng: np.random.Generator) -> tuple[Posterior, np.ndarray]:
        """A truth (P,) from the prior, and the posterior of data simulated from it."""
        noise, n = Gaussian(self.sigma), len(self.x)
        blank = Posterior(self.net, Dataset(self.x, np.zeros(n)), noise, self.prior)
        truth = blank.prior_density.draw(1, rng)[0]
        y = blank.predict(truth) + self.sigma * rng.standard_normal(n)
        return Posterior(self.net, Dataset(self.x, y), noise, self.prior), truth


def scattered(inputs: int, units: int, activation: str, n: int) -> Problem:
    """Standard normal x, among them five places to predict, and one twice as far out."""
    x = np.random.default_rng(inputs).standard_normal((n, inputs))
    places = np.concatenate([x[:4], 2 * x[4:5]])
    return Problem(MLP(inputs, (units,), activation), GaussianPrior(1.0), 0.3, x, places)


SMALL = Problem(
    MLP(1, (2,), "tanh"),
    GaussianPrior(2.0),
    0.5,
    np.linspace(-3, 3, 20)[:, None],
    np.array([[-3.0], [0.5], [4.5]]),  # at the edge, inside, and outside the data
    every_parameter=True,
)
# Weights with a scale for each input that is inferred, and such as have one of their own each.
SCALES = {"inputs": StudentTPrior(1.5, shared="input"), "tails": StudentTPrior(1.5)}
SIZES = {"21": (2, 5, 60), "50": (5, 7, 100), "121": (10, 10, 200)}  # inputs, units, points
PROBLEMS = (
    {"small": SMALL}
    | {name: replace(scattered(2, 2, "tanh", 25), prior=prior) for name, prior in SCALES.items()}
    | {
        f"{size}-{activation}": scattered(inputs, units, activation, n)
        for size, (inputs, units, n) in SIZES.items()
        for activation in ("tanh", "relu")
    }
)


def draw(post: Posterior, seed: int, nsteps: int) -> Run:
    """nnpost's default sampling, made small: few ensembles, smaller populations."""
    small = post.ndim < 16
    ensembles, walkers = (2, 32) if small else (1, None)
    particles = max(300, 4 * (post.ndim - post.net.n_output))
    tempering = temper(post, ensembles, particles=particles, steps=4, seed=seed)
    return sample(
        post, ensembles=ensembles, nwalkers=walkers, nsteps=nsteps, seed=seed, tempering=tempering
    )


def rank(problem: Problem, seed: int, index: int, sampler: Sampler = draw) -> np.ndarray:
    """Ranks (Q,) of one truth among draws at least one autocorrelation time apart.

    The chain is made four times longer until it holds enough of them.
    """
    rng = np.random.default_rng([seed, index])
    post, truth = problem.simulate(rng)
    chain_seed, nsteps = int(rng.integers(2**31)), STEPS
    while True:
        run = sampler(post, chain_seed, nsteps)
        values = problem.quantities(post, run.chain[run.burnin :])
        tau = int(np.ceil(autocorr_time(values, run.ensembles).max()))
        pool = values[tau - 1 :: tau].reshape(-1, values.shape[-1])
        if len(pool) >= DRAWS:
            break
        nsteps *= 4
        if nsteps > LONGEST:
            raise RuntimeError(f"data set {index}: tau = {tau} leaves {len(pool)} draws")
    picks = rng.permutation(len(pool))[:DRAWS]
    return (pool[picks] < problem.quantities(post, truth)).sum(axis=0)


def p_values(ranks: np.ndarray) -> np.ndarray:
    """Chi-squared p on ten equal bins: (S, Q) -> (Q,)."""
    counts = np.stack([np.bincount(r * BINS // (DRAWS + 1), minlength=BINS) for r in ranks.T])
    expected = len(ranks) / BINS
    return chi2(BINS - 1).sf(((counts - expected) ** 2 / expected).sum(axis=1))


def all_ranks(name: str, seed: int, datasets: int, workers: Workers) -> np.ndarray:
    """Ranks (S, Q) of as many truths, each a task of its own; those that are kept stay."""
    file = KEPT / f"{name}-{seed}.txt"
    known = np.loadtxt(file, dtype=int, ndmin=2)[:datasets] if file.exists() else None
    found = [] if known is None else list(known)
    file.parent.mkdir(parents=True, exist_ok=True)
    task = partial(rank, PROBLEMS[name], seed)
    with (
        workers.client() as client,
        open_progress(True, "data sets") as told,
        file.open("a") as kept,
    ):
        for future in client.map(task, range(len(found), datasets), pure=False):
            found.append(future.result())
            print(*found[-1], file=kept, flush=True)
            told(len(found), datasets, f"{len(found)} of {datasets}")
    return np.stack(found)


def draw_figure(ranks: np.ndarray, p: np.ndarray, path: Path) -> None:
    """Rank histograms with the band that holds 99 % of the bars of a correct program."""
    from matplotlib.figure import Figure

    labels, size = SMALL.names, len(ranks)
    columns = 4
    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots(-(-len(labels) // columns), columns, sharey=True).ravel()
    low, high = binom(size, 1 / BINS).ppf([0.005, 0.995])
    for ax, label, column, value in zip(axes, labels, ranks.T, p, strict=False):
        ax.axhspan(low, high, color="0.9", zorder=0)
        ax.axhline(size / BINS, color="0.6", lw=1)
        ax.hist(column, bins=np.linspace(0, DRAWS + 1, BINS + 1), histtype="step", color="C0")
        ax.set_title(f"{label}   p = {value:.2f}", fontsize=10)
    for ax in axes[len(labels) :]:
        ax.set_axis_off()
    figure.supxlabel(f"rank of the truth among {DRAWS} draws")
    figure.supylabel(f"data sets, of {size}")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problem", choices=PROBLEMS, default="small")
    parser.add_argument("--datasets", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, help="of this machine (default: one a core)")
    parser.add_argument("--scheduler", help="of a Dask cluster")
    parser.add_argument("--figure", type=Path, default=FIGURE, help="of the small network")
    options = parser.parse_args()
    began = time.perf_counter()
    workers = Workers(options.scheduler, options.processes)
    ranks = all_ranks(options.problem, options.seed, options.datasets, workers)
    p = p_values(ranks)
    for name, value in zip(PROBLEMS[options.problem].names, p, strict=True):
        print(f"{name:30} p = {value:.3f}")
    seconds = time.perf_counter() - began
    print(f"{len(ranks)} data sets, smallest p = {p.min():.3f}, {seconds:.0f} s")
    if options.problem == "small":
        draw_figure(ranks, p, options.figure)
    return int(p.min() < 0.01)


if __name__ == "__main__":
    sys.exit(main())
