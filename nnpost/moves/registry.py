"""Which moves there are by name, and the mixtures that sample by default."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module

import emcee
import numpy as np

from ..network.neurons import exchangeable, neuron_blocks, symmetry_of
from ..numerics.student_mixture import StudentMixture
from ..posterior.augmented_layer import AugmentedLayer, LayerGivenLatents
from ..posterior.folded import FoldedPosterior
from ..posterior.output_layer import OutputLayer
from ..posterior.posterior import Posterior
from ..posterior.spaces import Layer, folded_space
from ..posterior.whole import Whole
from . import names
from .differential_evolution import DifferentialEvolution
from .direct import DirectMove
from .ensemble import EnsembleMove
from .folded import Folded
from .fresh_networks import FreshNetworks
from .hmc import HamiltonianMove, Trajectories
from .in_turn import InTurn
from .independence import FoldedIndependence
from .manifold_mala import ManifoldMALA
from .mass_matrix import NeuronMassMatrix, Preconditioner, SideDirections, WalkDirections
from .microcanonical import microcanonical
from .names import WARMUP, uses_gradients
from .neuron_de import NeuronDE
from .neuron_gibbs import NeuronGibbs
from .neuron_refresh import NeuronRefresh
from .neuron_scale import NeuronScale
from .proposal import Proposal
from .snooker import Snooker
from .stretch import Stretch

__all__ = [
    "GRADIENT_MOVES",
    "PROPOSALS",
    "collapsed_hamiltonian",
    "collapsed_proposals",
    "exchanged",
    "make_move",
]

USUAL = Trajectories()
WHOLE = Trajectories(renewals=3)  # each is a fresh network, and costs a value of the density

# Weights of fresh networks beside all other proposals, which have 1 together. In few dimensions a
# mixture fits; in more of them walkers in its thin tails would wait for long if others were rare.
FEW, FRESH, FRESH_IN_MANY = 8, 4.0, 0.5


def _found(home: str) -> Callable[[], Proposal]:
    module, name = home.split(".")
    kind: Callable[[], Proposal] = getattr(import_module(f".{module}", __package__), name)
    return kind


PROPOSALS = {name: _found(home) for name, home in names.PROPOSALS.items()}


def collapsed_proposals(post: Posterior) -> list[tuple[Proposal, float]]:
    """The mixture that samples the collapsed space by default, with its weights."""
    whole: list[tuple[Proposal, float]] = [
        (Stretch(a=3.0), 0.3),
        (Snooker(), 0.3),
        (DifferentialEvolution(sigma=0.3), 0.1),
        (DifferentialEvolution(gamma0=1.0, sigma=0.01), 0.1),
    ]
    if not post.net.hidden:
        return whole
    blocks = neuron_blocks(post.net)
    whole.append((NeuronDE(blocks), 0.2))
    if symmetry_of(post.net) == "relu":
        whole.append((NeuronScale(blocks), 0.3))
    return whole


def collapsed_hamiltonian(
    layer: OutputLayer,
    ensembles: int,
    warmup: int = WARMUP,
    trajectories: Trajectories = USUAL,
) -> HamiltonianMove:
    """The move for many parameters: collapsed, microcanonical, with a B for each kind of neuron."""
    metric = NeuronMassMatrix(exchanged(layer), _scales(layer.post)[layer.hidden_index])
    blocks = np.array(neuron_blocks(layer.post.net))
    renewal = NeuronRefresh(blocks, layer.post.scales[layer.hidden_index][blocks])
    return HamiltonianMove(
        layer, metric, ensembles, warmup, renewal=renewal, trajectories=trajectories,
        integrator=microcanonical,
    )  # fmt: skip


def augmented_hamiltonian(
    post: Posterior,
    ensembles: int,
    warmup: int = WARMUP,
    mixtures: Sequence[StudentMixture] = (),
    seen: np.ndarray | None = None,
    trajectories: Trajectories = USUAL,
) -> HamiltonianMove | InTurn:
    """The move that integrates the output layer out given latent numbers of the points, followed by
    fresh networks of all parameters from ``mixtures``, if any."""
    layer = AugmentedLayer(post)
    metric = NeuronMassMatrix(exchanged(layer), _scales(post)[layer.hidden_index])
    move = HamiltonianMove(
        LayerGivenLatents(layer, np.empty((0, 0))), metric, ensembles, warmup,
        trajectories=trajectories, given=layer.given,
    )  # fmt: skip
    if not mixtures:
        return move
    whole = Whole(post)
    fresh = _fresh(whole, mixtures, seen)
    return InTurn([move, *(EnsembleMove(fresh, ensembles, whole) for _ in range(WHOLE.renewals))])


def exchanged(layer: Layer | AugmentedLayer) -> list[np.ndarray]:
    """Coordinates of h that neurons exchange, (n, k) arrays as in :func:`exchangeable`."""
    place = np.full(layer.post.ndim, -1)
    place[layer.hidden_index] = np.arange(layer.ndim)
    groups = [place[g] for g in exchangeable(layer.post.net, layer.post.ndim)]
    return [g for g in groups if (g >= 0).all()]


def full_hamiltonian(
    preconditioner: str,
    post: Posterior,
    ensembles: int,
    warmup: int = WARMUP,
    trajectories: Trajectories = USUAL,
) -> HamiltonianMove:
    """The move over all parameters, preconditioned as ``preconditioner`` names it."""
    metric = PRECONDITIONERS[preconditioner](post, ensembles)
    return HamiltonianMove(post, metric, ensembles, warmup, trajectories=trajectories)


def whole_hamiltonian(
    post: Posterior,
    ensembles: int,
    warmup: int = WARMUP,
    mixtures: Sequence[StudentMixture] = (),
    seen: np.ndarray | None = None,
    trajectories: Trajectories = WHOLE,
) -> HamiltonianMove:
    """The same where the output layer cannot be integrated out: in the coordinates of whole.py,
    with fresh networks from ``mixtures``, if any, after each trajectory."""
    whole = Whole(post)
    renewal = _fresh(whole, mixtures, seen) if mixtures else None
    metric = NeuronMassMatrix(exchanged(whole), _scales(post))
    return HamiltonianMove(
        whole, metric, ensembles, warmup, renewal=renewal, trajectories=trajectories
    )


def _fresh(
    layer: Layer, mixtures: Sequence[StudentMixture], seen: np.ndarray | None
) -> FoldedIndependence:
    """Fresh networks from ``mixtures``, in the space of a layer; ``seen`` (N, P) are draws."""
    known = np.empty((0, layer.post.ndim)) if seen is None else seen
    return FoldedIndependence(tuple(mixtures), folded_space(layer), layer.split(known))


def _neurons(post: Posterior, ensembles: int) -> NeuronMassMatrix:
    return NeuronMassMatrix(exchangeable(post.net, post.ndim), _scales(post))


def _scales(post: Posterior) -> np.ndarray:
    """Scales to begin with: the prior's, but at most 1, and what n points tell of log σ."""
    scales = np.minimum(post.scales, 1.0)
    if post.infers_noise:
        scales[-1] = min(scales[-1], (2 * post.data.n) ** -0.5)
    return scales


