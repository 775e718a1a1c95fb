"""Two linear layers restore a line, and cannot restore a sine, however long they train.

    python analyses/linear_restore.py            # a minute and a half
    python analyses/linear_restore.py --quick    # seconds

The network 1-2-1 has no activation: seven parameters for a slope and an intercept.
"""

import argparse
from typing import Any, NamedTuple

import numpy as np

import nnpost
from nnpost import datasets, figures

NAME, NOISE = "linear-restore", 0.5


class Net(NamedTuple):
    """The article's network, its parameters as it stores them: inputs first."""

    w1: np.ndarray  # (1, 2)
    b1: np.ndarray  # (2,)
    w2: np.ndarray  # (2, 1)
    b2: np.ndarray  # (1,)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """(B, 1) -> (B, 1)."""
        return (x @ self.w1 + self.b1) @ self.w2 + self.b2

    @property
    def line(self) -> np.ndarray:
        """The slope and the intercept that are all it can do."""
        return np.array([(self.w1 @ self.w2).item(), (self.b1 @ self.w2 + self.b2).item()])


def gradients(net: Net, x: np.ndarray, y: np.ndarray) -> Net:
    """Of J = Σ (y − f)²/2N, by hand: ∂J/∂f = −(y − f)/N, and back through layer by layer."""
    z = x @ net.w1 + net.b1
    back = (z @ net.w2 + net.b2 - y) / len(x)
    through = back @ net.w2.T
    return Net(x.T @ through, through.sum(axis=0), z.T @ back, back.sum(axis=0))


def restore(data: nnpost.Dataset, batch: int, seed: int = 4321, steps: int = 100) -> list[Net]:
    """The network before and after SGD on random windows of neighbouring points, by hand.

    ``RandomState`` gives the numbers that numpy's global generator gave the article.
    """
    rng = np.random.RandomState(seed)
    net = Net(rng.randn(1, 2), np.zeros(2), rng.randn(2, 1), np.zeros(1))
    course = [net]
    for _ in range(steps):
        at = rng.randint(0, data.n - batch)
        window = slice(at, at + batch)
        slopes = gradients(net, data.x[window], data.y[window, None])
        net = Net(*(p - 0.01 * g for p, g in zip(net, slopes, strict=True)))
        course.append(net)
    return course


def main(quick: bool) -> None:
    """Both restorations by hand and from many starts; then the posterior, and the evidence."""
    targets = {"2x + 3": datasets.line(), "2 sin x + 5": datasets.shifted_sine()}
    print("target        batch   before               after 100 steps      MSE, by seed 4321")
    shown = []
    for title, data in targets.items():
        for batch in (1, 10):
            course = restore(data, batch)
            f = {"before": course[0](data.x)[:, 0], "after": course[-1](data.x)[:, 0]}
            print(f"{title:12}  {batch:5}   {course[0].line}   {course[-1].line}   "
                  f"{np.mean((data.y - f['after']) ** 2):.4f}")  # fmt: skip
            if batch == 1:
                shown.append(figures.function_on_data(data, f, title))
        # nnpost's loss is the mean of (y − f)², twice the article's J: half the lr is the same.
        post = nnpost.Posterior(nnpost.MLP(1, (2,), "identity"), data)
        sgd: dict[str, Any] = {
            "optimizer": "sgd",
            "lr": 0.005,
            "batches": "windows",
            "init": "normal",
        }
        for epochs, batch in ((100, 1), (300 if quick else 3000, 10)):
            fits = nnpost.train(
                post, restarts=16 if quick else 64, epochs=epochs, batch_size=batch, **sgd
            )
            low, middle, high = np.quantile(fits.mse, [0.1, 0.5, 0.9])
            print(f"    nnpost, windows of {batch:2}, {epochs:6,} steps: MSE {middle:.4f}, "
                  f"80 % of restarts in {low:.4f} … {high:.4f}")  # fmt: skip
        slope, intercept = np.polyfit(data.x[:, 0], data.y, 1)
        least = np.mean((data.y - slope * data.x[:, 0] - intercept) ** 2)
        print(f"    best line: {slope:.4f} x + {intercept:.4f}, MSE {least:.4f}\n")

    # The posterior: seven weights that move along a ridge, a slope and an intercept that stay.
    noisy, sigma = datasets.line(noise=NOISE), nnpost.Gaussian(NOISE)
    prior, steps = nnpost.GaussianPrior(3.0), 500 if quick else 2000
    posts = {u: nnpost.Posterior(nnpost.MLP(1, (u,), "identity"), noisy, sigma, prior)
             for u in (1, 2)}  # fmt: skip
    runs = {u: nnpost.sample(post, f"chains/{NAME}-{u}-script.h5", nsteps=steps, seed=0)
            for u, post in posts.items()}  # fmt: skip
    exact = nnpost.closed_form(nnpost.Posterior(nnpost.MLP(1), noisy, sigma, prior))
    print("                 slope             intercept         sd of w1, a1")
    print(f"exact            {exact.mean[0]:.4f} ± {exact.sd[0]:.4f}   "
          f"{exact.mean[1]:.4f} ± {exact.sd[1]:.4f}")  # fmt: skip
    for units, run in runs.items():
        (slope, intercept), spread = lines(run), draws(run).std(axis=0)
        print(f"hidden [{units}]       {slope.mean():.4f} ± {slope.std():.4f}   "
              f"{intercept.mean():.4f} ± {intercept.std():.4f}   "
              f"{spread[0]:.2f}, {spread[2 * units]:.2f}")  # fmt: skip
        print(f"{run.verdict}\n")

    # The failure on the sine as a number.
    wave = datasets.shifted_sine(noise=NOISE)
    line_z = nnpost.closed_form(nnpost.Posterior(nnpost.MLP(1), wave, sigma, prior)).log_evidence
    print(f"2 sin x + 5 with noise {NOISE}: a line has log Z {line_z:.1f}")
    for units in (1,) if quick else (1, 2, 3, 4):
        post = nnpost.Posterior(nnpost.MLP(1, (units,), "sigmoid"), wave, sigma, prior)
        found = nnpost.temper(post, particles=500 if quick else 1000, seed=0)
        print(f"    {units} sigmoid units: {found.log_evidence:.2f} ± {found.error:.2f}, "
              f"{found.log_evidence - line_z:+.1f} nats against the line")  # fmt: skip

    # Look at it.
    shown += ridges(runs[1], runs[2], exact)
    for title, figure in {
        "lesson": figures.panels(shown),
        "corner": figures.corner(runs[2]),
    }.items():
        print(*figures.save(figure, f"figures/{NAME}-script/{title}"), sep="\n")


