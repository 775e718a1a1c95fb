"""The sections of an experiment: which keys each has, what values they take, and the defaults."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ..common.rules import (
    POSITIVE,
    SEED,
    TEXT,
    TEXTS,
    TRUTH,
    checked,
    either,
    number,
    one_of,
    table_of,
    whole,
    wholes,
)
from ..common.settings import Section, setting
from ..data.names import DATASET_NAMES, SCALES
from ..network.names import ACTIVATION_NAMES
from ..posterior.rules import (
    CLASSES,
    LIKELIHOOD_KINDS,
    NOISE,
    PRIOR_KINDS,
    SCALE,
    SCALED_PRIOR_STD,
    SHARED,
)

if TYPE_CHECKING:
    from ..data.dataset import Dataset

__all__ = ["DataSettings", "LikelihoodSettings", "NetworkSettings", "PriorSettings"]

NOISY = ("gaussian", "student")  # likelihoods with a sigma
PRIOR_STD = 30.0  # of weights on data as they are, as in the articles


@dataclass(frozen=True)
class DataSettings(Section):
    """``[data]``: a generator by name, or columns of a file of one's own."""

    title = "data"
    about = "made-up data by name, or columns of a file of your own"
    made_up: ClassVar = ("size", "seed", "noise", "numbers", "limit", "cross")
    name: str | None = setting(
        None, either(one_of(*DATASET_NAMES), TEXT), "made-up data of this name; a name for your own"
    )
    size: int | None = setting(None, whole(1), "points to make up")
    seed: int | None = setting(None, SEED, "the seed of made-up data")
    file: str | None = setting(
        None, TEXT, "a .csv, .parquet, .npz or .h5 file, from the TOML's folder on"
    )
    x: tuple[str, ...] | None = setting(
        None, TEXTS, "the columns of the inputs, by name or by number from 1"
    )
    y: str | tuple[str, ...] | None = setting(
        None, either(TEXT, TEXTS), "the column of the target, or of several"
    )
    yerr: str | None = setting(None, TEXT, "the column of the target's standard deviations")
    drop_missing: bool = setting(False, TRUTH, "leave rows out in which a cell is missing")
    scale: str | None = setting(
        None,
        one_of(*SCALES),
        "x and y brought to zero mean and unit spread for the network (robust: by quartiles); left "
        "out, standard for a file of your own, none for made-up data",
    )
    noise: float | None = setting(None, number(least=0), "size of the noise of made-up data")
    numbers: int | None = setting(None, whole(1), "inputs of data that are sums of numbers")
    limit: float | None = setting(None, POSITIVE, "the largest number in such a sum")
    cross: bool | None = setting(None, TRUTH, "whether the product of two features is one, too")
    validation: float = setting(
        0.0, number(least=0, below=1), "share of the points that training leaves out for a curve"
    )

    test: float | str | None = setting(
        None,
        either(number(above=0, below=1), TEXT),
        "points held out of everything, to score predictions on: a share of them, by the seed of "
        "the experiment, or another file with the same columns",
    )

    @property
    def several(self) -> int:
        """How many targets there are, where there are several; else 0."""
        return 0 if self.y is None or isinstance(self.y, str) else len(self.y)

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.y, tuple) and len(self.y) == 1:
            object.__setattr__(self, "y", self.y[0])
        if self.file is None:
            if isinstance(self.test, str):
                self.refuse(
                    "test",
                    f"found '{self.test}', and made-up data have no other file; give a share, such "
                    "as 0.2",
                )
            if self.name is not None:
                checked(self.key("name"), self.name, one_of(*DATASET_NAMES))
            for key in ("x", "y", "yerr"):
                if getattr(self, key) is not None:
                    self.refuse(key, "names a column, but there is no data.file; give the file")
        elif self.x is None or self.y is None:
            self.refuse("x" if self.x is None else "y", f"missing; name the column of {self.file}")
        else:
            for key in self.made_up:
                if getattr(self, key) is not None:
                    self.refuse(key, f"only made-up data have one, and data.file is {self.file}")

    @property
    def scaled(self) -> bool:
        """Whether the network sees other units than those of the data."""
        return self.resolved().scale != "none"

    def resolved(self) -> DataSettings:
        """The same with nothing left open."""
        return replace(self, scale=self.scale or ("none" if self.file is None else "standard"))

    def within(self, folder: Path) -> DataSettings:
        """The same with files that are looked for from ``folder`` on."""
        file = None if self.file is None else os.fspath(folder / self.file)
        test = os.fspath(folder / self.test) if isinstance(self.test, str) else self.test
        return replace(self, file=file, test=test)

    def make(self) -> Dataset:
        """The data, read from the file or made by the generator, in units of the file."""
        from ..data import datasets

        if self.file is not None:
            assert self.x is not None
            assert self.y is not None
            return self._read(self.file, self.x, self.y, self.yerr)
        name, options = self._generator()
        return datasets.make(name, **options)

    def shape(self) -> tuple[int, int]:
        """Points and inputs of made-up data, before they are made."""
        from ..data import datasets

        name, options = self._generator()
        return datasets.shape(name, **options)

    def _generator(self) -> tuple[str, dict[str, Any]]:
        if self.name is None:
            self.refuse("name", f"missing; give one of {', '.join(DATASET_NAMES)}, or a file")
        options = {key: getattr(self, key) for key in self.made_up}
        return self.name, {k: v for k, v in options.items() if v is not None}

    def held_out(self, data: Dataset, seed: int) -> tuple[Dataset, Dataset | None]:
        """What is left of the data, and the points to score predictions on."""
        if isinstance(self.test, str):
            return data, self._read(self.test, *self._columns_of(data))
        return (data, None) if self.test is None else data.split(1 - self.test, seed)

    def _columns_of(self, data: Dataset) -> tuple[Sequence[str], str | tuple[str, ...], str | None]:
        """x, y and yerr by the names of ``data``, which say from which day dates count."""
        assert self.x is not None
        assert self.y is not None
        x = data.x_names if len(data.x_names) == len(self.x) else self.x  # one may be an array
        yerr = None if self.yerr is None else data.yerr_name
        return x, data.y_names or data.y_name, yerr

    def _read(
        self, file: str, x: Sequence[str], y: str | Sequence[str], yerr: str | None
    ) -> Dataset:
        from ..data.read_data import read_data

        return read_data(file, x, y, yerr, self.name, self.drop_missing)


