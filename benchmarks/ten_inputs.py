"""Ten inputs, ten hidden units, noise inferred: 122 parameters. Effective draws a second.

    python benchmarks/ten_inputs.py [tanh|relu] [MOVES] [STEPS]

The data are 300 standard normal inputs and the outputs of a random network of the same kind, with
a tenth of their standard deviation as noise; seed 0. All prior standard deviations are 1. Four
ensembles start from prior draws; everything is counted, warm-up included. An effective draw is one
of the log posterior or of the predictions, whichever has fewer. Both means of the log posterior
are printed, with their Monte-Carlo errors: two samplers of one posterior agree within these.

NumPyro's NUTS, four chains, stands beside it where it is installed (pip install '.[bench]'), for
half a minute with its warm-up, without what jax compiles. Everything is printed and written to
benchmarks/results/ten_inputs.json.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from gradients import numpyro_nuts
from problems import Problem

import nnpost
from nnpost.diagnostics.verdict import judge

RESULTS = Path(__file__).parent / "results" / "ten_inputs.json"
WARMUP, SECONDS, CHAINS = 100, 30.0, 4  # of NUTS


@dataclass(frozen=True)
class Found:
    """What a sampler made of it."""

    sampler: str
    draws: int  # of all walkers after the warm-up
    seconds: float  # all in all
    effective: float  # draws, the fewer of log_prob and predictions
    rhat: float  # the larger of both
    log_prob: float  # its mean
    error: float  # and the Monte-Carlo error of that

    @property
    def rate(self) -> float:
        """Effective draws a second."""
        return self.effective / self.seconds

    def __str__(self) -> str:
        return (
            f"{self.sampler}: {self.rate:.3g} effective draws a second ({self.effective:,.0f} of "
            f"{self.draws:,} in {self.seconds:.0f} s), R-hat {self.rhat:.4f}, mean log posterior "
            f"{self.log_prob:.2f} ± {self.error:.2f}"
        )


def teacher(activation: str, size: int = 300, seed: int = 0) -> nnpost.Dataset:
    """Outputs of a network with parameters N(0, 1/10) in front of its units and N(0, 1) behind."""
    rng = np.random.default_rng(seed)
    net = nnpost.MLP(10, (10,), activation)
    blank = nnpost.Dataset(rng.standard_normal((size, 10)), np.zeros(size))
    theta = rng.standard_normal(net.ndim)
    theta[: net.n_hidden] /= np.sqrt(10)
    y = nnpost.Posterior(net, blank).predict(theta)
    y = y + 0.1 * y.std() * rng.standard_normal(size)
    return nnpost.Dataset(blank.x, y, name=f"{activation} teacher")


def posterior(activation: str = "tanh") -> nnpost.Posterior:
    """That of the same kind of network on the teacher's outputs."""
    net = nnpost.MLP(10, (10,), activation)
    prior = nnpost.GaussianPrior(1.0, log_sigma_std=3.0)
    return nnpost.Posterior(net, teacher(activation), nnpost.Gaussian("infer"), prior)


def found(
    post: nnpost.Posterior, sampler: str, seconds: float, chain: np.ndarray, log_prob: np.ndarray
) -> Found:
    """From rows after the warm-up, (N, W, P) and (N, W) of four ensembles."""
    verdict = judge(post, chain, log_prob, CHAINS)
    sizes, rhats = (
        [part[k] or 0.0 for k in ("log_prob", "predictions")]
        for part in (verdict.ess, verdict.rhat)
    )
    error = float(log_prob.std() / np.sqrt(verdict.ess["log_prob"] or 1.0))
    return Found(
        sampler, log_prob.size, seconds, min(sizes), max(rhats), float(log_prob.mean()), error
    )


def ours(post: nnpost.Posterior, moves: str = "collapsed", nsteps: int = 1500) -> Found:
    """nnpost, whose kernels have been compiled before."""
    post.make_ready()
    began = time.perf_counter()
    run = nnpost.sample(post, nsteps=nsteps, moves=moves, start="prior", discard=300)
    spent = time.perf_counter() - began
    return found(post, f"nnpost, {moves}", spent, run.chain[300:], run.log_prob[300:])


def nuts(post: nnpost.Posterior) -> Found | None:
    """NumPyro's NUTS on all parameters; None, and a line that says so, where there is none."""
    if find_spec("numpyro") is None:
        print("NUTS: numpyro is not installed; pip install '.[bench]' -c constraints.txt")
        return None
    made = numpyro_nuts(Problem(post), SECONDS, WARMUP)
    theta = made.draws.theta
    spent = made.warmup + made.sampling
    return found(post, "NumPyro's NUTS", spent, theta, np.asarray(post.log_prob(theta)))


def both(activation: str = "tanh", moves: str = "collapsed", nsteps: int = 1500) -> list[Found]:
    """Ours, and NUTS where it is installed; printed, and written with all that was found."""
    post = posterior(activation)
    rows = [row for row in (ours(post, moves, nsteps), nuts(post)) if row]
    print(*rows, sep="\n")
    RESULTS.parent.mkdir(exist_ok=True)
    kept = [asdict(row) | {"rate": row.rate} for row in rows]
    text = json.dumps({"activation": activation, "rows": kept}, indent=2)
    RESULTS.write_text(text + "\n", "utf-8")
    return rows


def main(activation: str = "tanh", moves: str = "collapsed", nsteps: str = "1500") -> None:
    both(activation, moves, int(nsteps))


if __name__ == "__main__":
    main(*sys.argv[1:])
