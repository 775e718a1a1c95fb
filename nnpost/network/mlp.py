"""Multilayer perceptrons as flat vectors.

A network is a frozen description; its parameters are a vector ``theta`` in torch's own order,
exactly ``torch.nn.utils.parameters_to_vector(module.parameters())`` of the module that
:meth:`MLP.to_torch` builds, an ``nn.Sequential`` or, with a skip connection, a
:class:`SkipNetwork`. Many networks are a batch of vectors, shape (..., P).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..common.errors import RequestError, choose
from .layout import Layout
from .names import SYMMETRIES, Symmetry

__all__ = ["ACTIVATIONS", "MLP", "Activation", "SkipNetwork", "from_torch"]


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
        Activation("sigmoid", torch.sigmoid, nn.Sigmoid, SYMMETRIES["sigmoid"]),
        Activation("tanh", torch.tanh, nn.Tanh, SYMMETRIES["tanh"]),
        Activation("softsign", F.softsign, nn.Softsign, SYMMETRIES["softsign"]),
        Activation("relu", torch.relu, nn.ReLU, SYMMETRIES["relu"]),
        Activation("identity", lambda z: z, nn.Identity, SYMMETRIES["identity"]),
        Activation("leaky_relu", F.leaky_relu, nn.LeakyReLU, SYMMETRIES["leaky_relu"]),
        Activation("elu", F.elu, nn.ELU, SYMMETRIES["elu"]),
        Activation("softplus", F.softplus, nn.Softplus, SYMMETRIES["softplus"]),
        Activation("silu", F.silu, nn.SiLU, SYMMETRIES["silu"]),
        Activation("gelu", F.gelu, nn.GELU, SYMMETRIES["gelu"]),
    )
}


@dataclass(frozen=True)
class MLP(Layout):
    """A network ``inputs → hidden[0] → … → outputs`` with one activation and a linear output.

    ``hidden=()`` is a linear network. Without ``bias`` no layer has any. With ``skip`` the inputs
    go to the output layer, too: f(x) = Σ_j a_j φ_j + v·x + c, of which (a, v, c) is the output
    layer. Raises RequestError for sizes that are not positive integers, an unknown activation, and
    a skip past no hidden layer.
    """

    linear_output: ClassVar[bool] = True  # in its last parameters, those of an output layer

    def __post_init__(self) -> None:
        hidden = self.hidden if isinstance(self.hidden, Iterable) else (self.hidden,)
        object.__setattr__(self, "hidden", tuple(hidden))
        for width in (self.inputs, *self.hidden, self.outputs):
            if not isinstance(width, (int, np.integer)) or isinstance(width, bool) or width < 1:
                raise RequestError(
                    f"network: found {width!r} inputs, units or outputs, expected whole numbers of "
                    "at least 1; for a network without a hidden layer give hidden = []"
                )
        choose("activation", self.activation, ACTIVATIONS)
        if self.skip and not self.hidden:
            raise RequestError(
                "network: found skip without a hidden layer, where the output is linear in the "
                "inputs as it is; leave skip out"
            )

    @property
    def symmetry(self) -> Symmetry:
        """That of its units, as :class:`Activation` says."""
        return ACTIVATIONS[self.activation].symmetry

    @cached_property
    def n_output(self) -> int:
        """K, the number of parameters of the output layer: its weights and its biases, if any."""
        return self.outputs * (self.shapes[-1][0] + self.bias)

    @cached_property
    def n_hidden(self) -> int:
        """The number of parameters in front of the output layer."""
        return self.ndim - self.n_output

    def features(self, hidden: Tensor, x: Tensor) -> Tensor:
        """Inputs of the output layer: (B, ≥n_hidden), (n, d) -> (B, K, n).

        ``hidden`` may be a full theta. The output layer maps them by ``o @ features`` with
        o = (a, c), or (a, v, c) where there is a skip: the last row is ones if it has a bias.
        """
        parts = hidden[:, : self.n_hidden].split(self._parts[:-2], dim=1)
        units = self._last_units(parts, x).expand(len(hidden), -1, -1)
        return torch.cat([units, self.beside(x).expand(len(hidden), -1, -1)], dim=1)

    def beside(self, x: Tensor) -> Tensor:
        """What the output layer is fed beside the units: x (n, d) -> (n_output − U, n)."""
        rows = x.T if self.skip else x.T[:0]
        return torch.cat([rows, rows.new_ones(int(self.bias), len(x))])

    def forward(self, theta: Tensor, x: Tensor) -> Tensor:
        """Outputs f(x): theta (..., ≥P), x (n, d) -> (..., n), or (..., n, outputs) where there are
        several. Entries after P are ignored."""
        flat = theta if theta.dim() == 2 else theta.reshape(-1, theta.shape[-1])
        *hidden, a, c = flat[:, : self.ndim].split(self._parts, dim=1)
        units = self._last_units(hidden, x)
        if not hidden:  # all networks share the inputs themselves
            units = units.expand(flat.shape[0], -1, -1)
        if self.skip:
            units = torch.cat([units, x.T.expand(flat.shape[0], -1, -1)], dim=1)
        every = _affine(c.unsqueeze(2), a.unflatten(1, (self.outputs, -1)), units)
        out = every.squeeze(1) if self.outputs == 1 else every.mT
        return out if theta.dim() == 2 else out.reshape(*theta.shape[:-1], *out.shape[1:])

    def _last_units(self, hidden: Sequence[Tensor], x: Tensor) -> Tensor:
        """Values of the last hidden layer, (B, U, n), from W (B, o·i) and b (B, o) of every layer;
        the inputs (d, n) if there is none."""
        units, function = x.T, ACTIVATIONS[self.activation].function
        for w, b, i in zip(hidden[::2], hidden[1::2], self.sizes, strict=False):
            shift = b.unsqueeze(2)
            if i == 1:
                once = w.unsqueeze(2)
                z = torch.addcmul(shift, once, units) if self.bias else once * units
            else:
                every = units if units.dim() == 3 else units.expand(len(w), -1, -1)
                z = _affine(shift, w.unflatten(1, (-1, i)), every)
            units = function(z)
        return units

    @cached_property
    def _parts(self) -> list[int]:
        """Lengths of W and b of every layer, in the order of theta."""
        return [length for i, o in self.shapes for length in (i * o, o * self.bias)]

    def initial(self, restarts: int, seed: int = 0, init: str = "torch") -> np.ndarray:
        """Random starting vectors, (restarts, P); row r depends on ``seed`` and r alone.

        ``init="torch"`` is torch's own rule, uniform within ±1/sqrt(fan_in) for weights and
        biases; ``"normal"`` draws weights from N(0, 1) and sets biases to zero.
        """
        choose("init", init, ("torch", "normal"))
        draw = self._uniform if init == "torch" else self._normal
        return np.stack([draw(np.random.default_rng([seed, r])) for r in range(restarts)])

    def _uniform(self, rng: np.random.Generator) -> np.ndarray:
        parts = [rng.uniform(-1, 1, o * (i + self.bias)) / math.sqrt(i) for i, o in self.shapes]
        return np.concatenate(parts)

    def _normal(self, rng: np.random.Generator) -> np.ndarray:
        return np.concatenate(
            [np.r_[rng.standard_normal(i * o), np.zeros(o * self.bias)] for i, o in self.shapes]
        )

    def to_torch(self, theta: np.ndarray | Tensor) -> nn.Module:
        """The matching float64 module with the parameters of ``theta`` (≥P,): an
        ``nn.Sequential``, or a :class:`SkipNetwork`."""
        steps: list[nn.Module] = []
        for i, o in self.shapes:
            steps += [
                nn.Linear(i, o, bias=self.bias, dtype=torch.float64),
                ACTIVATIONS[self.activation].module(),
            ]
        *hidden, output, _ = steps
        module: nn.Module = nn.Sequential(*hidden, output)
        if self.skip:
            module = SkipNetwork(nn.Sequential(*hidden), output)
        vector = torch.as_tensor(np.asarray(theta, dtype=np.float64))
        if vector.shape[-1] < self.ndim or vector.dim() != 1:
            raise RequestError(
                f"theta has shape {tuple(vector.shape)}, expected ({self.ndim},) for {self}"
            )
        nn.utils.vector_to_parameters(vector[: self.ndim].clone(), module.parameters())
        return module


class SkipNetwork(nn.Module):
    """A module whose ``output`` layer is fed what ``hidden`` makes of the inputs, then the inputs.

    x (..., d) -> (..., 1); ``output`` takes as many numbers as ``hidden`` gives, and d.
    """

    def __init__(self, hidden: nn.Sequential, output: nn.Module) -> None:
        super().__init__()
        self.hidden, self.output = hidden, output

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.output(torch.cat([self.hidden(x), x], dim=-1))
        return found


def from_torch(module: nn.Module) -> tuple[MLP, np.ndarray]:
    """The network and flat float64 vector of an ``nn.Linear``, a Sequential of Linear layers in
    turn with activations, or a :class:`SkipNetwork`.

    Raises RequestError where the module is anything else: other layers, several activations, a bias
    in some layers alone.
    """
    skip = isinstance(module, SkipNetwork)
    steps = _steps(module)
    linear = [s for s in steps[::2] if isinstance(s, nn.Linear)]
    biased = {s.bias is not None for s in linear}
    if len(linear) < len(steps[::2]) or len(biased) != 1:
        raise RequestError(
            f"cannot read {module!r}: expected Linear layers, all with bias or all without, in "
            "turn with activations"
        )
    known = [(a.module(), a.name) for a in ACTIVATIONS.values()]
    names = {next((name for m, name in known if _same(m, s)), "") for s in steps[1::2]}
    if len(steps) % 2 == 0 or "" in names or len(names) > 1:
        raise RequestError(
            f"cannot read {module!r}: expected one activation of {', '.join(ACTIVATIONS)} between "
            "Linear layers, and a Linear layer at the end"
        )
    hidden = tuple(s.out_features for s in linear[:-1])
    activation = next(iter(names), "sigmoid")
    widths = {"inputs": linear[0].in_features, "outputs": linear[-1].out_features}
    net = MLP(hidden=hidden, activation=activation, bias=biased.pop(), skip=skip, **widths)
    if [(s.in_features, s.out_features) for s in linear] != net.shapes:
        raise RequestError(f"cannot read {module!r}: its layers do not fit each other")
    vector = nn.utils.parameters_to_vector(module.parameters()).detach()
    return net, vector.to("cpu", torch.float64).numpy().copy()


def _steps(module: nn.Module) -> list[nn.Module]:
    """The layers and activations of a module that is one after the other."""
    if isinstance(module, SkipNetwork):
        return [*module.hidden, module.output]
    return list(module) if isinstance(module, nn.Sequential) else [module]


def _affine(shift: Tensor, matrix: Tensor, rows: Tensor) -> Tensor:
    """shift + matrix · rows, batched; no shift where that is of size zero."""
    return torch.baddbmm(shift, matrix, rows) if shift.shape[1] else torch.bmm(matrix, rows)


def _same(known: nn.Module, module: nn.Module) -> bool:
    """Whether an activation is this known one, with its slope, alpha or whatever else it has."""
    mine, others = (
        {k: v for k, v in vars(m).items() if k[0] != "_" and k not in ("training", "inplace")}
        for m in (known, module)
    )
    return type(known) is type(module) and mine == others
