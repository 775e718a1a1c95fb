"""Plain, crossed, or a hidden layer? The posterior weighs three networks for one product.

    python analyses/feature_evidence.py            # about a minute and a half
    python analyses/feature_evidence.py --quick    # half a minute; a fifth of the points

The data are those of `analyses/feature_cross.py` with Gaussian noise of 0.5 added, because without
noise there is nothing to be unsure about. Every network has to find the noise level as well.
"""

import argparse
import math
from pathlib import Path

import numpy as np

import nnpost
from nnpost import datasets, figures
from nnpost.figures.parameters import unit_by_unit

NAME, NOISE = "feature-evidence", 0.5
INFER, PRIOR = nnpost.Gaussian("infer"), nnpost.GaussianPrior(3.0)
TRUTH = np.array([2.0, -3, 0, 0, 0, 0, 0, 0, 0, 0, 2, -3])
STORED = Path(__file__).parent.parent / "chains/reference/feature-relu.h5"


def main(quick: bool) -> None:
    """Posteriors and evidence of two linear networks and of one with ten ReLU units."""
    # Linear networks. The output layer is all there is, so that only log σ is left to sample.
    runs = {}
    for title, cross in (("plain", False), ("crossed", True)):
        data = product(cross, share=0.2 if quick else 0.8)
        post = nnpost.Posterior(nnpost.MLP(10 + cross), data, INFER, PRIOR)
        path, steps = f"chains/{NAME}-{title}-script.h5", 200 if quick else 800
        tempering = nnpost.temper(post, particles=500, seed=0)
        runs[title] = nnpost.sample(post, path, nsteps=steps, seed=0, tempering=tempering)
        print(f"{title}: σ = {sigma(runs[title])}\n{runs[title]}\n")
    log_z = {title: run.log_evidence for title, run in runs.items()}
    print(f"the cross is worth {log_z['crossed'] - log_z['plain']:.1f} nats\n")

    # The crossed network's twelve weights, and zero at the idle ones of many other data sets.
    draws = runs["crossed"].samples[:, :-1]
    mean, sd = draws.mean(axis=0), draws.std(axis=0)
    labels = [
        label.translate(str.maketrans("", "", "${}")) for label in runs["crossed"].post.labels
    ]
    for label, truth, m, s in zip(labels, TRUTH, mean, sd, strict=False):
        print(f"{label:5} {m:+.4f} ± {s:.4f}   truth {truth:+g}, {(m - truth) / s:+.1f} sd away")
    idle = mean[2:10] @ np.linalg.solve(np.cov(draws.T)[2:10, 2:10], mean[2:10])
    near = np.sum(abs(mean / sd)[2:10] < 2)
    print(f"zero is within 2 sd of {near} of the 8 idle weights; for all of them at once χ² = "
          f"{idle:.1f}, and 95 % of the posterior lies within 15.5;")  # fmt: skip
    z = np.array([z_of_idle(seed) for seed in range(100 if quick else 500)])
    print(
        f"zero is within 1.96 sd of {np.mean(abs(z) < 1.96):.1%} of {z.size} in other data sets\n"
    )

    # Ten ReLU units on ten inputs: 122 parameters, and log Z from below and from above.
    stored = nnpost.load(STORED)
    print(f"ReLU, the chain in {STORED.name}: σ = {sigma(stored)}\n{stored.verdict}\n")
    for steps in (1,) if quick else (2, 8):
        found = nnpost.temper(stored.post, 2, particles=450, steps=steps, seed=0)
        values = ", ".join(f"{value:.0f}" for value in found.log_z)
        print(f"log Z, tempered from the prior with {steps} moves a step: {values}")
    print(f"log Z is at most {most_evidence(stored):.0f}, by the entropy of the chain")
    bars = {title: (run.samples[:, :10].mean(axis=0), run.samples[:, :10].std(axis=0))
            for title, run in runs.items()}  # fmt: skip
    shown = figures.weight_bars(runs["crossed"].post.labels[:10], TRUTH[:10], bars)
    print(
        *figures.save(figures.panels(shown, columns=1), f"figures/{NAME}-script/weights"), sep="\n"
    )


def product(cross: bool, seed: int = 0, share: float = 0.8) -> nnpost.Dataset:
    """The points to fit, with noise, with or without the cross as an eleventh input."""
    return datasets.product_target(1000, seed, cross, NOISE).split(share)[0]


def sigma(run: nnpost.Run) -> str:
    """Mean and standard deviation of the noise level."""
    values = np.exp(run.samples[:, -1])
    return f"{values.mean():.3f} ± {values.std():.3f}"


def z_of_idle(seed: int) -> np.ndarray:
    """Exact posterior means over standard deviations of the eight idle weights, noise given."""
    post = nnpost.Posterior(nnpost.MLP(11), product(True, seed), nnpost.Gaussian(NOISE), PRIOR)
    exact = nnpost.closed_form(post)
    return exact.mean[2:10] / exact.sd[2:10]


def most_evidence(run: nnpost.Run) -> float:
    """An upper bound of log Z from draws of the posterior alone.

    For draws in one of the U! copies, log Z = E[log p(y, θ)] + entropy + log U!. The entropy is at
    most the sum over the units, and theirs at most that of a Gaussian, ½ log det 2πe C.
    """
    net = run.post.net
    draws = nnpost.symmetry.align(net, run.samples, run.best_sample.theta)
    units = unit_by_unit(net, run.post.ndim)
    widths = [2 * math.pi * math.e * np.atleast_2d(np.cov(draws[:, u].T)) for u in units]
    spread = [np.linalg.slogdet(w)[1] for w in widths]
    return float(run.sample_log_prob.mean() + sum(spread) / 2 + math.lgamma(net.hidden[0] + 1))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="evidence for a cross and for ReLU units")
    parser.add_argument(
        "--quick", action="store_true", help="short chains on a fifth of the points"
    )
    main(parser.parse_args().quick)
