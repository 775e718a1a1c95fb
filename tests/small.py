"""Commands with settings so small that they take no time, for tests of several packages."""

from pathlib import Path

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
    modes=ModesDetail(draws=12, restarts=8),
    constant_sgd=ConstantSGDDetail(steps=40),
)


def main(argv: list[str]) -> int:
    """A command whose score card, if it makes one, is small."""
    from nnpost.cli import commands

    return commands.main(argv, SMALL)
