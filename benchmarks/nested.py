"""log Z of the parabola by nested sampling, to hold nnpost's own against.

nautilus (Lange 2023, MNRAS 525, 3181) explores the collapsed space of the hidden weights, with
the output layer integrated out, bounded by ellipsoids alone. The exploration is then thrown away,
so that what is left is an unbiased importance estimate. It shares nothing with nnpost's tempering
but the density. Two independent runs for each case:

    python benchmarks/nested.py [--live 500] [--seed 0] [--case given|inferred|article]
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from nautilus import Sampler
from scipy.special import ndtri

from nnpost import MLP, MSE, Gaussian, GaussianPrior, Posterior, datasets
from nnpost.posterior.output_layer import OutputLayer

CASES = {"article": MSE(), "given": Gaussian(0.1443), "inferred": Gaussian("infer")}


def nested(case: str, live: int, seed: int) -> tuple[float, float]:
    """log Z of one case and its standard error."""
    data = datasets.parabola(size=500, seed=0)
    layer = OutputLayer(Posterior(MLP(1, (2,)), data, CASES[case], GaussianPrior(30.0)))
    scales = layer.post.scales[layer.hidden_index]
    constant = np.log(scales).sum() + layer.ndim / 2 * np.log(2 * np.pi)

    def log_likelihood(h: np.ndarray) -> np.ndarray:
        prior = -0.5 * ((h / scales) ** 2).sum(axis=1) - constant
        return np.maximum(layer.log_prob(h) - prior, -1e300)

    def from_cube(u: np.ndarray) -> np.ndarray:
        return scales * ndtri(u)

    sampler = Sampler(
        from_cube, log_likelihood, layer.ndim, n_live=live, vectorized=True, pass_dict=False,
        seed=seed, n_networks=0, n_batch=500,
    )  # fmt: skip
    sampler.run(n_eff=10_000, discard_exploration=True)
    return float(sampler.log_z), float(1 / np.sqrt(sampler.n_eff))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--live", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", choices=CASES, action="append")
    options = parser.parse_args()
    for case in options.case or CASES:
        for seed in (options.seed, options.seed + 1):
            began = time.perf_counter()
            log_z, error = nested(case, options.live, seed)
            seconds = time.perf_counter() - began
            print(f"{case:10} seed {seed}: log Z {log_z:.3f} ± {error:.3f}  {seconds:.0f} s")


if __name__ == "__main__":
    main()
