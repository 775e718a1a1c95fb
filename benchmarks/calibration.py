"""Simulation-based calibration: is the truth where nnpost says it is, as often as it says?

For each of many data sets a small network is drawn from the prior, data are simulated from it, and
the posterior is sampled from those data alone. Then the truth is one more draw of the posterior:
its rank among 99 of them is uniform on 0 … 99, for whatever is ranked (Talts et al. 2018,
arXiv 1804.06788; Cook, Gelman & Rubin 2006). Ranked are every parameter after folding, three
predictions, and the log likelihood. A chi-squared test on ten bins judges each:

    python benchmarks/calibration.py --datasets 200 --seed 0

The data sets are shared out among processes of this machine or, with --scheduler, among the workers
of a Dask cluster; ranks depend on the seed alone. It prints the table, draws
docs/images/calibration.png, and leaves with 1 if any p is below 0.01, which happens by chance to
about one in ten correct programs.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from scipy.stats import binom, chi2

from nnpost import MLP, Dataset, Gaussian, GaussianPrior, Posterior, Run, sample, symmetry, temper
from nnpost.common.progress import open_progress
from nnpost.diagnostics.mixing import autocorr_time
from nnpost.sweep.cluster import Workers

NET = MLP(1, (2,), "tanh")
SIGMA, PRIOR = 0.5, GaussianPrior(2.0)
X = np.linspace(-3, 3, 20)
PLACES = np.array([-3.0, 0.5, 4.5])  # at the edge, inside, and outside the data
DRAWS, BINS = 99, 10
STEPS, LONGEST = 400, 25_600
FIGURE = Path(__file__).parents[1] / "docs" / "images" / "calibration.png"

Sampler = Callable[[Posterior, int, int], Run]


def names() -> list[str]:
    """What is ranked."""
    return [*NET.labels, *(f"$f({x:g})$" for x in PLACES), r"$\log L$"]


def simulate(rng: np.random.Generator) -> tuple[Posterior, np.ndarray]:
    """A truth (P,) from the prior, and the posterior of data simulated from it."""
    blank = Posterior(NET, Dataset(X, np.zeros(len(X))), Gaussian(SIGMA), PRIOR)
    truth = blank.scales * rng.standard_normal(blank.ndim)
    y = blank.predict(truth) + SIGMA * rng.standard_normal(len(X))
    return Posterior(NET, Dataset(X, y), Gaussian(SIGMA), PRIOR), truth


def quantities(post: Posterior, theta: np.ndarray) -> np.ndarray:
    """What is ranked, of vectors (..., P) -> (..., Q)."""
    likelihood = np.asarray(post.log_likelihood(theta))[..., None]
    return np.concatenate(
        [symmetry.fold(NET, theta), post.predict(theta, PLACES), likelihood], axis=-1
    )


def draw(post: Posterior, seed: int, nsteps: int) -> Run:
    """nnpost's default sampling, made small: two ensembles, smaller populations."""
    tempering = temper(post, ensembles=2, particles=300, steps=4, seed=seed)
    return sample(post, ensembles=2, nwalkers=32, nsteps=nsteps, seed=seed, tempering=tempering)


def rank(seed: int, index: int, sampler: Sampler = draw) -> np.ndarray:
    """Ranks (Q,) of one truth among draws at least one autocorrelation time apart.

    The chain is made four times longer until it holds enough of them.
    """
    rng = np.random.default_rng([seed, index])
    post, truth = simulate(rng)
    chain_seed, nsteps = int(rng.integers(2**31)), STEPS
    while True:
        run = sampler(post, chain_seed, nsteps)
        values = quantities(post, run.chain[run.burnin :])
        tau = int(np.ceil(autocorr_time(values, run.ensembles).max()))
        pool = values[tau - 1 :: tau].reshape(-1, values.shape[-1])
        if len(pool) >= DRAWS:
            break
        nsteps *= 4
        if nsteps > LONGEST:
            raise RuntimeError(f"data set {index}: tau = {tau} leaves {len(pool)} draws")
    picks = rng.permutation(len(pool))[:DRAWS]
    return (pool[picks] < quantities(post, truth)).sum(axis=0)


def p_values(ranks: np.ndarray) -> np.ndarray:
    """Chi-squared p on ten equal bins: (S, Q) -> (Q,)."""
    counts = np.stack([np.bincount(r * BINS // (DRAWS + 1), minlength=BINS) for r in ranks.T])
    expected = len(ranks) / BINS
    return chi2(BINS - 1).sf(((counts - expected) ** 2 / expected).sum(axis=1))


def all_ranks(seed: int, datasets: int, workers: Workers) -> np.ndarray:
    """Ranks (S, Q) of as many truths, each a task of its own."""
    with workers.client() as client, open_progress(True, "data sets") as told:
        futures = client.map(partial(rank, seed), range(datasets), pure=False)
        found = []
        for future in futures:
            found.append(future.result())
            told(len(found), datasets, f"{len(found)} of {datasets}")
    return np.stack(found)


def draw_figure(ranks: np.ndarray, p: np.ndarray, path: Path) -> None:
    """Rank histograms with the band that holds 99 % of the bars of a correct program."""
    from matplotlib.figure import Figure

    labels, size = names(), len(ranks)
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
    parser.add_argument("--datasets", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, help="of this machine (default: one a core)")
    parser.add_argument("--scheduler", help="of a Dask cluster")
    parser.add_argument("--figure", type=Path, default=FIGURE)
    options = parser.parse_args()
    began = time.perf_counter()
    workers = Workers(options.scheduler, options.processes)
    ranks = all_ranks(options.seed, options.datasets, workers)
    p = p_values(ranks)
    for name, value in zip(names(), p, strict=True):
        print(f"{name:12} p = {value:.3f}")
    seconds = time.perf_counter() - began
    print(f"{options.datasets} data sets, smallest p = {p.min():.3f}, {seconds:.0f} s")
    draw_figure(ranks, p, options.figure)
    return int(p.min() < 0.01)


if __name__ == "__main__":
    sys.exit(main())
