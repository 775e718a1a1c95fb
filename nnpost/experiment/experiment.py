"""An experiment: data, network, likelihood, prior, training and sampling as one frozen description.

It is read from TOML, refuses what it does not know, goes into the run file as the same text, and
builds the posterior. Nothing here needs torch until :meth:`Experiment.build` is called.
"""

from __future__ import annotations

import math
import os
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from ..common.errors import RequestError
from ..common.files import refuse_streams
from ..common.rules import SEED, TEXT
from ..common.settings import Section, hint, section, setting
from ..common.toml import briefly, to_toml
from ..sampling.settings import SampleSettings
from ..tempering.settings import TemperSettings
from ..training.settings import TrainSettings
from .sections import DataSettings, LikelihoodSettings, NetworkSettings, PriorSettings

if TYPE_CHECKING:
    from ..data.dataset import Dataset
    from ..posterior.posterior import Posterior

__all__ = [
    "NOT_COMPARED",
    "SECTIONS",
    "Experiment",
    "Parts",
    "builtin_text",
    "builtins",
    "flat",
    "load_experiment",
    "read_toml",
]

LONGEST_NAME = 200  # bytes, of the 255 that systems have
LONGEST = 2**20  # bytes of a file of TOML
NOT_COMPARED = ("name", "description")  # they determine nothing about a run


class Parts(NamedTuple):
    """Points that are fitted, on the network's scale; those for the validation curve, on the same;
    and those that predictions are scored on, in units of the file."""

    fitted: Dataset
    validation: Dataset | None
    test: Dataset | None