def draws(run: nnpost.Run) -> np.ndarray:
    """All draws as they were sampled, with either sign, (draws, P)."""
    return run.get_chain(discard=run.burnin, flat=True)


def lines(run: nnpost.Run) -> np.ndarray:
    """Slope and intercept of every draw of an identity network, (2, draws)."""
    (w, b), (a, c) = run.post.net.layers(draws(run))
    return np.array([(a[:, 0] * w[..., 0]).sum(axis=1), (a[:, 0] * b).sum(axis=1) + c[:, 0]])


def ridges(one: nnpost.Run, two: nnpost.Run, exact: nnpost.ClosedForm) -> list[figures.Panel]:
    """Where the weights wander: on a hyperbola with one unit, on a line of products with two.

    Slope and intercept stay in their ellipse, which holds 90 % of the exact posterior.
    """
    few, some = (draws(run)[:: max(1, len(draws(run)) // 2000)] for run in (one, two))
    ((w, _), (a, _)) = two.post.net.layers(some)
    products = a[:, 0] * w[..., 0]
    slope, intercept = lines(two)[:, :: max(1, len(draws(two)) // 2000)]
    turn = np.linspace(0, 2 * np.pi, 200)
    circle = np.sqrt(-2 * np.log(0.1)) * np.array([np.cos(turn), np.sin(turn)])
    ellipse = exact.mean[:, None] + np.linalg.cholesky(exact.covariance) @ circle
    side, ends = np.linspace(0.25, 8, 100), np.array([-8.0, 10.0])
    return [
        figures.Panel("w", "a", "one unit", points=(few[:, 0], few[:, 2]), lines={
            "slope 2": figures.Line(np.r_[-side[::-1], np.nan, side],
                                    np.r_[-2 / side[::-1], np.nan, 2 / side])}),
        figures.Panel("w1", "a1", "two units", points=(w[:, 0, 0], a[:, 0, 0])),
        figures.Panel("a1 w1", "a2 w2", "two units", points=(products[:, 0], products[:, 1]),
                      lines={"slope 2": figures.Line(ends, 2 - ends)},
                      x_limits=(-8, 10), y_limits=(-8, 10)),
        figures.Panel("slope", "intercept", "two units", points=(slope, intercept),
                      lines={"exact, 90 %": figures.Line(*ellipse)}),
    ]  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="a line restored, and a sine not")
    parser.add_argument("--quick", action="store_true", help="fewer restarts and shorter chains")
    main(parser.parse_args().quick)
