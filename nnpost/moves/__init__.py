"""MCMC moves of emcee, one file each; `registry` names those that a run can ask for."""

from typing import TYPE_CHECKING

from ..common.lazy import lazily

if TYPE_CHECKING:
    from .differential_evolution import DifferentialEvolution as DifferentialEvolution
    from .direct import DirectMove as DirectMove
    from .ensemble import EnsembleMove as EnsembleMove
    from .hmc import HamiltonianMove as HamiltonianMove
    from .independence import FoldedIndependence as FoldedIndependence
    from .manifold_mala import ManifoldMALA as ManifoldMALA
    from .neuron_de import NeuronDE as NeuronDE
    from .neuron_gibbs import NeuronGibbs as NeuronGibbs
    from .neuron_refresh import NeuronRefresh as NeuronRefresh
    from .neuron_scale import NeuronScale as NeuronScale
    from .proposal import Proposal as Proposal
    from .snooker import Snooker as Snooker
    from .stretch import Stretch as Stretch
    from .walk import Walk as Walk

_HOMES = {
    "DifferentialEvolution": "differential_evolution",
    "DirectMove": "direct",
    "EnsembleMove": "ensemble",
    "FoldedIndependence": "independence",
    "HamiltonianMove": "hmc",
    "ManifoldMALA": "manifold_mala",
    "NeuronDE": "neuron_de",
    "NeuronGibbs": "neuron_gibbs",
    "NeuronRefresh": "neuron_refresh",
    "NeuronScale": "neuron_scale",
    "Proposal": "proposal",
    "Snooker": "snooker",
    "Stretch": "stretch",
    "Walk": "walk",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = lazily(__name__, _HOMES)