@dataclass(frozen=True)
class Experiment(Section):
    """All that determines a run: the same experiment on the same machine gives the same chain.

    ``name`` is what the run file is called after. Raises RequestError for values that make no
    sense, here or in a section.
    """

    about = "the experiment itself, outside all sections"
    name: str = setting("experiment", TEXT, "what the run file is called after")
    description: str | None = setting(None, TEXT, "one line, shown by `nnpost list`")
    seed: int = setting(0, SEED, "the seed of all that is random but the data")
    data: DataSettings = section(DataSettings)
    network: NetworkSettings = section(NetworkSettings)
    likelihood: LikelihoodSettings = section(LikelihoodSettings)
    prior: PriorSettings = section(PriorSettings)
    train: TrainSettings = section(TrainSettings)
    temper: TemperSettings = section(TemperSettings)
    sample: SampleSettings = section(SampleSettings)

    @property
    def file_name(self) -> str:
        """``name``, where it can be that of a file or folder without leading anywhere else."""
        away = {*self.name} & {"/", "\\"} or self.name.startswith(".")
        if away or not self.name.isprintable() or len(self.name.encode()) > LONGEST_NAME:
            self.refuse("name", f"found {briefly(self.name)}, expected the name of a file")
        return self.name

    @classmethod
    def read(cls, table: Any) -> Self:
        """Make an experiment from the tables of a TOML file, refusing unknown sections and keys."""
        known = cls.names()
        for name, value in table.items():
            if name not in known:
                if name == "sweep":
                    raise RequestError("[sweep] makes this a grid: run it with `nnpost sweep`")
                if isinstance(value, Mapping):
                    raise RequestError(f"unknown section '{name}'{hint(name, known)}")
                raise RequestError(f"unknown key '{name}'{key_hint(name)}")
        return cls(**table)

    @classmethod
    def from_toml(cls, text: str, source: str = "the experiment") -> Self:
        """Read TOML text. ``source`` is what messages call it."""
        tables = parse_toml(text, source)
        try:
            return cls.read(tables)
        except RequestError as error:
            raise RequestError(f"{source}: {error}") from None

    def to_toml(self) -> str:
        """TOML text from which :meth:`from_toml` makes an equal experiment."""
        table = self.table()
        lines = [f"{k} = {to_toml(v)}" for k, v in table.items() if k not in SECTIONS]
        for title in SECTIONS:
            if title in table:
                lines += ["", f"[{title}]"]
                lines += [f"{k} = {to_toml(v)}" for k, v in table[title].items()]
        return "\n".join(lines) + "\n"

    def with_settings(self, settings: Iterable[str]) -> Self:
        """The experiment with ``section.key=value`` settings, all applied at once.

        A value is read as TOML; what is not TOML is a bare word, and is taken as a string.
        """
        tables = self.table()
        for one in settings:
            name, equals, value = (part.strip() for part in one.partition("="))
            *title, key = name.split(".", 1)
            if not equals or not key or name in SECTIONS:
                raise RequestError(
                    f"--set: found {one[:LONGEST_NAME]!r}, expected section.key=value, as in "
                    "sample.nsteps=2000"
                )
            if title and title[0] not in SECTIONS:
                raise RequestError(f"unknown section '{title[0]}'{hint(title[0], SECTIONS)}")
            table = tables.setdefault(title[0], {}) if title else tables
            table[key] = toml_value(value)
        return type(self).read(tables)

    def with_data(
        self,
        file: str,
        x: Sequence[str],
        y: str | Sequence[str],
        yerr: str | None = None,
        drop_missing: bool = False,
    ) -> Self:
        """The experiment on columns of a file of one's own instead of its data."""
        target = y if isinstance(y, str) else tuple(y)
        data = DataSettings(
            file=file, x=tuple(x), y=target, yerr=yerr, drop_missing=drop_missing
        )  # fmt: skip
        return replace(self, data=data)

    def build(self, part: Dataset | None = None, device: str = "cpu") -> Posterior:
        """The posterior of the points that are fitted (``part`` saves making them again).

        Raises RequestError where nothing tells the noise that is to be inferred.
        """
        from ..network.mlp import MLP
        from ..posterior.likelihoods.by_kind import likelihood_from_tree, with_noise_times
        from ..posterior.likelihoods.pointwise import Pointwise
        from ..posterior.posterior import Posterior
        from ..posterior.prior import prior_from_tree
        from .extremes import refuse_apart

        part = self.parts().fitted if part is None else part
        likelihood, prior = self.likelihood.resolved(self.data), self.prior.resolved(self.data)
        assert prior.std is not None
        if likelihood.kind == "categorical" and likelihood.classes is None:
            likelihood = replace(likelihood, classes=max(2, int(self.data.make().y.max()) + 1))
        more = {"targets": self.data.several} if likelihood.kind == "gaussians" else {}
        table = {"likelihood": likelihood.kind, **likelihood.table(), **more}
        noise = likelihood_from_tree(table)
        outputs = noise.outputs if isinstance(noise, Pointwise) else 1
        net = MLP(part.inputs, **self.network.table(), outputs=outputs)
        inferred = likelihood.sigma == "infer" or likelihood.kind == "gaussians"
        constant = [y for _, y in part.raw.targets if inferred and (y == y[0]).all()]
        if constant:
            raise RequestError(
                f"likelihood.sigma: found 'infer', and y is {constant[0][0]:.6g} at all {part.n} "
                "points, so that a constant network meets them and the noise runs to zero; give it "
                "(likelihood.sigma = 0.1), or other data"
            )
        refuse_apart(part, likelihood.sigma, prior.std)
        noise = with_noise_times(noise, 1 / math.sqrt(part.misfit_unit))
        weights = prior_from_tree(prior.tree(self.data))
        return Posterior(net, part, noise, weights, device)

    def parts(self) -> Parts:
        """The data, made or read, and divided. The scaling is that of the points that are fitted:
        the others may not enter it. Labels and counts are left as they are."""
        from ..data.scaling import Scaling
        from .extremes import refuse_sizes

        fitted, test = self.data.held_out(self.data.make(), self.seed)
        for part in (fitted, test):
            if part is not None:
                refuse_sizes(part)
        validation = None
        if self.data.validation > 0:
            fitted, validation = fitted.split(1 - self.data.validation, self.seed)
        scaling = Scaling.of(fitted, self.data.resolved().scale or "none")
        scaling = scaling if self.likelihood.has_units else scaling.of_inputs
        seen = None if validation is None else validation.scaled(scaling)
        return Parts(fitted.scaled(scaling), seen, test)

    def resolved(self, post: Posterior) -> Self:
        """The same experiment with the choices written out that were left to nnpost.

        Raises RequestError for what cannot be used on ``post``: walkers or particles too few for
        its parameters, batches larger than its data.
        """
        self.train.checked_for(post)
        data, prior = self.data.resolved(), self.prior.resolved(self.data)
        likelihood = self.likelihood.resolved(self.data)
        if likelihood.kind == "categorical":
            likelihood = replace(likelihood, classes=post.net.outputs)
        sample = self.sample.resolved(post)
        if sample.start == "tempered":
            self.temper.checked_for(post, nwalkers=sample.shape[1])
        return replace(self, data=data, likelihood=likelihood, prior=prior, sample=sample)

    def differences(self, other: Experiment) -> Iterator[tuple[str, Any, Any]]:
        """Keys on which two experiments differ, with both values (None: left out)."""
        mine, others = flat(self.table()), flat(other.table())
        for key in sorted(mine.keys() | others.keys()):
            if key not in NOT_COMPARED and mine.get(key) != others.get(key):
                yield key, mine.get(key), others.get(key)


