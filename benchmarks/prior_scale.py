"""Which prior suits standardised data? Held-out scores of several, on data of several kinds.

For each data set and each standard deviation of the prior (one for all weights and biases), the
posterior of a network of three tanh units with inferred noise is sampled on three quarters of the
points, standardised by themselves. The score is the mean log predictive density of the other
quarter (LPPD, higher is better), on the scale of standardised y; tau is the chain's longest
autocorrelation time.

    OMP_NUM_THREADS=1 python benchmarks/prior_scale.py

keeps every score in benchmarks/results/prior_scale.json, of which the table in docs/own-data.md is
made; with ``--data`` or ``--stds`` the others stay as they were.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
from page import RESULTS, keep, put, table

import nnpost
from nnpost import MLP, Dataset, Gaussian, GaussianPrior, Posterior
from nnpost.data.scaling import Scaling

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "own-data.md"
STDS = (0.3, 1.0, 2.0, 3.0, 10.0, 30.0)
SPLITS = 2
Found = dict[str, dict[str, list[dict[str, float]]]]  # scores by data set and by std


def case(name: str) -> Dataset:
    """A table of tests/cases: all columns but the last are inputs."""
    rows = np.loadtxt(ROOT / "tests" / "cases" / f"{name}.csv", delimiter=",", skiprows=1)
    return Dataset(rows[:, :-1], rows[:, -1], name=name)


def line(name: str) -> Dataset:
    """Forty points near a line."""
    return nnpost.read_data(ROOT / "tests" / "cases" / "whitespace.data", "1", "2", name=name)


def iris(name: str) -> Dataset:
    """Width of the petals from the other three lengths, as they ship with scikit-learn."""
    from sklearn.datasets import load_iris

    table = load_iris().data[np.random.default_rng(0).permutation(150)]
    return Dataset(table[:, :3], table[:, 3], name=name)


DATA: dict[str, Callable[[str], Dataset]] = {
    "line": line,
    "nile_raw": case,
    "sinusoidal_std": case,
    "hetero": case,
    "iris": iris,
}


def score(data: Dataset, std: float, seed: int) -> dict[str, float]:
    """LPPD of the held-out quarter, the chain's tau, and log Z of the rest."""
    part, held = data.split(0.75, seed)
    part = part.scaled(Scaling.of(part, "standard"))
    net = MLP(data.inputs, (3,), "tanh")
    post = Posterior(net, part, Gaussian("infer"), GaussianPrior(std))
    run = nnpost.sample(post, nsteps=200, discard=50, seed=seed)
    draws = run.samples[:: max(1, len(run.samples) // 2000)]
    density = post.pointwise_log_likelihood(draws, held)
    lppd = np.logaddexp.reduce(density, axis=0) - np.log(len(draws))
    return {"lppd": float(lppd.mean()), "tau": float(run.verdict.tau or np.nan),
            "log_z": run.log_evidence}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="*", default=list(DATA), choices=list(DATA))
    parser.add_argument("--stds", nargs="*", default=list(STDS), type=float)
    asked = parser.parse_args()
    kept = RESULTS / "prior_scale.json"
    found: Found = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    for name, std in product(asked.data, asked.stds):
        scores = [score(DATA[name](name), std, seed) for seed in range(SPLITS)]
        found.setdefault(name, {})[f"{std:g}"] = scores
        print(name, std, scores, flush=True)
        keep("prior_scale", found)
    put("prior scale", shown(found), PAGE)


def shown(found: Found) -> str:
    """LPPD and, in brackets, tau, means over the splits; below them those over the data sets."""
    stds = [f"{std:g}" for std in STDS]
    rows = [[name, *(_cell(found[name][std]) for std in stds)] for name in DATA]
    every = {std: [s for name in DATA for s in found[name][std]] for std in stds}
    rows.append(["mean", *(_cell(every[std]) for std in stds)])
    log_z = [np.mean([s["log_z"] for s in every[std]]) for std in stds]
    rows.append(["mean log Z", *(f"{value:.2f}" for value in log_z)])
    return table(["data", *(f"std {std}" for std in stds)], rows)


def _cell(scores: list[dict[str, float]]) -> str:
    lppd, tau = (np.mean([one[key] for one in scores]) for key in ("lppd", "tau"))
    return f"{lppd:.3f} ({tau:.0f})"


if __name__ == "__main__":
    main()
