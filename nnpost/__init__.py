"""nnpost: where the network that SGD found lies in the Bayesian posterior of the same network.

Public names load when they are first used, so that ``import nnpost`` costs nothing and commands
that need no torch never import it. Start with :func:`run`, or with :class:`MLP`,
:class:`Posterior`, :func:`train`, :func:`sample` and :func:`compare`, in this order.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import datasets as datasets
    from . import diagnose as diagnose
    from . import figures as figures
    from . import moves as moves
    from . import symmetry as symmetry
    from .closed_form import ClosedForm as ClosedForm
    from .closed_form import closed_form as closed_form
    from .compare import Comparison as Comparison
    from .compare import compare as compare
    from .data import Dataset as Dataset
    from .data import read_data as read_data
    from .errors import RequestError as RequestError
    from .experiment import Experiment as Experiment
    from .network import MLP as MLP
    from .network import from_torch as from_torch
    from .optimum import Optimum as Optimum
    from .pipeline import run as run
    from .posterior import MSE as MSE
    from .posterior import Gaussian as Gaussian
    from .posterior import GaussianPrior as GaussianPrior
    from .posterior import Posterior as Posterior
    from .run import Run as Run
    from .run import load as load
    from .sample import sample as sample
    from .scan import scan as scan
    from .scanned import Scan as Scan
    from .scorecard import ScoreCard as ScoreCard
    from .scorecard import score as score
    from .temper import Tempering as Tempering
    from .temper import temper as temper
    from .train import Fits as Fits
    from .train import train as train

__version__ = "0.1.0"

_MODULES = ("datasets", "diagnose", "figures", "moves", "symmetry")
_HOMES = {
    "ClosedForm": "closed_form",
    "Comparison": "compare",
    "Dataset": "data",
    "Experiment": "experiment",
    "Fits": "train",
    "Gaussian": "posterior",
    "GaussianPrior": "posterior",
    "MLP": "network",
    "MSE": "posterior",
    "Optimum": "optimum",
    "Posterior": "posterior",
    "RequestError": "errors",
    "Run": "run",
    "Scan": "scanned",
    "ScoreCard": "scorecard",
    "Tempering": "temper",
    "closed_form": "closed_form",
    "compare": "compare",
    "from_torch": "network",
    "load": "run",
    "read_data": "data",
    "run": "pipeline",
    "sample": "sample",
    "scan": "scan",
    "score": "scorecard",
    "temper": "temper",
    "train": "train",
}

__all__ = ["__version__", *_MODULES, *_HOMES]


class _Package(ModuleType):
    def __setattr__(self, name: str, value: Any) -> None:
        # The import system binds every submodule to its package. Where a public function has the
        # same name (nnpost.train, nnpost.sample), the function is what the name means.
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name not in _HOMES:
        raise AttributeError(f"module 'nnpost' has no attribute '{name}'")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
