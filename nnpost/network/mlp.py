"""Multilayer perceptrons as flat vectors.

A network is a frozen description; its parameters are a vector ``theta`` in torch's own order,
exactly ``torch.nn.utils.parameters_to_vector(module.parameters())`` of the ``nn.Sequential``
that :meth:`MLP.to_torch` builds. Many networks are a batch of vectors, shape (..., P).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..common.errors import RequestError, choose
from . import layout

__all__ = ["ACTIVATIONS", "MLP", "Activation", "from_torch"]

Symmetry = Literal["odd", "sigmoid", "relu", "linear", "none"]


@dataclass(frozen=True)
class Activation:
    """An activation function, its torch module, and the symmetry that a unit gets from it.

    ``symmetry`` is "odd" for φ(−z) = −φ(z), "sigmoid" for φ(−z) = 1 − φ(z), "relu" for
    φ(αz) = αφ(z) with α > 0, "linear" for the identity, "none" where units can only be exchanged.
    ``symmetry.py`` acts on it.
    """

    name: str
    function: Callable[[Tensor], Tensor]
    module: Callable[[], nn.Module]
    symmetry: Symmetry


ACTIVATIONS = {
    a.name: a
    for a in (
        Activation("sigmoid", torch.sigmoid, nn.Sigmoid, "sigmoid"),
        Activation("tanh", torch.tanh, nn.Tanh, "odd"),
        Activation("softsign", F.softsign, nn.Softsign, "odd"),
        Activation("relu", torch.relu, nn.ReLU, "relu"),
        Activation("identity", lambda z: z, nn.Identity, "linear"),
        Activation("leaky_relu", F.leaky_relu, nn.LeakyReLU, "relu"),
        Activation("elu", F.elu, nn.ELU, "none"),
        Activation("softplus", F.softplus, nn.Softplus, "none"),
        Activation("silu", F.silu, nn.SiLU, "none"),
        Activation("gelu", F.gelu, nn.GELU, "none"),
    )
}


@dataclass(frozen=True)
class MLP:
    """A network ``inputs → hidden[0] → … → 1`` with one activation and a linear output.

    ``hidden=()`` is a linear network. Raises RequestError for sizes that are not positive
    integers and for an unknown activation.
    """

    inputs: int = 1
    hidden: tuple[int, ...] = ()
    activation: str = "sigmoid"

    def __post_init__(self) -> None:
        hidden = self.hidden if isinstance(self.hidden, Iterable) else (self.hidden,)
        object.__setattr__(self, "hidden", tuple(hidden))
        for width in (self.inputs, *self.hidden):
            if not isinstance(width, (int, np.integer)) or isinstance(width, bool) or width < 1:
                raise RequestError(
                    f"network: found {width!r} inputs or units, expected whole numbers of at "
                    "least 1; for a network without a hidden layer give hidden = []"
                )
        choose("activation", self.activation, ACTIVATIONS)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Widths of all layers, the inputs first and the one output last."""
        return layout.sizes(self.inputs, self.hidden)

    @cached_property
    def ndim(self) -> int:
        """P, the number of weights and biases."""
        return layout.ndim(self.inputs, self.hidden)

    @cached_property
    def n_output(self) -> int:
        """K, the number of parameters of the output layer: its weights and its bias."""
        return self.sizes[-2] + 1

    @cached_property
    def n_hidden(self) -> int:
        """The number of parameters in front of the output layer."""
        return self.ndim - self.n_output

    @cached_property
    def labels(self) -> list[str]:
        """LaTeX labels in the order of theta, units counted from 1."""
        return layout.labels(self.inputs, self.hidden)

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """What each parameter is; "hidden_weights" are those between two hidden layers."""
        return layout.kinds(self.inputs, self.hidden)

    def layers(self, theta: Any) -> list[tuple[Any, Any]]:
        """Views of ``theta`` (..., ≥P) as [(W (..., out, in), b (..., out)), …], layer by layer."""
        views, at = [], 0
        for i, o in zip(self.sizes, self.sizes[1:], strict=False):
            w = theta[..., at : at + i * o].reshape(*theta.shape[:-1], o, i)
            b = theta[..., at + i * o : at + i * o + o]
            views.append((w, b))
            at += o * (i + 1)
        return views

    def features(self, hidden: Tensor, x: Tensor) -> Tensor:
        """Inputs of the output layer: (B, ≥n_hidden), (n, d) -> (B, K, n), the last row ones.

        ``hidden`` may be a full theta. The output layer maps them by ``o @ features`` with
        o = (a, c).
        """
        parts = hidden[:, : self.n_hidden].split(self._parts[:-2], dim=1)
        units = self._last_units(parts, x).expand(len(hidden), -1, -1)
        return torch.cat([units, units.new_ones(1, 1, 1).expand(len(hidden), 1, len(x))], dim=1)

    def forward(self, theta: Tensor, x: Tensor) -> Tensor:
        """Outputs f(x): theta (..., ≥P), x (n, d) -> (..., n). Entries after P are ignored."""
        flat = theta if theta.dim() == 2 else theta.reshape(-1, theta.shape[-1])
        *hidden, a, c = flat[:, : self.ndim].split(self._parts, dim=1)
        units = self._last_units(hidden, x)
        if not hidden:  # all networks share the inputs themselves
            units = units.expand(flat.shape[0], -1, -1)
        out = torch.baddbmm(c.unsqueeze(2), a.unsqueeze(1), units).squeeze(1)
        return out if theta.dim() == 2 else out.reshape(*theta.shape[:-1], x.shape[0])

    def _last_units(self, hidden: Sequence[Tensor], x: Tensor) -> Tensor:
        """Values of the last hidden layer, (B, U, n), from W (B, o·i) and b (B, o) of every layer;
        the inputs (d, n) if there is none."""
        units, function = x.T, ACTIVATIONS[self.activation].function
        for w, b, i in zip(hidden[::2], hidden[1::2], self.sizes, strict=False):
            shift = b.unsqueeze(2)
            if i == 1:
                z = torch.addcmul(shift, w.unsqueeze(2), units)
            else:
                every = units if units.dim() == 3 else units.expand(len(w), -1, -1)
                z = torch.baddbmm(shift, w.unflatten(1, (-1, i)), every)
            units = function(z)
        return units

    @cached_property
    def _parts(self) -> list[int]:
        """Lengths of W and b of every layer, in the order of theta."""
        pairs = zip(self.sizes, self.sizes[1:], strict=False)
        return [length for i, o in pairs for length in (i * o, o)]

    def initial(self, restarts: int, seed: int = 0, init: str = "torch") -> np.ndarray:
        """Random starting vectors, (restarts, P); row r depends on ``seed`` and r alone.

        ``init="torch"`` is torch's own rule, uniform within ±1/sqrt(fan_in) for weights and
        biases; ``"normal"`` draws weights from N(0, 1) and sets biases to zero.
        """
        choose("init", init, ("torch", "normal"))
        draw = self._uniform if init == "torch" else self._normal
        return np.stack([draw(np.random.default_rng([seed, r])) for r in range(restarts)])

    def _uniform(self, rng: np.random.Generator) -> np.ndarray:
        pairs = list(zip(self.sizes, self.sizes[1:], strict=False))
        parts = [rng.uniform(-1, 1, o * (i + 1)) / math.sqrt(i) for i, o in pairs]
        return np.concatenate(parts)

    def _normal(self, rng: np.random.Generator) -> np.ndarray:
        pairs = zip(self.sizes, self.sizes[1:], strict=False)
        return np.concatenate([np.r_[rng.standard_normal(i * o), np.zeros(o)] for i, o in pairs])

    def to_torch(self, theta: np.ndarray | Tensor) -> nn.Sequential:
        """The matching float64 ``nn.Sequential`` with the parameters of ``theta`` (≥P,)."""
        pairs = list(zip(self.sizes, self.sizes[1:], strict=False))
        steps: list[nn.Module] = []
        for i, o in pairs:
            steps += [nn.Linear(i, o, dtype=torch.float64), ACTIVATIONS[self.activation].module()]
        module = nn.Sequential(*steps[:-1])
        vector = torch.as_tensor(np.asarray(theta, dtype=np.float64))
        if vector.shape[-1] < self.ndim or vector.dim() != 1:
            raise RequestError(
                f"theta has shape {tuple(vector.shape)}, expected ({self.ndim},) for {self}"
            )
        nn.utils.vector_to_parameters(vector[: self.ndim].clone(), module.parameters())
        return module