@dataclass(frozen=True)
class NetworkSettings(Section):
    """``[network]``: units of each hidden layer, and their activation."""

    title = "network"
    about = "units of the hidden layers, their activation, and what else there is"
    hidden: tuple[int, ...] = setting((2,), wholes(1), "units of each hidden layer; [] has none")
    activation: str = setting(
        "sigmoid",
        one_of(*ACTIVATION_NAMES),
        "that of all hidden layers; torch, more slowly, computes silu and gelu",
    )
    bias: bool = setting(True, TRUTH, "whether layers have biases; torch computes without")
    skip: bool = setting(
        False, TRUTH, "whether the inputs go to the output layer, too; torch computes with"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.skip and not self.hidden:
            self.refuse("skip", "there is no hidden layer to go past; leave it out")


@dataclass(frozen=True)
class LikelihoodSettings(Section):
    """``[likelihood]``: left out, ``mse`` for the articles' data, ``gaussian`` for other people's.

    A Gaussian or Student's t without sigma takes it as 1 where the data bring errors, and infers it
    elsewhere.
    """

    title = "likelihood"
    about = "how the data scatter about the network"
    kind: str | None = setting(
        None,
        one_of(*LIKELIHOOD_KINDS),
        "exp(-MSE), Gaussian noise, noise with outliers (Student's t) or that depends on x, labels "
        "0 and 1, classes 0, 1, …, or counts; left out, mse for made-up data without sigma",
    )
    sigma: float | Literal["infer"] | None = setting(
        None,
        NOISE,
        "the noise, in units of y, or a factor of yerr; left out, inferred, or 1 with yerr",
    )

    nu: float | Literal["infer"] | None = setting(
        None, NOISE, "degrees of freedom of Student's t; left out, inferred"
    )
    classes: int | None = setting(
        None, CLASSES, "how many classes there are, 0, 1, …; left out, as many as the data have"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kind == "mse" and self.sigma is not None:
            self.refuse("sigma", 'kind = "mse" has no noise level; use kind = "gaussian"')
        if self.sigma is not None and self.kind not in (None, "mse", *NOISY):
            self.refuse("sigma", f'kind = "{self.kind}" has none to give; leave it out')
        if self.classes is not None and self.kind != "categorical":
            self.refuse("classes", 'only kind = "categorical" has any; leave it out')
        if self.nu is not None and self.kind != "student":
            self.refuse("nu", 'only kind = "student" has degrees of freedom; leave it out')

    @property
    def has_units(self) -> bool:
        """Whether y has: labels and counts have none."""
        return self.kind not in ("bernoulli", "categorical", "poisson")

    def resolved(self, data: DataSettings) -> LikelihoodSettings:
        """The same with nothing left open."""
        if data.several:
            return self._of_several(data)
        if self.kind == "gaussians":
            self.refuse("kind", 'found "gaussians" for one target; use "gaussian"')
        kind = self.kind or ("mse" if self.sigma is None and data.file is None else "gaussian")
        nu = "infer" if kind == "student" and self.nu is None else self.nu
        if kind not in NOISY or self.sigma is not None:
            return replace(self, kind=kind, nu=nu)
        return replace(self, kind=kind, nu=nu, sigma="infer" if data.yerr is None else 1.0)

    def _of_several(self, data: DataSettings) -> LikelihoodSettings:
        """That of several targets, each with a noise of its own."""
        if self.kind not in (None, "gaussian", "gaussians") or self.sigma not in (None, "infer"):
            found = f"kind = {self.kind!r}, sigma = {self.sigma!r}"
            self.refuse(
                "kind",
                f'found {found} for {data.several} targets, expected "gaussian" and noise that is '
                "inferred; leave both out, or fit the targets one by one",
            )
        return replace(self, kind="gaussians", sigma=None)


@dataclass(frozen=True)
class PriorSettings(Section):
    """``[prior]``: one standard deviation, or a table by kind of parameter; that of log sigma."""

    title = "prior"
    about = "around zero, one for each parameter"
    std: float | dict[str, float] | None = setting(
        None,
        either(SCALE, table_of(SCALE)),
        "standard deviations: of all, or a table of input_weights, hidden_weights, biases, "
        "output_weights, skip_weights and output_bias; what is left out has the default, "
        f"{PRIOR_STD:g}, or {SCALED_PRIOR_STD:g} on data that are scaled",
    )
    log_sigma_std: float = setting(3.0, SCALE, "that of log sigma, where sigma is inferred")
    kind: str = setting(
        "gaussian",
        one_of(*PRIOR_KINDS),
        "Gaussian; or weights with heavier tails, by Student's t or Laplace, and Gaussian biases: "
        'the output layer can then not be integrated out, but for shared = "input"',
    )
    nu: float | None = setting(None, SCALE, "degrees of freedom of Student's t; left out, 4")
    shared: str | None = setting(
        None,
        SHARED,
        "which weights share one inferred scale of Student's t: each has its own (none), all of a "
        "kind, or those of the first layer that leave one input, all others being Gaussian "
        "(automatic relevance determination); left out, none",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("nu", "shared"):
            if getattr(self, key) is not None and self.kind != "student":
                self.refuse(key, 'only kind = "student" has it; leave it out')

    @staticmethod
    def default(data: DataSettings) -> float:
        """The standard deviation of what is left out."""
        return SCALED_PRIOR_STD if data.scaled else PRIOR_STD

    def resolved(self, data: DataSettings) -> PriorSettings:
        """The same with nothing left open."""
        return self if self.std is not None else replace(self, std=self.default(data))

    def tree(self, data: DataSettings) -> dict[str, Any]:
        """What :func:`~nnpost.posterior.prior.prior_from_tree` makes the prior of."""
        return {
            "prior": self.kind,
            "prior_std": self.resolved(data).std,
            "log_sigma_std": self.log_sigma_std,
            "prior_default": self.default(data),
            "nu_of_prior": 4.0 if self.nu is None else self.nu,
            "shared": self.shared or "none",
        }
