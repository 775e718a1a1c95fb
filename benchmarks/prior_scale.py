"""Which prior suits standardised data? Held-out scores of several, on data of several kinds.

For each data set and each standard deviation of the prior (one for all weights and biases), the
posterior of a network of three tanh units with inferred noise is sampled on three quarters of the
points, standardised by themselves. The score is the mean log predictive density of the other
quarter (LPPD, higher is better), on the scale of standardised y; tau is the chain's longest
autocorrelation time.

    OMP_NUM_THREADS=1 python benchmarks/prior_scale.py          # prints the table
    OMP_NUM_THREADS=1 python benchmarks/prior_scale.py --write  # and puts it into docs/own-data.md
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from page import keep, put, table

import nnpost
from nnpost import MLP, Dataset, Gaussian, GaussianPrior, Posterior
from nnpost.data.scaling import Scaling

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "own-data.md"
STDS = (0.3, 1.0, 3.0, 10.0, 30.0)
SPLITS = 2


def case(name: str) -> Dataset:
    """A table of tests/cases: all columns but the last are inputs."""
    rows = np.loadtxt(ROOT / "tests" / "cases" / f"{name}.csv", delimiter=",", skiprows=1)
    return Dataset(rows[:, :-1], rows[:, -1], name=name)


def shipped(name: str) -> Dataset:
    """A regression that ships with scikit-learn."""
    from sklearn import datasets

    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    if name == "iris":  # width of the petals from the other three lengths
        x, y = x[:, :3], x[:, 3]
    some = np.random.default_rng(0).permutation(len(y))[:200]
    return Dataset(x[some], y[some], name=name)


DATA: dict[str, Callable[[str], Dataset]] = {
    "nile_raw": case,
    "sinusoidal_std": case,
    "hetero": case,
    "iris": shipped,
    "diabetes": shipped,
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
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--data", nargs="*", default=list(DATA), choices=list(DATA))
    asked = parser.parse_args()
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    for name in asked.data:
        data = DATA[name](name)
        found[name] = {}
        for std in STDS:
            found[name][f"{std:g}"] = [score(data, std, seed) for seed in range(SPLITS)]
            print(name, std, found[name][f"{std:g}"], flush=True)
    text = shown(found)
    print(text)
    if asked.write:
        keep("prior_scale", found)
        put("prior scale", text, PAGE)


def shown(found: dict[str, dict[str, list[dict[str, float]]]]) -> str:
    """LPPD and, in brackets, tau: means over the splits."""
    rows = [[name, *(_cell(by_std[f"{std:g}"]) for std in STDS)] for name, by_std in found.items()]
    means = [
        f"{np.mean([s['lppd'] for by in found.values() for s in by[f'{std:g}']]):.3f}"
        for std in STDS
    ]
    return table(["data", *(f"std {std:g}" for std in STDS)], [*rows, ["mean", *means]])


def _cell(scores: list[dict[str, float]]) -> str:
    lppd, tau = (np.mean([one[key] for one in scores]) for key in ("lppd", "tau"))
    return f"{lppd:.3f} ({tau:.0f})"


if __name__ == "__main__":
    main()
