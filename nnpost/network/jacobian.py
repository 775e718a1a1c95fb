"""Derivatives of a network's outputs with respect to its parameters, exactly."""

from __future__ import annotations

import torch
from torch import Tensor

from .mlp import ACTIVATIONS, MLP

__all__ = ["hidden_jacobian", "jacobian"]


def jacobian(net: MLP, theta: Tensor, x: Tensor) -> Tensor:
    """∂f(x_i)/∂θ, exactly: theta (B, ≥P), x (n, d) -> (B, ≥P, n); zero for entries after P."""
    if not net.linear_output:
        return _by_autograd(net, theta, x)
    rows = torch.cat([hidden_jacobian(net, theta, x), net.features(theta, x)], 1)
    return torch.nn.functional.pad(rows, (0, 0, 0, theta.shape[1] - net.ndim))


def hidden_jacobian(net: MLP, theta: Tensor, x: Tensor) -> Tensor:
    """∂f(x_i)/∂h by the chain rule, layer by layer: theta (B, ≥P), x (n, d) -> (B, H, n)."""
    layers = net.layers(theta)
    units, slopes = [x.T.expand(len(theta), -1, -1)], []
    for w, b in layers[:-1]:
        z = w @ units[-1]
        value, slope = _with_slope(net.activation, z + b.unsqueeze(2) if net.bias else z)
        units.append(value)
        slopes.append(slope)
    back = layers[-1][0].mT
    parts: list[Tensor] = []
    for (w, _), before, slope in zip(layers[-2::-1], units[-2::-1], slopes[::-1], strict=True):
        delta = back * slope
        weights = delta.unsqueeze(2) * before.unsqueeze(1)
        parts = [weights.flatten(1, 2), *([delta] if net.bias else []), *parts]
        back = w.mT @ delta
    return torch.cat(parts, 1) if parts else theta.new_zeros(len(theta), 0, len(x))


def _by_autograd(net: MLP, theta: Tensor, x: Tensor) -> Tensor:
    """A copy of every vector for every point, since nothing is known of the network's layers."""
    rows = torch.arange(len(theta), device=theta.device).repeat_interleave(len(x))
    leaf = theta.detach()[rows].requires_grad_()
    with torch.enable_grad():
        f = torch.func.vmap(net.forward)(leaf, x.repeat(len(theta), 1).unsqueeze(1))
        (grad,) = torch.autograd.grad(f.sum(), leaf)
    return grad.reshape(len(theta), len(x), -1).mT


def _with_slope(activation: str, z: Tensor) -> tuple[Tensor, Tensor]:
    """φ(z) and φ'(z)."""
    leaf = z.detach().requires_grad_()
    with torch.enable_grad():
        value = ACTIVATIONS[activation].function(leaf)
        (slope,) = torch.autograd.grad(value.sum(), leaf)
    return value.detach(), slope
