"""Microcanonical trajectories: they keep their speed, for all walkers in one call.

With V = −log π in m whitened coordinates z, x = B z, and a direction u of length one,

    z' = √m u,    u' = √m (I − u uᵀ) Bᵀ∇log π / (m − 1),

whose flow leaves π(z) du invariant (Robnik, De Luca, Silverstein & Seljak 2023, J. Mach. Learn.
Res. 24, 311; here with time in units in which a Hamiltonian trajectory is as fast). It is split as
in leapfrog.py; the turn of u under a fixed gradient g, with e = g/|g|, δ = ε √m |g|/(m − 1), is

    u ← (u + e (sinh δ + e·u (cosh δ − 1))) / (cosh δ + e·u sinh δ)

and takes volume with it: what counts as kinetic energy is Σ (m − 1) log(cosh δ + e·u sinh δ). A
proposal accepted with the change of that and of V is exact (Robnik, Cohn-Gordon & Seljak 2025,
Metropolis Adjusted Microcanonical Hamiltonian Monte Carlo, eqs. 5–9). A Hamiltonian trajectory
stays near its energy, which new momenta change by √(m/2) or so; these reach all of V's values at
once, and that is what they win where V varies by more.
"""

from __future__ import annotations

import numpy as np

from .leapfrog import Arrival, Directions, Gradient, Place

__all__ = ["microcanonical"]


def microcanonical(
    start: Place,
    p: np.ndarray,
    step: np.ndarray,
    count: int,
    gradient: Gradient,
    b: Directions,
) -> Arrival:
    """``count`` steps of size ``step`` (E, S, 1) from ``start`` in directions p (E, S, m), m > 1.

    Of p the directions alone count, which for a standard normal p are uniform. ``gradient`` takes
    (E·S, d), all walkers in one call. A trajectory that leaves what floats can hold ends with
    log π = −inf.
    """
    (x, density, grad), shape = start, start.x.shape
    speed = np.sqrt(b.size)
    with np.errstate(all="ignore"):
        u = p / np.linalg.norm(p, axis=2, keepdims=True)
        u, kinetic = _turn(u, 0.5 * speed * step, b.pull(grad))
        for left in reversed(range(count)):
            x = x + step * speed * b.push(u)
            flat_density, flat_grad = gradient(x.reshape(-1, shape[-1]))
            density, grad = flat_density.reshape(shape[:2]), flat_grad.reshape(shape)
            u, gained = _turn(u, (1.0 if left else 0.5) * speed * step, b.pull(grad))
            kinetic = kinetic + gained
    return Arrival(Place(x, density, grad), u, kinetic)


def _turn(u: np.ndarray, time: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """u after ``time`` (E, S, 1) under gradients g (E, S, m), and the kinetic energy gained (E, S).

    Everything is divided by e^δ, which may be more than floats can hold.
    """
    rest = u.shape[2] - 1
    size = np.linalg.norm(g, axis=2, keepdims=True)
    e = g / np.where(size > 0, size, 1.0)
    delta, along = time * size / rest, (e * u).sum(axis=2, keepdims=True)
    fade = np.exp(-delta)
    turned = 2 * fade * u + e * (1 - fade) * (1 + fade + along * (1 - fade))
    growth = delta + np.log(0.5 * (1 + along + (1 - along) * fade**2))
    turned = turned / np.linalg.norm(turned, axis=2, keepdims=True)
    return turned, rest * growth[..., 0]