PRECONDITIONERS: dict[str, Callable[[Posterior, int], Preconditioner]] = {
    "hmc": _neurons,
    "hmc-walk": lambda post, ensembles: WalkDirections(),
    "hmc-side": lambda post, ensembles: SideDirections(),
}

GRADIENT_MOVES: dict[str, Callable[..., HamiltonianMove]] = {
    name: partial(full_hamiltonian, name) for name in PRECONDITIONERS
}


def make_move(
    post: Posterior,
    moves: str,
    ensembles: int,
    warmup: int,
    mixtures: Sequence[StudentMixture] = (),
    seen: np.ndarray | None = None,
    sharp: bool = False,
) -> emcee.moves.Move:
    """The move called ``moves`` for independent ensembles.

    ``warmup`` is for how many steps a gradient move may be tuned. ``mixtures``, one for each
    ensemble, were fitted to the posterior beforehand, of which ``seen`` (N, P) are draws:
    "collapsed" then draws fresh networks from them too, as "hmc" does where the likelihood is not
    Gaussian, and where the posterior is ``sharp``
    nothing else but single neurons and steps along the curvature, since steps along other walkers
    lead nowhere there.
    """
    if moves == "hmc" and not post.exact_layer:
        return whole_hamiltonian(post, ensembles, warmup, mixtures, seen)
    if moves == "collapsed" and not post.exact_layer:
        return augmented_hamiltonian(post, ensembles, warmup, mixtures, seen)
    if moves in GRADIENT_MOVES:
        return GRADIENT_MOVES[moves](post, ensembles, warmup)
    if moves != "collapsed":
        return EnsembleMove(PROPOSALS[moves](), ensembles)
    layer = OutputLayer(post)
    if layer.ndim == 0:
        return DirectMove(layer)
    if uses_gradients(moves, post):
        return collapsed_hamiltonian(layer, ensembles, warmup)
    if mixtures and sharp:
        return _among_basins(layer, ensembles, tuple(mixtures))
    proposals = collapsed_proposals(post)
    if mixtures:
        fresh = _fresh(layer, mixtures, seen)
        proposals.append((fresh, FRESH if layer.ndim <= FEW else FRESH_IN_MANY))
    return EnsembleMove(proposals, ensembles, layer)


def _among_basins(
    layer: OutputLayer, ensembles: int, mixtures: tuple[StudentMixture, ...]
) -> EnsembleMove:
    """The move for sharp posteriors, over one copy of every network."""
    folded, post = FoldedPosterior(layer), layer.post
    proposals: list[tuple[Proposal, float]] = [
        (FreshNetworks(mixtures, FoldedPosterior(layer.on_quadrature())), 0.4),
        (Folded(NeuronGibbs(post), folded), 0.2),
        (Folded(ManifoldMALA(post), folded), 0.4),
    ]
    return EnsembleMove(proposals, ensembles, folded)
