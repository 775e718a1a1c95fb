"""NumPyro's NUTS beside nnpost on three tables as people have them: the same posterior and split.

The posteriors are those of the run files that own_data.py leaves in chains/own-data/, on the
network's scale, their noise inferred. Four chains from prior draws, each tuned for 500 steps, with
NumPyro's settings as they come, have as many seconds of one core as nnpost's command took for all
that it does, on two cores; compiling is not counted. LPPD is of the same rows held out, by as many
draws as nnpost scores.

    python benchmarks/own_data.py --data nile engel longley
    python benchmarks/own_nuts.py --write

What is found is kept in benchmarks/results/own_nuts.json; the table goes into docs/own-data.md.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import gradients
import numpy as np
from judged import Chains, of_chains
from own_data import CASES, PAGE, divided, run_file
from page import RESULTS, keep, put, table
from problems import Problem
from sampling import one_core

import nnpost
from nnpost.comparison.effort import FULL
from nnpost.numerics.monte_carlo import spread_out
from nnpost.prediction.scores import log_mean_density

TABLES = ("nile", "engel", "longley")


def lppd(post: nnpost.Posterior, theta: np.ndarray, name: str) -> float:
    """Of the rows held out, by so many of the draws (N, W, P) as nnpost scores, in nats a row."""
    *_, x, y = divided(CASES[name])
    flat = theta.reshape(-1, post.ndim)
    some = flat[spread_out(len(flat), FULL.targets, theta.shape[1])]
    density = log_mean_density(post.pointwise_log_likelihood(some, nnpost.Dataset(x, y)))
    return float(post.data.scaling.log_density_to_file(density).mean())


def same_density(post: nnpost.Posterior) -> None:
    """Raises AssertionError where the density that jax is given is another one."""
    theta = post.scales * np.random.default_rng(0).standard_normal((20, post.ndim))
    other = gradients.log_density(post)
    np.testing.assert_allclose([other(t) for t in theta], post.log_prob(theta), rtol=1e-9)


def beside(name: str) -> dict[str, dict[str, float]]:
    """Both on one table: seconds, LPPD, effective draws a second and R-hat."""
    run = nnpost.load(run_file(name))
    post, seconds = run.post, own_data_seconds(name)
    same_density(post)
    found = gradients.numpyro_nuts(Problem(post), seconds)
    assert isinstance(found.draws, Chains)
    kept = run.chain[run.burnin :], run.log_prob[run.burnin :]
    chains = {"nnpost": (Chains(*kept, run.ensembles), seconds),
              "NUTS": (found.draws, found.warmup + found.sampling)}  # fmt: skip
    told = {}
    for sampler, (draws, spent) in chains.items():
        effective, rhat = of_chains(post, draws)
        told[sampler] = {
            "seconds": spent,
            "rate": effective / spent,
            "rhat": rhat,
            "lppd": lppd(post, draws.theta, name),
        }
    return told


def own_data_seconds(name: str) -> float:
    """That nnpost's command took on the table."""
    return float(json.loads((RESULTS / "own_data.json").read_text("utf-8"))[name]["seconds"])


HEAD = ("data", "sampler", "seconds", "R-hat", "effective draws a second", "LPPD")


def rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (name, sampler, f"{told['seconds']:.0f}", f"{told['rhat']:.3f}",
         f"{told['rate']:,.1f}", f"{told['lppd']:.3f}")
        for name, both in found.items() for sampler, told in both.items()
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    with one_core():
        found = {name: beside(name) for name in TABLES}
    shown = table(HEAD, rows(found))
    print(shown)
    if options.write:
        keep("own_nuts", found)
        put("own nuts", shown, PAGE)


if __name__ == "__main__":
    main()