SECTIONS = Experiment.sections()


def key_hint(name: str) -> str:
    """The key that was meant by ``name``, which stands in no section: a top one, or any other."""
    keys = {key: part.key(key) for part in SECTIONS.values() for key in part.names()}
    keys |= {key: key for key in Experiment.names()}
    close = get_close_matches(name[:LONGEST_NAME], list(keys), n=1)
    return f"; did you mean '{keys[close[0]]}'?" if close else hint(name, Experiment.names())


def flat(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by ``section.key``."""
    top = {k: v for k, v in tables.items() if k not in SECTIONS}
    return top | {f"{s}.{k}": v for s in SECTIONS for k, v in tables.get(s, {}).items()}


def toml_value(text: str) -> Any:
    """What follows ``key=`` on a command line: a TOML value, or else a bare word."""
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):  # TOMLDecodeError is a ValueError, too
        return text
    return table["value"] if len(table) == 1 else text


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """The tables of TOML text. ``source`` is what messages call it."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RequestError(f"{source}: not TOML ({error}); correct that line") from None
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits; [[[[ without end
        reason = "lists in lists too deep" if isinstance(error, RecursionError) else "a number"
        raise RequestError(f"{source}: {reason} that no setting has; correct the value") from None


def text_of(path: str | os.PathLike[str]) -> str:
    """What is in a file of TOML."""
    try:
        refuse_streams(path)
        if os.path.getsize(path) > LONGEST:
            raise RequestError(
                f"{os.fspath(path)}: found {os.path.getsize(path):,} bytes, expected at most "
                f"{LONGEST:,}; give an experiment in TOML"
            )
        return Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise RequestError(f"{os.fspath(path)}: {reason}; give an experiment in TOML") from None


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The tables of a TOML file. Raises RequestError for what is none."""
    return parse_toml(text_of(path), os.fspath(path))


def builtins() -> dict[str, str]:
    """Names of the built-in experiments, with their one-line descriptions."""
    return {name: builtin(name).description or "" for name in builtin_names()}


def builtin_names() -> list[str]:
    files = resources.files(__package__).joinpath("builtin").iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def builtin_text(name: str) -> str:
    """The TOML of a built-in experiment, with its comments."""
    known = builtin_names()
    if name not in known:
        raise RequestError(f"unknown experiment '{name}'{hint(name, known)}; see `nnpost list`")
    return resources.files(__package__).joinpath("builtin", f"{name}.toml").read_text("utf-8")


def builtin(name: str) -> Experiment:
    return replace(Experiment.from_toml(builtin_text(name), name), name=name)


def load_experiment(name_or_path: str | os.PathLike[str]) -> Experiment:
    """A built-in experiment by its name, or one's own from a TOML file, or from stdin for "-".

    Paths in a TOML file are relative to the folder that it is in.
    """
    asked, path = os.fspath(name_or_path), Path(name_or_path)
    if asked == "-":
        return Experiment.from_toml(sys.stdin.read(), "standard input")
    known = builtin_names()
    if asked in known:
        return builtin(asked)
    if path.suffix != ".toml":
        raise RequestError(
            f"unknown experiment '{asked}'{hint(asked, known)} (`nnpost list` shows the built-in "
            "ones; a file of your own ends in .toml)"
        )
    experiment = Experiment.from_toml(text_of(path), asked)
    if experiment.name == Experiment.name:
        experiment = replace(experiment, name=path.stem)
    return replace(experiment, data=experiment.data.within(path.parent))
