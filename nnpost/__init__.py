"""nnpost: where the network that SGD found lies in the Bayesian posterior of the same network.

Public names load when they are first used, so that ``import nnpost`` costs nothing and commands
that need no torch never import it. Start with :func:`run`, or with :class:`MLP`,
:class:`Posterior`, :func:`train`, :func:`sample` and :func:`compare`, in this order.
"""

from typing import TYPE_CHECKING

from .common.lazy import lazily

if TYPE_CHECKING:
    from . import diagnostics as diagnostics
    from . import figures as figures
    from . import moves as moves
    from .common.errors import RequestError as RequestError
    from .comparison.compare import compare as compare
    from .comparison.estimate_loo import leave_one_out as leave_one_out
    from .comparison.held_out import HeldOut as HeldOut
    from .comparison.leave_one_out import LeaveOneOut as LeaveOneOut
    from .comparison.result import Comparison as Comparison
    from .comparison.score import score as score
    from .comparison.score_held_out import score_held_out as score_held_out
    from .comparison.scorecard import ScoreCard as ScoreCard
    from .data import datasets as datasets
    from .data.dataset import Dataset as Dataset
    from .data.read_data import read_data as read_data
    from .experiment.experiment import Experiment as Experiment
    from .experiment.stages import run as run
    from .model_selection.result import Scan as Scan
    from .model_selection.scan import scan as scan
    from .network import symmetry as symmetry
    from .network.mlp import MLP as MLP
    from .network.mlp import from_torch as from_torch
    from .network.module import from_module as from_module
    from .posterior.likelihoods.bernoulli import Bernoulli as Bernoulli
    from .posterior.likelihoods.categorical import Categorical as Categorical
    from .posterior.likelihoods.gaussian import MSE as MSE
    from .posterior.likelihoods.gaussian import Gaussian as Gaussian
    from .posterior.likelihoods.gaussian_targets import GaussianTargets as GaussianTargets
    from .posterior.likelihoods.heteroscedastic import Heteroscedastic as Heteroscedastic
    from .posterior.likelihoods.own import OwnLikelihood as OwnLikelihood
    from .posterior.likelihoods.poisson import Poisson as Poisson
    from .posterior.likelihoods.student_t import StudentT as StudentT
    from .posterior.linear import ClosedForm as ClosedForm
    from .posterior.linear import closed_form as closed_form
    from .posterior.posterior import Posterior as Posterior
    from .posterior.prior import GaussianPrior as GaussianPrior
    from .posterior.prior import LaplacePrior as LaplacePrior
    from .posterior.prior import StudentTPrior as StudentTPrior
    from .prediction.prediction import Prediction as Prediction
    from .sampling.load import load as load
    from .sampling.run import Run as Run
    from .sampling.sample import sample as sample
    from .tempering.result import Tempering as Tempering
    from .tempering.temper import temper as temper
    from .training.fits import Fits as Fits
    from .training.optimum import Optimum as Optimum
    from .training.train import train as train

__version__ = "0.2.0"

_HOMES = {  # where each public name is defined
    "Bernoulli": "posterior.likelihoods.bernoulli",
    "Categorical": "posterior.likelihoods.categorical",
    "ClosedForm": "posterior.linear",
    "Comparison": "comparison.result",
    "Dataset": "data.dataset",
    "Experiment": "experiment.experiment",
    "Fits": "training.fits",
    "Gaussian": "posterior.likelihoods.gaussian",
    "GaussianPrior": "posterior.prior",
    "LaplacePrior": "posterior.prior",
    "GaussianTargets": "posterior.likelihoods.gaussian_targets",
    "HeldOut": "comparison.held_out",
    "LeaveOneOut": "comparison.leave_one_out",
    "Heteroscedastic": "posterior.likelihoods.heteroscedastic",
    "MLP": "network.mlp",
    "MSE": "posterior.likelihoods.gaussian",
    "Optimum": "training.optimum",
    "OwnLikelihood": "posterior.likelihoods.own",
    "Poisson": "posterior.likelihoods.poisson",
    "Posterior": "posterior.posterior",
    "Prediction": "prediction.prediction",
    "RequestError": "common.errors",
    "Run": "sampling.run",
    "Scan": "model_selection.result",
    "ScoreCard": "comparison.scorecard",
    "StudentT": "posterior.likelihoods.student_t",
    "StudentTPrior": "posterior.prior",
    "Tempering": "tempering.result",
    "closed_form": "posterior.linear",
    "compare": "comparison.compare",
    "from_module": "network.module",
    "from_torch": "network.mlp",
    "leave_one_out": "comparison.estimate_loo",
    "load": "sampling.load",
    "read_data": "data.read_data",
    "run": "experiment.stages",
    "sample": "sampling.sample",
    "scan": "model_selection.scan",
    "score": "comparison.score",
    "score_held_out": "comparison.score_held_out",
    "temper": "tempering.temper",
    "train": "training.train",
}

_MODULES = {
    "datasets": "data.datasets",
    "diagnostics": "diagnostics",
    "figures": "figures",
    "moves": "moves",
    "symmetry": "network.symmetry",
}

__all__ = ["__version__", *_HOMES, *_MODULES]


__getattr__, __dir__ = lazily(__name__, _HOMES, _MODULES)
