"""How much work goes into a comparison and its score card: how many draws, steps and places."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FULL", "ConstantSGDDetail", "Detail", "ModesDetail", "NearDetail"]


@dataclass(frozen=True)
class ModesDetail:
    """What is climbed to find the modes, and when two tops are one."""

    draws: int = 400  # of the posterior, at most
    restarts: int = 256  # at most
    most: int = 12  # modes that are told apart; lower ones are counted together
    high: float = 0.01  # nats between the log posteriors of two tops that are one,
    near: float = 0.01  # and of the posterior's spread between their curves
    whole: float = 0.995  # share of the draws in the MAP's mode from which on all count as its own
    places: int = 8  # of the data, at which curves are compared to tell quickly that they differ


@dataclass(frozen=True)
class NearDetail:
    """Draws that make the covariance around the MAP. Those of large networks align slowly."""

    most: int = 4000
    least: int = 1000
    numbers: int = 60_000  # in all these draws together, within those bounds
    fewest: int = 5  # draws for every parameter, below which no covariance is taken

    def draws(self, ndim: int) -> int:
        """How many draws of ``ndim`` parameters."""
        return max(self.least, min(self.most, self.numbers // ndim))


@dataclass(frozen=True)
class ConstantSGDDetail:
    """The trajectory of SGD with a constant rate."""

    steps: int = 4000
    every: int = 4  # steps between two draws of the late half
    batch: int = 32  # points of a step, or a quarter of all where there are fewer than 128
    tries: int = 4  # rates that are tried, each a quarter of the last, where SGD runs away


@dataclass(frozen=True)
class Detail:
    """How much work goes into a comparison and its score card."""

    predicted: int = 20_000  # draws whose predictions a comparison summarises
    polished: int = 8  # best samples from which the MAP is searched once more
    spread: int = 1000  # draws that give the spread of the curves at the data's points
    typical: int = 200  # of them, that are measured like the fits
    curves: int = 4000  # draws with whose curves those of networks are compared,
    every: int = 2  # or one in so many of them, where many quantiles are taken
    line: int = 201  # points of the straight line from SGD to the MAP
    approximation: int = 1000  # draws of an approximation, and of the posterior beside it
    targets: int = 4000  # drawn at every held-out point, and draws whose densities leave one out
    near: NearDetail = NearDetail()
    modes: ModesDetail = ModesDetail()
    constant_sgd: ConstantSGDDetail = ConstantSGDDetail()


FULL = Detail()
