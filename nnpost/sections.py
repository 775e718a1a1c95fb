"""The sections of an experiment: which keys each has, what values they take, and the defaults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar, Literal

from .settings import (
    Section,
    by_kind,
    either,
    hint,
    number,
    one_of,
    setting,
    text,
    texts,
    truth,
    whole,
    wholes,
)

if TYPE_CHECKING:
    from .data import Dataset

__all__ = [
    "SECTIONS",
    "Data",
    "Likelihood",
    "Network",
    "Prior",
    "Sample",
    "Temper",
    "Train",
    "key_hint",
]

POSITIVE = number(above=0)
MOVES = ("collapsed", "stretch", "de", "snooker", "walk", "hmc", "hmc-walk", "hmc-side")
STARTS = ("tempered", "fits", "prior", "ball")


@dataclass(frozen=True)
class Data(Section):
    """``[data]``: a generator by name, or columns of a file of one's own."""

    title = "data"
    made_up: ClassVar = ("size", "seed", "noise", "numbers", "limit", "cross")
    name: str | None = setting(None, text)
    size: int | None = setting(None, whole(1))
    seed: int | None = setting(None, whole(0))
    file: str | None = setting(None, text)
    x: tuple[str, ...] | None = setting(None, texts)
    y: str | None = setting(None, text)
    yerr: str | None = setting(None, text)
    noise: float | None = setting(None, number(least=0))
    numbers: int | None = setting(None, whole(1))
    limit: float | None = setting(None, POSITIVE)
    cross: bool | None = setting(None, truth)
    validation: float = setting(0.0, number(least=0, below=1))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.file is None:
            for key in ("x", "y", "yerr"):
                if getattr(self, key) is not None:
                    self.refuse(key, "names a column, but there is no data.file; give the file")
        elif self.x is None or self.y is None:
            self.refuse("x" if self.x is None else "y", f"missing; name the column of {self.file}")
        else:
            for key in self.made_up:
                if getattr(self, key) is not None:
                    self.refuse(key, f"only made-up data have one, and data.file is {self.file}")

    def make(self) -> Dataset:
        """The data: read from the file, or made by the generator."""
        from . import data, datasets

        if self.file is not None:
            assert self.x is not None
            assert self.y is not None
            return data.read_data(self.file, self.x, self.y, self.yerr, self.name)
        if self.name is None:
            self.refuse("name", f"missing; give one of {', '.join(datasets.GENERATORS)}, or a file")
        options = {key: getattr(self, key) for key in self.made_up}
        return datasets.make(self.name, **{k: v for k, v in options.items() if v is not None})


@dataclass(frozen=True)
class Network(Section):
    """``[network]``: units of each hidden layer, and their activation."""

    title = "network"
    hidden: tuple[int, ...] = setting((2,), wholes(1))
    activation: str = setting("sigmoid", text)


@dataclass(frozen=True)
class Likelihood(Section):
    """``[likelihood]``: left out, ``mse`` for the articles' data, ``gaussian`` for other people's.

    A Gaussian without sigma takes it as 1 where the data bring errors, and infers it elsewhere.
    """

    title = "likelihood"
    kind: str | None = setting(None, one_of("mse", "gaussian"))
    sigma: float | Literal["infer"] | None = setting(None, either(POSITIVE, one_of("infer")))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kind == "mse" and self.sigma is not None:
            self.refuse("sigma", 'kind = "mse" has no noise level; use kind = "gaussian"')

    def resolved(self, data: Data) -> Likelihood:
        """The same with nothing left open."""
        kind = self.kind or ("mse" if self.sigma is None and data.file is None else "gaussian")
        if kind == "mse" or self.sigma is not None:
            return replace(self, kind=kind)
        return replace(self, kind=kind, sigma="infer" if data.yerr is None else 1.0)


@dataclass(frozen=True)
class Prior(Section):
    """``[prior]``: one standard deviation, or a table by kind of parameter; that of log sigma."""

    title = "prior"
    std: float | dict[str, float] = setting(30.0, either(POSITIVE, by_kind(POSITIVE)))
    log_sigma_std: float = setting(3.0, POSITIVE)


