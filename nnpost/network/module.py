"""Torch modules of one's own as networks: a flat vector, its outputs, and nothing else.

What such a module does inside is not known. So there are no copies to fold, no output layer to
integrate out and no compiled kernels: it is a log density of all its parameters, which
``torch.func.functional_call`` puts into it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ..common.errors import RequestError
from .mlp import MLP

__all__ = ["from_module"]


@dataclass(frozen=True)
class ModuleNetwork(MLP):
    """A module x (n, d) -> (n, 1) or (n,) as an :class:`MLP` of which no layer is known.

    ``theta`` is ``torch.nn.utils.parameters_to_vector(module.parameters())``; the kind of a
    parameter, for a table of the prior, is the name of the tensor that it stands in.
    """

    module: nn.Module = field(default_factory=nn.Identity)
    linear_output: ClassVar[bool] = False

    @cached_property
    def tensors(self) -> dict[str, torch.Size]:
        """The names and shapes of all parameters, in their order."""
        return {name: p.shape for name, p in self.module.named_parameters()}

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The inputs, the longest side of a parameter, and the one output."""
        return (self.inputs, max(max(shape, default=1) for shape in self.tensors.values()), 1)

    @cached_property
    def ndim(self) -> int:
        """P, the number of parameters."""
        return sum(shape.numel() for shape in self.tensors.values())

    @cached_property
    def n_output(self) -> int:
        """No parameter is known to be of an output layer."""
        return 0

    @property
    def words(self) -> str:
        """The module's class."""
        return f"a module of one's own, {type(self.module).__name__}"

    @cached_property
    def labels(self) -> list[str]:
        """Each tensor's name with the place in it, counted from 0."""
        places = ((name, product(*map(range, shape))) for name, shape in self.tensors.items())
        return [
            f"{name}[{', '.join(map(str, place))}]" if place else name
            for name, each in places
            for place in each
        ]

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """The name of the tensor that each parameter stands in."""
        return tuple(n for n, shape in self.tensors.items() for _ in range(shape.numel()))

    def layers(self, theta: Any) -> list[tuple[Any, Any]]:
        """All parameters as one row of weights without a bias: (..., 1, P)."""
        return [(theta[..., None, : self.ndim], theta[..., :0])]

    def forward(self, theta: Tensor, x: Tensor) -> Tensor:
        """Outputs f(x): theta (..., ≥P), x (n, d) -> (..., n). Entries after P are ignored."""
        if theta.dim() == 1:
            return self._outputs(theta, x)
        flat = theta.reshape(-1, theta.shape[-1])
        out = torch.func.vmap(self._outputs, in_dims=(0, None))(flat, x)
        return out.reshape(*theta.shape[:-1], x.shape[0])

    def _outputs(self, theta: Tensor, x: Tensor) -> Tensor:
        values, at = {}, 0
        for name, shape in self.tensors.items():
            values[name] = theta[at : at + shape.numel()].reshape(shape)
            at += shape.numel()
        out: Tensor = torch.func.functional_call(self.module, values, (x,))
        return out.reshape(len(x))

    def initial(self, restarts: int, seed: int = 0, init: str = "torch") -> np.ndarray:
        """Random starting vectors, (restarts, P); row r depends on ``seed`` and r alone.

        Weights, and what stands beside them in the same part of the module, are uniform within
        ±1/√fan_in as torch's are, or for ``init="normal"`` from N(0, 1), with zeros beside them.
        Other parameters start where the module has them.
        """
        rngs = [np.random.default_rng([seed, r]) for r in range(restarts)]
        return np.stack([np.concatenate(list(self._start(rng, init))) for rng in rngs])

    def _start(self, rng: np.random.Generator, init: str) -> Iterator[np.ndarray]:
        owner, bound = "", math.nan
        for name, value in self.module.named_parameters():
            size, part = value.numel(), name.rpartition(".")[0]
            if value.dim() > 1:
                owner, bound = part, 1 / math.sqrt(value[0].numel())
                normal = rng.standard_normal(size)
                yield normal if init == "normal" else bound * rng.uniform(-1, 1, size)
            elif owner == part and not math.isnan(bound):
                yield np.zeros(size) if init == "normal" else bound * rng.uniform(-1, 1, size)
            else:
                yield value.detach().numpy().reshape(-1)

    def to_torch(self, theta: np.ndarray | Tensor) -> nn.Module:
        """A copy of the module with the parameters of ``theta`` (≥P,)."""
        vector = torch.as_tensor(np.asarray(theta, dtype=np.float64))
        if vector.shape[-1] < self.ndim or vector.dim() != 1:
            raise RequestError(
                f"theta has shape {tuple(vector.shape)}, expected ({self.ndim},) for {self.words}"
            )
        module = copy.deepcopy(self.module)
        nn.utils.vector_to_parameters(vector[: self.ndim].clone(), module.parameters())
        return module


def from_module(module: nn.Module, inputs: int) -> ModuleNetwork:
    """A network for :class:`~nnpost.Posterior` from any module of ``inputs`` inputs and one output.

    It works on a float64 copy in the mode of evaluation, of which all parameters are sampled.
    Raises RequestError where the module has no parameters, or does not make (n, 1) or (n,) numbers
    of x (n, d) that depend on them alone.
    """
    kept = copy.deepcopy(module).to("cpu", torch.float64).eval()
    for p in kept.parameters():
        p.requires_grad_(False)
    net = ModuleNetwork(inputs, (), "identity", bias=False, module=kept)
    if not net.tensors:
        raise RequestError(f"{net.words} has no parameters, expected some to sample")
    x = torch.linspace(-1, 1, 3 * inputs, dtype=torch.float64).reshape(3, inputs)
    plain = _tried(net, lambda: kept(x))
    if plain.shape not in ((3, 1), (3,)):
        raise RequestError(
            f"{net.words} gives numbers of shape {tuple(plain.shape)} for x (3, {inputs}), "
            "expected (3, 1)"
        )
    theta = nn.utils.parameters_to_vector(kept.parameters()).unsqueeze(0)
    found = _tried(net, lambda: net.forward(theta, x)[0])
    if not torch.allclose(found, plain.reshape(3)):
        raise RequestError(f"{net.words} gives other numbers when it is called again")
    return net


def _tried(net: ModuleNetwork, call: Callable[[], Tensor]) -> Tensor:
    """What a call gives; whatever a module may raise, in a line."""
    try:
        return call()
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise RequestError(
            f"{net.words} cannot be sampled on {net.inputs} inputs: {reason}; expected a function "
            "of x (n, d) that gives (n, 1) numbers and can be vectorised by torch.func.vmap"
        ) from None
