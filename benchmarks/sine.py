"""The sine with six sigmoid units and its true noise: do independent seeds agree?

Runs the experiment sine-gaussian for several seeds and compares the evidence, its spread over the
ensembles of each run, and the predictive bands:

    python benchmarks/sine.py [--seeds 0,1,2,3,4] [--set section.key=value]

log Z' is log Z without the Gaussian's constant n/2 log 2πσ². A band is the mean and the standard
deviation of the network's output at 16 inputs, from what tempering and sampling leave; training,
score card and figures are left out. Its Monte-Carlo errors are those of as many independent draws
as the chain is worth by its autocorrelation time at that input, and differences between two seeds
are given in units of both errors together.
"""

from __future__ import annotations

import argparse
import math
import time
from itertools import combinations
from typing import NamedTuple

import numpy as np

import nnpost
from nnpost.diagnostics.mixing import effective_size
from nnpost.experiment.experiment import load_experiment

PLACES = np.linspace(-10, 10, 16)


class Found(NamedTuple):
    """What one seed found."""

    log_z: float
    band: np.ndarray  # (2, 16)  mean and standard deviation of the output
    error: np.ndarray  # (2, 16)  their Monte-Carlo errors


def one(seed: int, settings: list[str]) -> Found:
    """Temper and sample with one seed and print its line."""
    asked = load_experiment("sine-gaussian").with_settings(settings)
    post = asked.build()
    began = time.perf_counter()
    found = nnpost.temper(post, asked.sample.ensembles, **asked.temper.table(), seed=seed)
    run = nnpost.sample(post, **asked.sample.table(), seed=seed, tempering=found)
    seconds = time.perf_counter() - began
    constant = 0.5 * post.data.n * math.log(2 * math.pi * post.likelihood.sigma**2)
    f = post.predict(run.get_chain(discard=run.discard, thin=4), PLACES)
    mean, sd = f.mean(axis=(0, 1)), f.std(axis=(0, 1))
    square = (f - mean) ** 2
    of_mean = sd / np.sqrt(effective_size(f, run.ensembles))
    of_square = square.std(axis=(0, 1)) / np.sqrt(effective_size(square, run.ensembles))
    error = np.array([of_mean, of_square / (2 * sd)])  # that of a root is half that of its square
    rhat = {name: run.verdict.rhat[name] for name in ("log_prob", "predictions")}
    print(
        f"seed {seed}: log Z' {found.log_evidence + constant:.2f} "
        f"({', '.join(f'{v + constant:.2f}' for v in found.log_z)})  {seconds:.0f} s (tempering "
        f"{found.seconds:.0f} s, sampling {run.seconds:.0f} s)  R-hat "
        f"{rhat['log_prob']:.3f}, {rhat['predictions']:.3f}  tau {run.verdict.tau:.0f}  "
        f"converged {run.verdict.converged}",
        flush=True,
    )
    return Found(found.log_evidence + constant, np.array([mean, sd]), error)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--set", action="append", default=[], dest="settings")
    options = parser.parse_args()
    found = [one(int(s), options.settings) for s in options.seeds.split(",")]
    log_z = [f.log_z for f in found]
    print(f"log Z' from {min(log_z):.2f} to {max(log_z):.2f}")
    for a, b in combinations(found, 2):
        apart = np.abs(a.band - b.band) / np.hypot(a.error, b.error)
        posterior = np.abs(a.band[0] - b.band[0]) / np.sqrt(a.band[1] * b.band[1])
        print(
            f"bands of two seeds: in Monte-Carlo errors, mean {np.median(apart[0]):.1f} (largest "
            f"{apart[0].max():.1f}), sd {np.median(apart[1]):.1f} ({apart[1].max():.1f}); means "
            f"in posterior standard deviations {np.median(posterior):.2f} ({posterior.max():.2f})"
        )


if __name__ == "__main__":
    main()