def from_torch(module: nn.Module) -> tuple[MLP, np.ndarray]:
    """The network and flat float64 vector of an ``nn.Linear`` or a Sequential of Linear layers.

    Raises RequestError where the module is anything else: other layers, several activations, no
    bias, more than one output.
    """
    steps = list(module) if isinstance(module, nn.Sequential) else [module]
    linear = [s for s in steps[::2] if isinstance(s, nn.Linear) and s.bias is not None]
    if len(linear) < len(steps[::2]):
        raise RequestError(
            f"cannot read {module!r}: expected Linear layers with bias in turn with activations"
        )
    known = [(a.module(), a.name) for a in ACTIVATIONS.values()]
    names = {next((name for m, name in known if _same(m, s)), "") for s in steps[1::2]}
    if len(steps) % 2 == 0 or "" in names or len(names) > 1 or linear[-1].out_features != 1:
        raise RequestError(
            f"cannot read {module!r}: expected one activation of {', '.join(ACTIVATIONS)} between "
            "Linear layers, and a Linear layer with one output at the end"
        )
    hidden = tuple(s.out_features for s in linear[:-1])
    net = MLP(linear[0].in_features, hidden, next(iter(names), "sigmoid"))
    vector = nn.utils.parameters_to_vector(module.parameters()).detach()
    return net, vector.to("cpu", torch.float64).numpy().copy()


def _same(known: nn.Module, module: nn.Module) -> bool:
    """Whether an activation is this known one, with its slope, alpha or whatever else it has."""
    mine, others = (
        {k: v for k, v in vars(m).items() if k[0] != "_" and k not in ("training", "inplace")}
        for m in (known, module)
    )
    return type(known) is type(module) and mine == others
