"""A tanh network learns to add, unless a shape goes wrong and it learns the mean instead.

    python analyses/tanh_addition.py            # about a minute
    python analyses/tanh_addition.py --quick    # seconds

The networks of the article share one bias among all hidden units. They are a small torch module
here, trained by plain torch; the posterior is that of nnpost's own network, a bias for each unit.
"""

import argparse
from collections.abc import Callable

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

import nnpost
from nnpost import figures

NAME = "tanh-addition"
LIMIT, SIGMA = 2.0, 0.2


class SharedBias(nn.Module):
    """R networks at once, Σ tanh(x W + b) a + c, with one b for all hidden units of a network."""

    def __init__(self, restarts: int, numbers: int, hidden: int, seed: int) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(restarts, *shape, generator=rng))

        self.weight1, self.bias1 = normal(numbers, hidden), normal(1, 1)
        self.weight2, self.bias2 = normal(hidden, 1), normal(1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n) -> (R, B, 1)."""
        return torch.tanh(x @ self.weight1 + self.bias1) @ self.weight2 + self.bias2


def wrong_loss(output: Tensor, label: Tensor) -> Tensor:
    """(R, B, 1) minus (B,) is (R, B, B): every output against every label. No error is raised."""
    return ((output - label) ** 2).sum()


def right_loss(output: Tensor, label: Tensor) -> Tensor:
    """(R, B) minus (B,): every output against its own label."""
    return ((output.squeeze(-1) - label) ** 2).sum()


LOSSES = {"(B, 1) − (B,)": wrong_loss, "(B,) − (B,)": right_loss}


def main(quick: bool) -> None:
    """Train with both losses, show what the wrong one asks for, and sample the posterior."""
    # The article's recipe: Adam, lr 0.001, sums of squares over batches of 20, 200 epochs.
    data = nnpost.datasets.addition(1000, seed=0, numbers=2, limit=LIMIT)
    outputs = {title: trained(data, loss, 20 if quick else 200) for title, loss in LOSSES.items()}
    for title, found in outputs.items():
        mse, spread = ((found - data.y) ** 2).mean(axis=1), found.std(axis=1)
        print(f"{title:14} MSE best {mse.min():.1e}, median {np.median(mse):.1e}, worst "
              f"{mse.max():.1e}; sd of the outputs, median {np.median(spread):.4f}")  # fmt: skip
    print(f"{'labels':14} mean {data.y.mean():+.4f}, sd {data.y.std():.4f}, "
          f"variance {data.y.var():.4f}; mean of the wrong networks' outputs "
          f"{np.median(outputs['(B, 1) − (B,)'].mean(axis=1)):+.4f}")  # fmt: skip

    # Why: Σ_ij (f_i − y_j)² = B Σ_i (f_i − ȳ)² + B Σ_j (y_j − ȳ)². The best f_i is the mean.
    y = torch.tensor(data.y[:20])
    guess = torch.randn(1, 20, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    parts = 20 * ((guess - y.mean()) ** 2).sum() + 20 * ((y - y.mean()) ** 2).sum()
    print(f"the wrong loss {wrong_loss(guess, y):.6f} = its two parts {parts:.6f}\n")

    # nnpost has one output for each point, and refuses labels that would not fit, by name.
    for shape in ((1000, 1000), (1, 1000)):
        try:
            nnpost.Dataset(data.x, np.broadcast_to(data.y, shape))
        except nnpost.RequestError as refused:
            print("refused:", refused)

    # The posterior of two tanh units that add numbers known to ±σ, and the evidence for them.
    noisy = nnpost.datasets.addition(200, seed=0, numbers=2, limit=LIMIT, noise=SIGMA)
    posts = {h: nnpost.Posterior(nnpost.MLP(2, h, "tanh"), noisy, nnpost.Gaussian(SIGMA),
                                 nnpost.GaussianPrior(1.0)) for h in ((), (1,), (2,))}  # fmt: skip
    tempered = {h: nnpost.temper(post, seed=0, particles=200 if quick else 1000)
             for h, post in posts.items()}  # fmt: skip
    for hidden, tempering in tempered.items():
        print(f"hidden {list(hidden)}: log Z {tempering.log_evidence:.2f} ± {tempering.error:.2f}")
    post, path = posts[2,], f"chains/{NAME}-script.h5"
    steps, restarts, epochs = (500, 8, 100) if quick else (3000, 128, 1000)
    fits = nnpost.train(post, restarts=restarts, lr=0.01, epochs=epochs)
    run = nnpost.sample(post, path, nsteps=steps, seed=0, fits=fits, tempering=tempered[2,])
    print(f"\n{run.verdict}\n\n{nnpost.compare(post, fits, run)}\n")

    # How far does it reach? Along x₀ = x₁ = t, beside the exact error bar of a linear network.
    t = np.linspace(-4 * LIMIT, 4 * LIMIT, 81)
    along = np.column_stack([t, t])
    f = post.predict(run.samples[:: len(run.samples) // 4000], along)
    centre, linear = nnpost.closed_form(posts[()]).predict(along)
    print("t / L   f(t, t)          linear network")
    for k in range(40, 81, 5):
        numbers = t[k] / LIMIT, f[:, k].mean(), f[:, k].std(), centre[k], linear[k]
        print("{:5.1f}   {:6.3f} ± {:.3f}   {:6.3f} ± {:.3f}".format(*numbers))
    pictures(data, outputs, t, f, linear, figures.corner(run, fits=fits))


def pictures(
    data: nnpost.Dataset,
    outputs: dict[str, np.ndarray],
    t: np.ndarray,
    f: np.ndarray,
    linear: np.ndarray,
    corner: Figure,
) -> None:
    """Outputs against labels of the median restart for both losses; the posterior along t."""
    middle = {}
    for title, every in outputs.items():
        mse = ((every - data.y) ** 2).mean(axis=1)
        middle[title] = every[np.argsort(mse)[len(mse) // 2]]
    low, high = np.quantile(f, [0.05, 0.95], axis=0)
    lesson = [
        *figures.against_truth(data.y, middle),
        figures.Panel("t", "f(t, t)", bands={"90 % of the posterior": figures.Band(t, low, high)},
                      lines={"tanh network, posterior": figures.Line(t, f.mean(axis=0)),
                             "f(X) = y": figures.Line(t, 2 * t)}),
        figures.Panel("t", "sd of f(t, t)", y_scale="log",
                      lines={"tanh network, posterior": figures.Line(t, f.std(axis=0)),
                             "linear network, exact": figures.Line(t, linear)}),
    ]  # fmt: skip
    for title, figure in {"lesson": figures.panels(lesson, columns=2), "corner": corner}.items():
        print(*figures.save(figure, f"figures/{NAME}-script/{title}"), sep="\n")


def trained(data: nnpost.Dataset, loss: Callable[..., Tensor], epochs: int) -> np.ndarray:
    """Outputs (R, n) of 32 networks of ten units after training on one of the losses."""
    x, y = (torch.tensor(v, dtype=torch.float32) for v in (data.x, data.y))
    model = SharedBias(restarts=32, numbers=data.inputs, hidden=10, seed=0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    rng = torch.Generator().manual_seed(0)
    for _ in range(epochs):
        for batch in torch.randperm(data.n, generator=rng).split(20):
            optimizer.zero_grad()
            loss(model(x[batch]), y[batch]).backward()
            optimizer.step()
    return model(x).squeeze(-1).detach().double().numpy()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="a tanh network that adds, or learns the mean")
    parser.add_argument("--quick", action="store_true", help="few epochs and a short chain")
    main(parser.parse_args().quick)
