"""The sections of an experiment: which keys each has, what values they take, and the defaults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar, Literal

from ..common.settings import (
    POSITIVE,
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
from ..sampling.settings import SampleSettings
from ..tempering.settings import TemperSettings
from ..training.settings import TrainSettings

if TYPE_CHECKING:
    from ..data.dataset import Dataset

__all__ = [
    "SECTIONS",
    "DataSettings",
    "LikelihoodSettings",
    "NetworkSettings",
    "PriorSettings",
    "key_hint",
]


@dataclass(frozen=True)
class DataSettings(Section):
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
        from ..data import dataset, datasets

        if self.file is not None:
            assert self.x is not None
            assert self.y is not None
            return dataset.read_data(self.file, self.x, self.y, self.yerr, self.name)
        if self.name is None:
            self.refuse("name", f"missing; give one of {', '.join(datasets.GENERATORS)}, or a file")
        options = {key: getattr(self, key) for key in self.made_up}
        return datasets.make(self.name, **{k: v for k, v in options.items() if v is not None})


@dataclass(frozen=True)
class NetworkSettings(Section):
    """``[network]``: units of each hidden layer, and their activation."""

    title = "network"
    hidden: tuple[int, ...] = setting((2,), wholes(1))
    activation: str = setting("sigmoid", text)


@dataclass(frozen=True)
class LikelihoodSettings(Section):
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

    def resolved(self, data: DataSettings) -> LikelihoodSettings:
        """The same with nothing left open."""
        kind = self.kind or ("mse" if self.sigma is None and data.file is None else "gaussian")
        if kind == "mse" or self.sigma is not None:
            return replace(self, kind=kind)
        return replace(self, kind=kind, sigma="infer" if data.yerr is None else 1.0)


@dataclass(frozen=True)
class PriorSettings(Section):
    """``[prior]``: one standard deviation, or a table by kind of parameter; that of log sigma."""

    title = "prior"
    std: float | dict[str, float] = setting(30.0, either(POSITIVE, by_kind(POSITIVE)))
    log_sigma_std: float = setting(3.0, POSITIVE)


SECTIONS: dict[str, type[Section]] = {
    cls.title: cls
    for cls in (
        DataSettings,
        NetworkSettings,
        LikelihoodSettings,
        PriorSettings,
        TrainSettings,
        TemperSettings,
        SampleSettings,
    )
}


def key_hint(name: str, top: Sequence[str]) -> str:
    """The key that was meant by ``name``, which stands in no section: a top one, or any other."""
    keys = {key: cls.key(key) for cls in SECTIONS.values() for key in cls.names()}
    keys |= {key: key for key in top}
    close = get_close_matches(name, list(keys), n=1)
    return f"; did you mean '{keys[close[0]]}'?" if close else hint(name, top)
