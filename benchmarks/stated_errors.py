"""Do the errors that are stated hold? Every number of the score card, in many small runs.

One tanh unit on twenty points has a posterior that can be drawn from exactly: on a fine grid of its
two hidden parameters, with the output layer integrated out, and the output layer by its Gaussian.
The score card of a hundred thousand such draws is the truth, but for a remainder that is counted
in. Beside it stand the cards of 200 independent runs as small as a verdict allows: how often is a
number more than one, two, three of its stated errors away?

    python benchmarks/stated_errors.py --runs 200 --write

The errors come from batches of four ensembles, twenty in all, so that Student's t with 19 degrees
of freedom says how often: 0.67, 0.94, 0.99. Numbers that no draw changes (the MAP's height, the
barrier) are left out. With --write the table goes into docs/exactness.md.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from page import keep, put, table
from scipy.stats import t as student

from nnpost import (
    MLP,
    Dataset,
    Fits,
    Gaussian,
    GaussianPrior,
    Posterior,
    Run,
    ScoreCard,
    compare,
    sample,
    score,
    temper,
    train,
)
from nnpost.common.progress import open_progress
from nnpost.comparison.effort import FULL, Detail, NearDetail
from nnpost.numerics.monte_carlo import Estimate
from nnpost.posterior.output_layer import OutputLayer

PAGE = Path(__file__).parents[1] / "docs" / "exactness.md"
BOUNDS = (1, 2, 3)
FREEDOM = 19  # of twenty batches
GRID = 1201  # places of w and of b
EXACT = (1250, 80)  # rows and walkers of the exact draws
STEPS, WALKERS, PARTICLES = 400, 32, 400

# The exact draws are used all, where a run's card makes do with some.
ALL = replace(
    FULL, curves=40_000, every=1, approximation=8_000, near=NearDetail(most=20_000, numbers=10**6)
)


def problem() -> Posterior:
    """Twenty noisy points of a sine, one tanh unit."""
    rng = np.random.default_rng(5)
    x = rng.uniform(-2, 2, 20)
    y = np.sin(2 * x) + 0.1 * rng.standard_normal(20)
    return Posterior(MLP(1, (1,), "tanh"), Dataset(x, y), Gaussian(0.2), GaussianPrior(3.0))


def exact_draws(post: Posterior, size: int, rng: np.random.RandomState) -> np.ndarray:
    """Independent draws (size, P): cells of a grid by their mass, a place in each by rejection."""
    layer = OutputLayer(post)
    sides = [np.linspace(-6 * s, 6 * s, GRID) for s in post.scales[layer.hidden_index]]
    cells = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, 2)
    height = layer.log_prob(cells)
    mass = np.exp(height - height.max())
    width = np.array([side[1] - side[0] for side in sides])
    kept: list[np.ndarray] = []
    while sum(map(len, kept)) < size:
        chosen = rng.choice(len(cells), size=size, p=mass / mass.sum())
        h = cells[chosen] + width * (rng.random_sample((size, 2)) - 0.5)
        ratio = layer.log_prob(h) - height[chosen]
        kept.append(h[np.log(4 * rng.random_sample(size)) < ratio])  # no ratio here reaches 4
    return layer.draw(np.concatenate(kept)[:size], rng).theta


def exact_run(post: Posterior, fits: Fits, like: Run) -> Run:
    """The exact draws as if a chain had made them."""
    rows, walkers = EXACT
    draws = exact_draws(post, rows * walkers, np.random.RandomState(0))
    chain = draws.reshape(rows, walkers, post.ndim)
    accepted = np.ones(walkers)
    return replace(
        like, chain=chain, log_prob=post.log_prob(chain), accepted=accepted, discard=0, judged=None
    )


def small_run(post: Posterior, fits: Fits, seed: int) -> Run:
    tempering = temper(post, 4, particles=PARTICLES, seed=seed)
    return sample(
        post, ensembles=4, nwalkers=WALKERS, nsteps=STEPS, seed=seed, fits=fits,
        tempering=tempering,
    )  # fmt: skip


def card_of(post: Posterior, fits: Fits, run: Run, detail: Detail = FULL) -> ScoreCard:
    return score(post, fits, run, compare(post, fits, run, detail=detail), detail=detail)


def numbers(card: ScoreCard) -> Iterator[tuple[str, Estimate]]:
    """What is on a card and depends on draws, by name. The approximations' own draws are of a
    seed, that of the run, which all runs share here."""
    for name, found in card.best.items():
        yield f"SGD: {name}", found
    for name, spread in card.restarts.items():
        yield f"restarts: {name}", spread.median
    for label, value, error in zip(card.labels, card.shift, card.shift_error, strict=True):
        yield f"shift of {label}", Estimate(float(value), float(error))
    for one in card.approximations:
        for name, found in one.numbers.items():
            if not name.startswith("floor"):  # how far ensembles are apart is no property of them
                yield f"{one.name}: {name}", found


def judge(truth: Estimate, found: list[Estimate]) -> dict[str, float]:
    """Shares of |z| below BOUNDS, and the mean of z; the truth's own error is counted in."""
    value, error = np.array([(one.value, one.error) for one in found]).T
    z = (value - truth.value) / np.hypot(error, truth.error)
    shares = {f"below {b}": float(np.mean(abs(z) < b)) for b in BOUNDS}
    return {"mean z": float(z.mean()), "sd z": float(z.std()), **shares}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    began = time.perf_counter()
    post = problem()
    fits = train(post, restarts=32, seed=0, progress=False)
    first = small_run(post, fits, 0)
    true = dict(numbers(card_of(post, fits, exact_run(post, fits, first), ALL)))
    found: dict[str, list[Estimate]] = {name: [] for name in true}
    with open_progress(True, "runs") as told:
        for seed in range(options.runs):
            run = replace(small_run(post, fits, seed + 1), seed=0)  # of the approximations' draws
            for name, one in numbers(card_of(post, fits, run)):
                found[name].append(one)
            told(seed + 1, options.runs, f"{seed + 1} of {options.runs}")
    random = {n: all(e.error > 0 for e in many) for n, many in found.items()}
    rows = {n: judge(true[n], many) for n, many in found.items() if random[n]}
    expected = [1 - 2 * student.sf(b, FREEDOM) for b in BOUNDS]
    head = ("number", "truth", "mean of z", "sd", *(f"size of z < {b}" for b in BOUNDS))
    cells = [
        (name, f"{true[name].value:.4g}", *(f"{value:.2f}" for value in row.values()))
        for name, row in rows.items()
    ]
    cells.append(("Student's t, 19", "", "0", "1.06", *(f"{share:.2f}" for share in expected)))
    print(table(head, cells))
    print(f"{options.runs} runs in {time.perf_counter() - began:.0f} s")
    if options.write:
        keep("stated_errors", {"runs": options.runs, "expected": expected, "numbers": rows})
        put("stated errors", table(head, cells), PAGE)
    short = 3.5 * math.sqrt(expected[1] * (1 - expected[1]) / options.runs)
    return int(any(row["below 2"] < expected[1] - short for row in rows.values()))


if __name__ == "__main__":
    sys.exit(main())
