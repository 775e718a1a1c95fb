"""The sine with six sigmoid units and its true noise: do independent seeds agree?

Runs the experiment sine-gaussian for several seeds and compares the evidence, its spread over the
ensembles of each run, and the predictive bands:

    python benchmarks/sine.py [--seeds 0,1,2,3,4] [--set section.key=value]

log Z' is log Z without the Gaussian's constant n/2 log 2πσ². A band is the mean and the standard
deviation of the network's output at 16 inputs; its Monte-Carlo error is the spread of its four
ensembles over √4, and differences between two seeds are given in units of both errors together.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np

import nnpost
from nnpost.experiment import load_experiment

PLACES = np.linspace(-10, 10, 16)


class Found(NamedTuple):
    """What one seed found."""

    log_z: float
    band: np.ndarray  # (2, 16)  mean and standard deviation of the output
    error: np.ndarray  # (2, 16)  their Monte-Carlo errors


def one(seed: int, settings: list[str], folder: Path) -> Found:
    """Run one seed and print its line."""
    began = time.perf_counter()
    asked = load_experiment("sine-gaussian").with_settings(settings)
    run = nnpost.run(asked, folder / f"{seed}.h5", folder / "figures", seed=seed, progress=False)
    seconds = time.perf_counter() - began
    constant = 0.5 * run.post.data.n * math.log(2 * math.pi * run.post.likelihood.sigma**2)
    chain = run.get_chain(discard=run.discard, thin=20)
    width = chain.shape[1] // run.ensembles
    parts = [
        run.post.predict(chain[:, e * width : (e + 1) * width].reshape(-1, chain.shape[2]), PLACES)
        for e in range(run.ensembles)
    ]
    bands = np.array([[p.mean(axis=0), p.std(axis=0)] for p in parts])
    z = run.tempering.log_z + constant
    rhat = {name: run.verdict.rhat[name] for name in ("log_prob", "predictions")}
    print(
        f"seed {seed}: log Z' {run.log_evidence + constant:.2f} "
        f"({', '.join(f'{v:.2f}' for v in z)})  {seconds:.0f} s (tempering "
        f"{run.tempering.seconds:.0f} s, sampling {run.seconds:.0f} s)  R-hat "
        f"{rhat['log_prob']:.3f}, {rhat['predictions']:.3f}  converged {run.verdict.converged}",
        flush=True,
    )
    error = bands.std(axis=0, ddof=1) / math.sqrt(len(bands))
    return Found(run.log_evidence + constant, bands.mean(axis=0), error)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--set", action="append", default=[], dest="settings")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = [one(int(s), options.settings, Path(folder)) for s in options.seeds.split(",")]
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