@dataclass(frozen=True)
class Train(Section):
    """``[train]``: the optimiser's recipe and how often it starts anew."""

    title = "train"
    optimizer: str = setting("adam", one_of("adam", "sgd"))
    lr: float = setting(0.03, POSITIVE)
    epochs: int = setting(1000, whole(1))
    restarts: int = setting(256, whole(1))
    batch_size: int | None = setting(None, whole(1))
    momentum: float = setting(0.0, number(least=0, below=1))
    loss: str = setting("mean", one_of("mean", "sum"))
    batches: str = setting("shuffled", one_of("shuffled", "windows"))
    init: str = setting("torch", one_of("torch", "normal"))
    dtype: str = setting("float64", one_of("float64", "float32"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.momentum and self.optimizer == "adam":
            self.refuse("momentum", 'adam has its own; leave it out, or take optimizer = "sgd"')
        if self.batches == "windows" and self.batch_size is None:
            self.refuse("batch_size", 'missing; batches = "windows" needs the points of a step')

    def check(self, points: int) -> None:
        """Refuse batches larger than the data."""
        if self.batch_size is not None and self.batch_size > points:
            self.refuse(
                "batch_size",
                f"found {self.batch_size}, expected at most the {points} points of the data; "
                "leave it out to use all of them at every step",
            )


@dataclass(frozen=True)
class Temper(Section):
    """``[temper]``: particles that are brought from the prior to the posterior."""

    title = "temper"
    particles: int = setting(2000, whole(2))
    steps: int = setting(8, whole(1))

    def check(self, hidden: int, nwalkers: int) -> None:
        """Refuse too few particles for an ensemble, or to move ``hidden`` parameters about."""
        least = max(4 * hidden, 4, nwalkers)
        if self.particles < least or self.particles % 2:
            self.refuse(
                "particles",
                f"found {self.particles}, expected an even number of at least {least} (one for "
                f"each of the {nwalkers} walkers, and four for each parameter that moves)",
            )


@dataclass(frozen=True)
class Sample(Section):
    """``[sample]``: ensembles of walkers, their moves, and where they start."""

    title = "sample"
    moves: str = setting("collapsed", one_of(*MOVES))
    start: str = setting("tempered", one_of(*STARTS))
    ensembles: int = setting(4, whole(1))
    nwalkers: int | None = setting(None, whole(2))
    nsteps: int = setting(5000, whole(1))
    discard: int | None = setting(None, whole(0))
    thin: int = setting(1, whole(1))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.discard is not None and self.discard >= self.nsteps:
            self.refuse(
                "discard",
                f"found {self.discard}, expected fewer than sample.nsteps = {self.nsteps}",
            )
        if self.thin > self.nsteps:
            self.refuse(
                "thin", f"found {self.thin}, expected at most sample.nsteps = {self.nsteps}"
            )

    def resolved(self, ndim: int, spanning: bool = True) -> Sample:
        """The same with the number of walkers chosen and checked for ``ndim`` parameters.

        ``spanning`` tells whether the walkers must span the space of the parameters.
        """
        least = 2 * ndim if spanning else 2
        if self.nwalkers is None:
            return replace(self, nwalkers=max(32, least) if spanning else 8)
        if self.nwalkers < least or self.nwalkers % 2:
            why = f" (twice the {ndim} parameters)" if spanning else ""
            self.refuse(
                "nwalkers",
                f"found {self.nwalkers}, expected an even number of at least {least}{why}; use "
                f"{max(least, self.nwalkers + self.nwalkers % 2)}",
            )
        return self


SECTIONS: dict[str, type[Section]] = {
    cls.title: cls for cls in (Data, Network, Likelihood, Prior, Train, Temper, Sample)
}


def key_hint(name: str, top: Sequence[str]) -> str:
    """The key that was meant by ``name``, which stands in no section: a top one, or any other."""
    keys = {key: cls.key(key) for cls in SECTIONS.values() for key in cls.names()}
    keys |= {key: key for key in top}
    close = get_close_matches(name, list(keys), n=1)
    return f"; did you mean '{keys[close[0]]}'?" if close else hint(name, top)
