"""Commands with settings so small that they take no time, for tests of several packages."""

from pathlib import Path

import numpy as np

from nnpost import MLP, Dataset, Gaussian, GaussianPrior, Posterior
from nnpost.comparison.effort import ConstantSGDDetail, Detail, ModesDetail

QUICK = [
    "train.restarts=8", "train.epochs=60", "temper.particles=64", "temper.steps=2",
    "sample.nsteps=60", "sample.discard=20",
]  # fmt: skip


def quick(out: Path, *more: str) -> list[str]:
    """Options of a run that takes no time and draws nothing."""
    options = [word for one in (*QUICK, *more) for word in ("--set", one)]
    return [*options, "--out", str(out), "--no-figures"]


# A score card from few draws and a short trajectory, where one has to be there.
SMALL = Detail(
    curves=200,
    approximation=40,
    targets=200,
    modes=ModesDetail(draws=12, restarts=8),
    constant_sgd=ConstantSGDDetail(steps=40),
)


def hidden_mode() -> Posterior:
    """One tanh unit on three inputs: a broad mode of log Z −110.376, and a narrow one that holds
    98 % of the posterior, log Z −106.497, and that no restart leads to."""
    table = np.loadtxt(
        Path(__file__).parent / "cases" / "hidden_mode.csv", delimiter=",", skiprows=1
    )
    data = Dataset(table[:, :3], table[:, 3], table[:, 4])
    return Posterior(MLP(3, (1,), "tanh"), data, Gaussian(1.0), GaussianPrior(1.0))


def main(argv: list[str]) -> int:
    """A command whose score card, if it makes one, is small."""
    from nnpost.cli import commands

    return commands.main(argv, SMALL)
