"""The fused kernels beside torch, as multiples of exp over as many numbers as there are sigmoids.

    python benchmarks/kernels.py [TURNS]

All jobs of a size take turns, on one thread. A figure is the least time of all turns over the least
time of exp, and in brackets the median over the turns of the ratio within each. numpy's exp is
vectorised where the processor has AVX-512 and takes four times as long elsewhere, so torch's exp,
vectorised on every machine, stands beside it.
"""

import sys
import time
from collections.abc import Callable

import numpy as np
import torch

import nnpost
from nnpost.network.jacobian import hidden_jacobian as torch_jacobian
from nnpost.posterior.kernel_engine import KernelEngine
from nnpost.posterior.kernels.jacobian import hidden_jacobian
from nnpost.posterior.kernels.ready import make_ready
from nnpost.posterior.points import WeightedPoints
from nnpost.posterior.torch_engine import TorchEngine

TURNS = int(sys.argv[1]) if len(sys.argv) > 1 else 15
SIZES = [(14, 2, 500), (512, 2, 500), (512, 6, 1000)]  # walkers, units, points
GOALS = {
    "sum of squares": (1.4, 1.2, 1.0),
    "  and gradient": (2.0, 2.0, 2.0),
    "collapsed and draw": (3.5, 3.5, 3.5),
    "collapsed gradient": (6.0, 6.0, 6.0),
}

THEIRS = "torch's "
Job = Callable[[], object]


def in_turn(jobs: dict[str, Job], calls: int) -> dict[str, np.ndarray]:
    """Seconds of a call of every job, turn by turn."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        job()
    for _ in range(TURNS):
        for name, job in jobs.items():
            began = time.perf_counter()
            for _ in range(calls):
                job()
            seconds[name].append((time.perf_counter() - began) / calls)
    return {name: np.array(turns) for name, turns in seconds.items()}


def ratio(these: np.ndarray, those: np.ndarray) -> str:
    return f"{these.min() / those.min():.2f} ({np.median(these / those):.2f})"


def table(number: int, walkers: int, units: int, n: int) -> None:
    rng = np.random.default_rng(0)
    x = np.linspace(-5, 5, n)[:, None]
    data = nnpost.Dataset(x, x[:, 0] ** 2 + 0.5 * rng.random(n))
    post = nnpost.Posterior(nnpost.MLP(1, (units,)), data)
    few = WeightedPoints.of(post.points)
    kernels, by_torch = KernelEngine(post.net, few), TorchEngine(post.net, few)
    theta = 5 * rng.standard_normal((walkers, post.ndim))
    h, normals = theta[:, : post.net.n_hidden].copy(), rng.standard_normal((walkers, units + 1))
    d, t = np.full(units + 1, 30.0**-2), torch.tensor(theta)
    z = rng.standard_normal(walkers * units * n)
    room, tensor, other = (
        np.empty_like(z),
        torch.tensor(z),
        torch.empty(z.size, dtype=torch.float64),
    )
    ours, theirs = ({
        "sum of squares": lambda e=engine: e.sse(theta),
        "  and gradient": lambda e=engine: e.sse_and_grad(theta),
        "collapsed and draw": lambda e=engine: e.collapsed(h, 2 / n, d, normals),
        "collapsed gradient": lambda e=engine: e.collapsed_and_grad(h, 2 / n, d),
        "outputs": lambda e=engine: e.outputs(theta),
    } for engine in (kernels, by_torch))  # fmt: skip
    ours["Jacobian"] = lambda: hidden_jacobian(kernels.shape, theta, kernels.points)
    theirs["Jacobian"] = lambda: torch_jacobian(post.net, t, post.points.x)
    calls = max(1, int(2e5 / z.size))
    found = in_turn(
        {
            "numpy": lambda: np.exp(z, out=room),
            "torch": lambda: torch.exp(tensor, out=other),
            **ours,
            **{THEIRS + name: job for name, job in theirs.items()},
        },
        calls,
    )
    exp = [found[k].min() / z.size * 1e9 for k in ("numpy", "torch")]
    print(
        f"\n{walkers} walkers, {units} units, {n} points; exp: {exp[0]:.2f} ns in numpy,", end=" "
    )
    print(f"{exp[1]:.2f} ns in torch")
    print(f"{'':<20}{'µs':>8}{'/ numpy exp':>18}{'goal':>6}{'/ torch exp':>18}{'torch / ours':>18}")
    for name in ours:
        turns = found[name]
        goal = GOALS[name][number] if name in GOALS else "–"
        print(
            f"{name:<20}{turns.min() * 1e6:>8.0f}{ratio(turns, found['numpy']):>18}{goal:>6}"
            f"{ratio(turns, found['torch']):>18}{ratio(found[THEIRS + name], turns):>18}"
        )


if __name__ == "__main__":
    torch.set_num_threads(1)
    make_ready(print)
    for number, size in enumerate(SIZES):
        table(number, *size)
