"""What an experiment will need: memory, room on the disk, and roughly time. The one place that
estimates, from settings and the size of the data alone, before any array is made of them.

Memory and disk are upper bounds that were measured (tests/experiment/test_needs.py holds runs
against them). Time is a count of multiplications at the speed of one usual core, right to a factor
of some five: enough to tell minutes from years.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..common.errors import RequestError
from ..common.machine import disk_room, duration, in_bytes, memory
from ..moves.names import along_gradients, usual_moves
from ..network.layout import Layout
from ..training.polish import POLISH
from ..training.sgd import Work
from .experiment import Experiment

__all__ = ["Needs", "needs"]

GAUSSIAN = ("mse", "gaussian")  # likelihoods whose output layer may be integrated out
LIBRARIES = 600e6  # bytes: torch, numba and the rest, and the blocks that all work goes through
SPEED = 1e9  # multiplications a second in sums over the data,
DENSE = 5e9  # and in products of matrices
OVERHEAD = 10.0  # seconds that do not depend on sizes
RUNG = 35  # gradients for every sweep of a particle, all rungs of a ladder and its pilots together
TRAJECTORY = 15  # gradients of a step along them
COMPARED = 2000  # numbers of each restart that are held while all are compared with the draws
HELD = 2**23  # predictions of several outputs that a comparison holds at once, or those of
SCORED = 4000 * 500  # draws and points that are scored at once,
COPIES = 6  # so many times
RESULTS = 1e6  # bytes in the file of what is made of fits and chain
JUDGED = 800_000  # draws whose predictions at 16 places a verdict holds, or 400 of each walker
CLIMB = 100  # steps of a climb to a maximum
LONGEST = 30 * 86_400  # seconds: more is taken for a mistake


@dataclass(frozen=True)
class Needs:
    """Bytes of memory and disk, at the most, and roughly seconds."""

    memory: float
    disk: float
    seconds: float

    def __str__(self) -> str:
        return (
            f"up to {in_bytes(self.memory)} of memory and {in_bytes(self.disk)} of the disk, and "
            f"very roughly {duration(self.seconds)}"
        )

    def check(self, path: str | os.PathLike[str] | None = None) -> None:
        """Refuse what this machine does not have; ``path`` is where the run file is to go.

        Raises RequestError.
        """
        over = "ask for less, or with --no-limit where you know better"
        if self.memory > memory():
            raise RequestError(
                f"the request needs {self}; this machine has {in_bytes(memory())} of memory: {over}"
            )
        if path is not None and self.disk > disk_room(path):
            raise RequestError(
                f"the request needs {self}; {in_bytes(disk_room(path))} are free for {path}: {over}"
            )
        if self.seconds > LONGEST:
            raise RequestError(
                f"the request needs {self}; more than {duration(LONGEST)} are taken for a mistake: "
                f"{over}"
            )


def needs(experiment: Experiment, points: int, inputs: int, classes: int = 2) -> Needs:
    """What all stages of an experiment on data of this size will need; ``classes`` are those of the
    data, where the experiment does not say how many there are."""
    train, sample, net = experiment.train, experiment.sample, experiment.network
    n, outputs = float(points), outputs_of(experiment, classes)
    laid_out = Layout(inputs, net.hidden, net.activation, net.bias, net.skip, outputs)
    fed, _ = laid_out.shapes[-1]  # the output layer
    outer = outputs * (fed + net.bias)
    every = laid_out.ndim
    p = float(every + max(2, outputs))  # with those of the noise, whether there are any or not
    exact = integrated_out(experiment)
    auto = usual_moves(exact, inputs, every - outer)
    moves = auto if sample.moves == "auto" else sample.moves
    gradients = along_gradients(moves, every - outer, exact)
    walkers = sample.ensembles * float(sample.nwalkers or (8 if gradients else max(32, 2 * p)))
    tempered = sample.ensembles * float(experiment.temper.particles) * (sample.start == "tempered")
    starts = min(train.restarts, 2.0 * (POLISH.best + POLISH.spread))
    curves = 2.0 * min(train.epochs, Work.records) * train.restarts
    chain = 8.0 * sample.rows * walkers * (p + 1)
    data, fits = 8 * n * (inputs + 1 + outputs), 8 * (train.restarts * (p + 2) + curves)

    one = n * (p + outer**2 * exact)  # multiplications of one gradient
    taken = n if train.batches != "windows" or train.batch_size is None else train.batch_size
    steps = (
        float(train.restarts) * train.epochs * taken * p
        + tempered * RUNG * max(2, experiment.temper.steps // 4) * one
        + float(sample.steps) * walkers * (TRAJECTORY if gradients else 1.5) * one
    )
    judged = 16 * outputs * min(sample.rows * walkers, max(JUDGED, 400 * walkers))
    several = COPIES * max(HELD, outputs * SCORED * min(1.0, n / 500)) + 4 * judged
    climbs = 3 * starts * CLIMB * (n * p**2 + p**3)
    return Needs(
        memory=LIBRARIES + 8 * data + 8 * fits + 8 * COMPARED * train.restarts
        + 8 * several * (outputs > 1)
        + 8 * 4 * (starts + sample.ensembles) * p**2 + 8 * 30 * tempered * p + 5 * chain,
        disk=RESULTS + data + fits + 8 * tempered * p + 1.1 * chain,
        seconds=OVERHEAD + steps / SPEED + climbs / DENSE,
    )  # fmt: skip


def outputs_of(experiment: Experiment, classes: int) -> int:
    """How many outputs the network has, of whatever the likelihood is."""
    likelihood = experiment.likelihood.resolved(experiment.data)
    several = {
        "categorical": likelihood.classes or classes,
        "gaussians": experiment.data.several,
        "heteroscedastic": 2,
    }
    return several.get(str(likelihood.kind), 1)


def integrated_out(experiment: Experiment) -> bool:
    """Whether the output layer will be: :attr:`~nnpost.posterior.posterior.Posterior.exact_layer`
    from the settings alone."""
    kind, prior = experiment.likelihood.resolved(experiment.data).kind, experiment.prior
    scaled_inputs = prior.shared == "input" and bool(experiment.network.hidden)
    return kind in GAUSSIAN and (prior.kind == "gaussian" or scaled_inputs)
