"""ReLU units instead of a feature cross: the product of two inputs, and the square of one.

    python analyses/feature_relu.py            # a minute and a half
    python analyses/feature_relu.py --quick    # seconds

A ReLU network is piecewise linear. It can follow x² as closely as it has pieces, and a network
set by hand shows how closely; training has to find the places of the kinks.
"""

import argparse

import numpy as np

import nnpost
from nnpost import datasets, figures

NAME = "feature-relu"


def main(quick: bool) -> None:
    """Parts (d) and (e) of the article."""
    # (d) The product again: 800 points to fit and 200 held out, ten inputs, no cross.
    data, held = datasets.product_target(1000, seed=0).split(0.3 if quick else 0.8)
    post = nnpost.Posterior(nnpost.MLP(10, (10,), "relu"), data)
    epochs, restarts = (500, 2) if quick else (5000, 4)
    product = nnpost.train(
        post,
        restarts=restarts,
        optimizer="sgd",
        lr=0.01,
        epochs=epochs,
        batch_size=min(500, data.n),
        validation=held,
    )
    assert product.validation_loss is not None
    print(f"(d) ten ReLU units, {epochs} epochs of SGD: training {quantiles(product.loss[-1])}, "
          f"validation {quantiles(product.validation_loss[-1])}")  # fmt: skip
    passed = product.epochs[np.median(product.loss, axis=1) < 0.172]
    when = f"at epoch {passed[0]}" if len(passed) else "not yet"
    print(f"    the median passes the article's 0.172 {when}")
    best = post.predict(product.mle.theta, held.x)
    print(f"    the best fit that second derivatives find: training {product.mle.mse:.4f}, "
          f"validation {np.mean((held.y - best) ** 2):.4f}")  # fmt: skip

    # (e) y = x², 1,000 standard normal x. By hand: straight lines between knots on the curve.
    square = datasets.square(size=1000, seed=0)
    x, by_hand, trained = square.x[:, 0], {}, {}
    print("(e) x²   units   by hand   best    median, 90 % of restarts   share below 0.01")
    for hidden in (2, 4, 8, 16):
        net = nnpost.MLP(1, (hidden,), "relu")
        on_square = nnpost.Posterior(net, square)
        by_hand[hidden] = interpolant(np.linspace(x.min(), x.max(), hidden + 1))
        trained[hidden] = nnpost.train(
            on_square, restarts=16 if quick else 64, lr=0.01, epochs=300 if quick else 2000
        )
        middle, high = np.quantile(trained[hidden].mse, [0.5, 0.9])
        print(f"         {hidden:5}   {on_square.mse(by_hand[hidden]):7.5f}   "
              f"{trained[hidden].sgd.mse:7.5f}   {middle:7.5f} {high:7.5f}               "
              f"{np.mean(trained[hidden].mse < 0.01):.0%}")  # fmt: skip

    # Look at it.
    f = {"SGD": post.predict(product.sgd.theta, held.x), "best fit": best}
    shown = [
        figures.learning_curves(product, "ten ReLU units"),
        *figures.against_truth(held.y, f),
    ]
    for hidden in (2, 4, 16):
        on_square = nnpost.Posterior(nnpost.MLP(1, (hidden,), "relu"), square)
        curves = {
            "trained": on_square.predict(trained[hidden].sgd.theta),
            "by hand": on_square.predict(by_hand[hidden]),
        }
        shown.append(figures.function_on_data(square, curves, f"{hidden} ReLU units"))
    print(*figures.save(figures.panels(shown), f"figures/{NAME}-script/lesson"), sep="\n")


def interpolant(knots: np.ndarray) -> np.ndarray:
    """The ReLU network that joins the points (k, k²) by straight lines: (U + 1,) -> theta.

    f(x) = k₀² + Σ_j a_j max(0, x − k_j), with a_j the change of slope at the knot k_j.
    """
    slopes = np.diff(knots**2) / np.diff(knots)
    units = len(slopes)
    return np.concatenate(
        [np.ones(units), -knots[:-1], np.diff(slopes, prepend=0.0), [knots[0] ** 2]]
    )


def quantiles(losses: np.ndarray) -> str:
    """The middle and both ends of some losses."""
    low, middle, high = np.quantile(losses, [0, 0.5, 1])
    return f"{middle:.3f} ({low:.3f} … {high:.3f})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="ReLU units for a product and for a square")
    parser.add_argument("--quick", action="store_true", help="fewer restarts and shorter training")
    main(parser.parse_args().quick)
