"""A product is not linear in its factors, until x₀x₁ is an input itself: ten inputs, or eleven.

    python analyses/feature_cross.py            # about half a minute
    python analyses/feature_cross.py --quick    # seconds

Linear networks, trained. `analyses/feature_relu.py` gives them a hidden layer instead of the
cross, and `analyses/feature_evidence.py` asks the posterior.
"""

import argparse
from dataclasses import replace
from typing import Any

import numpy as np
import torch

import nnpost
from nnpost import datasets, figures

NAME = "feature-cross"


def main(quick: bool) -> None:
    """Parts (a), (b) and (c) of the article."""
    restarts = 16 if quick else 64

    # (a) y = 2x₀ − 3x₁ + 1 from 100 points. The validation data are fresh ones.
    data, fresh = datasets.linear_target(100, seed=0), datasets.linear_target(1000, seed=1)
    recipe: dict[str, Any] = {"optimizer": "sgd", "lr": 0.01, "batch_size": 16}
    line = [train(data, fresh, restarts, epochs=epochs, **recipe) for epochs in (10, 100)]
    print("(a) a linear target; medians over restarts")
    for fits in line:
        print(f"    {fits.epochs[-1]:3} epochs: {told(fits)}\n        {weights(fits)}")
    drawn = nnpost.MLP(10).initial(1000)
    print(f"    fresh weights lie in ±{abs(drawn).max():.4f}, and 1/√10 = {10**-0.5:.4f}")

    # (b) y = (2x₀ − 3)(x₁ + 1): 800 points to fit, 200 held out, no cross.
    plain, crossed = (datasets.product_target(1000, 0, cross).split(0.8) for cross in (False, True))
    slow = recipe | {"lr": 0.001}
    blind = train(*plain, restarts // 4, epochs=100 if quick else 500, **slow)
    r = (plain[0].y - plain[0].x @ blind.sgd.theta[:-1] - blind.sgd.theta[-1]) ** 2
    print(f"(b) a product, without the cross: {told(blind)}\n        {weights(blind)}")
    print(f"    the same network on random batches of 16: {r.mean():.2f} ± {r.std() / 4:.2f}")
    luck = np.array([held_out(seed) for seed in range(200 if quick else 1000)])
    low, middle, high = np.quantile(luck, [0.05, 0.5, 0.95])
    print(f"    least squares on {len(luck)} data sets: held out {middle:.2f}, 90 % in "
          f"{low:.2f} … {high:.2f}; 4.5 or more in {np.mean(luck >= 4.5):.0%}")  # fmt: skip

    # (c) The same with x₀x₁ as the eleventh input: as the article left it, and finished.
    begun = train(*crossed, restarts, epochs=500, **slow | {"batch_size": 500})
    course = np.median(begun.loss, axis=1)
    enough = int(np.argmax(course < 2.518))
    print(f"(c) with the cross, batches of 500: training {course[99]:.2f} at epoch 100, "
          f"{course[enough]:.2f} at {begun.epochs[enough]}, {course[-1]:.2f} at 500")  # fmt: skip
    layers = len(list(torch.nn.Linear(11, 1).children()))
    print(f"    layers that the article's loop resets before it trains a bare Linear: {layers}")
    done = train(*crossed, restarts, epochs=100, **recipe)
    print(f"    batches of 16 and lr 0.01: {told(done)}\n        {weights(done)}")

    # Look at it.
    whole, best = plain[0], {"plain": blind.sgd.theta, "crossed": done.sgd.theta}
    f = {"plain": plain[1].x, "crossed": crossed[1].x}
    outputs = {n: f[n] @ theta[:-1] + theta[-1] for n, theta in best.items()}
    exact = (2 * whole.x[:, 0] - 3) * (whole.x[:, 1] + 1)
    true = figures.Panel("(2x[0] − 3)(x[1] + 1)", "y", points=(exact, whole.y))
    clouds = [true, *figures.against_inputs(whole, [0, 1, 3, 8])]
    titles = {"(a) linear target": line[1], "(b) product": blind,
              "(c) dot: the article": begun, "(c) batches of 16": done}  # fmt: skip
    curves = [figures.learning_curves(fits, title) for title, fits in titles.items()]
    curves[2] = replace(curves[2], points=([100], [2.518]))
    for title, shown in {
        "scatter": [*clouds, *figures.against_inputs(crossed[0], [10])],
        "losses": [*curves, *figures.against_truth(plain[1].y, outputs)],
    }.items():
        print(*figures.save(figures.panels(shown), f"figures/{NAME}-script/{title}"), sep="\n")


def train(data: nnpost.Dataset, held: nnpost.Dataset, restarts: int, **recipe: Any) -> nnpost.Fits:
    """Restarts of a linear network. Likelihood and prior play no part in training."""
    post = nnpost.Posterior(nnpost.MLP(data.inputs), data)
    return nnpost.train(post, restarts=restarts, seed=0, validation=held, **recipe)


def told(fits: nnpost.Fits) -> str:
    """Losses at the end, as medians over the restarts."""
    assert fits.validation_loss is not None
    ends = np.median(fits.loss[-1]), np.median(fits.validation_loss[-1])
    return f"training {ends[0]:.3g}, validation {ends[1]:.3g}"


def weights(fits: nnpost.Fits) -> str:
    """The weights that matter and the largest of the others, as medians over the restarts."""
    w = np.median(fits.theta, axis=0)
    cross = "" if len(w) < 12 else f"w10 {w[10]:.3f}, "
    return (f"w0 {w[0]:.3f}, w1 {w[1]:.3f}, {cross}bias {w[-1]:.3f}, "
            f"largest other weight {abs(w[2:10]).max():.1e}")  # fmt: skip


def held_out(seed: int) -> float:
    """Held-out loss of the best linear network on 800 of 1,000 points without the cross."""
    data, held = datasets.product_target(1000, seed).split(0.8, seed)
    theta, *_ = np.linalg.lstsq(np.c_[data.x, np.ones(800)], data.y, rcond=None)
    return float(np.mean((held.y - held.x @ theta[:-1] - theta[-1]) ** 2))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="linear networks, a product and a feature cross")
    parser.add_argument("--quick", action="store_true", help="fewer restarts and shorter training")
    main(parser.parse_args().quick)
