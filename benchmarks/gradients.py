"""Samplers along gradients, by jax: NumPyro's NUTS, BlackJAX's NUTS and MCLMC.

All have four chains, one after the other in blocks. What jax compiles is compiled before the
watch starts, and counted apart. Each is tuned by its own means during the warm-up.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from judged import Chains, Sampled, in_blocks
from problems import CHAINS, Problem

import nnpost

WARMUP, BLOCK = 500, 25  # of NUTS, steps
TUNING, THIN = 50_000, 20  # of MCLMC: three tenths of the first are made, and one in so many kept


def log_density(post: nnpost.Posterior) -> Callable[[Any], Any]:
    """The log posterior of one vector (P,) in jax, one hidden layer, float64."""
    import jax

    jax.config.update("jax_enable_x64", True)
    jnp, n, u, d = jax.numpy, post.data.n, post.net.hidden[0], post.net.inputs
    x, y, scales = (jnp.asarray(part) for part in (post.data.x, post.data.y, post.scales))
    activation = {"tanh": jnp.tanh, "relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid}[
        post.net.activation
    ]
    constant = float(-np.log(post.scales).sum() - post.ndim / 2 * np.log(2 * np.pi))
    infers = post.infers_noise
    given = None if infers else [float(v) for v in post.noise(np.zeros((1, post.ndim)))]

    def log_prob(theta):
        w, b = theta[: d * u].reshape(u, d), theta[d * u : (d + 1) * u]
        a, c = theta[(d + 1) * u : (d + 2) * u], theta[(d + 2) * u]
        r = y - activation(x @ w.T + b) @ a - c
        if given is None:
            tau = jnp.exp(-2 * theta[-1])
            beside = -n * (theta[-1] + 0.5 * np.log(2 * np.pi))
        else:
            tau, beside = given
        return beside + constant - 0.5 * (tau * (r @ r) + jnp.sum((theta / scales) ** 2))

    return log_prob


def numpyro_nuts(problem: Problem, seconds: float, warmup: int = WARMUP) -> Sampled:
    """NumPyro's NUTS, diagonal mass matrix, all settings as they come."""
    import jax
    from numpyro.infer import NUTS

    log_prob = log_density(problem.post)
    kernel = NUTS(potential_fn=lambda theta: -log_prob(theta))
    began = time.perf_counter()
    keys = jax.random.split(jax.random.PRNGKey(0), CHAINS)
    starts = jax.numpy.asarray(problem.starts(CHAINS))
    states = [kernel.init(key, warmup, s) for key, s in zip(keys, starts, strict=True)]

    def step(state, _):
        state = kernel.sample(state, (), {})
        return state, (state.z, -state.potential_energy)

    advance = _compiled(lambda state: jax.lax.scan(step, state, length=BLOCK), states[0])
    compiling = time.perf_counter() - began
    began = time.perf_counter()
    for _ in range(warmup // BLOCK):
        states = [advance(state)[0] for state in states]
    jax.block_until_ready(states)
    return _sampled(advance, states, compiling, began, seconds)


def blackjax_nuts(problem: Problem, seconds: float, warmup: int = WARMUP) -> Sampled:
    """BlackJAX's NUTS with its window adaptation, diagonal mass matrix."""
    import blackjax
    import jax
    from blackjax.adaptation.base import get_filter_adapt_info_fn

    log_prob = log_density(problem.post)
    adaptation = blackjax.window_adaptation(
        blackjax.nuts, log_prob, adaptation_info_fn=get_filter_adapt_info_fn()
    )
    kernel = blackjax.nuts.build_kernel()

    def tune(key, start):
        (state, parameters), _ = adaptation.run(key, start, warmup)
        return state, key, parameters

    def step(carry, _):
        state, key, parameters = carry
        key, now = jax.random.split(key)
        state, _ = kernel(now, state, log_prob, **parameters)
        return (state, key, parameters), (state.position, state.logdensity)

    return _tuned(problem, tune, step, BLOCK, seconds)


def mclmc(problem: Problem, seconds: float, tuning: int = TUNING) -> Sampled:
    """BlackJAX's microcanonical Langevin sampler with its own tuning; steps are not corrected."""
    import blackjax
    import jax

    log_prob = log_density(problem.post)
    kernel = blackjax.mclmc.build_kernel()

    def tune(key, start):
        one, two, key = jax.random.split(key, 3)
        state = blackjax.mclmc.init(start, log_prob, one)
        state, parameters, _ = blackjax.mclmc_find_L_and_step_size(
            kernel, tuning, state, two, log_prob
        )
        return state, key, parameters

    def once(carry, _):
        state, key, p = carry
        key, now = jax.random.split(key)
        state, _ = kernel(now, state, log_prob, p.inverse_mass_matrix, p.L, p.step_size)
        return (state, key, p), None

    def step(carry, _):
        carry, _ = jax.lax.scan(once, carry, length=THIN)
        return carry, (carry[0].position, carry[0].logdensity)

    return _tuned(problem, tune, step, 10 * BLOCK, seconds, f"one step in {THIN} kept")


def _tuned(
    problem: Problem, tune: Any, step: Any, block: int, seconds: float, note: str = ""
) -> Sampled:
    """Chains that ``tune(key, start)`` prepares, a ``step`` of lax.scan at a time."""
    import jax

    began = time.perf_counter()
    keys = jax.random.split(jax.random.PRNGKey(0), CHAINS)
    starts = jax.numpy.asarray(problem.starts(CHAINS))
    shapes = jax.eval_shape(tune, keys[0], starts[0])
    ready = _compiled(tune, keys[0], starts[0])
    advance = _compiled(lambda carry: jax.lax.scan(step, carry, length=block), shapes)
    compiling = time.perf_counter() - began
    began = time.perf_counter()
    states = [ready(key, start) for key, start in zip(keys, starts, strict=True)]
    jax.block_until_ready(states)
    return _sampled(advance, states, compiling, began, seconds, note)


def _compiled(function: Any, *arguments: Any) -> Any:
    import jax

    return jax.jit(function).lower(*arguments).compile()


def _sampled(
    advance: Any, states: list[Any], compiling: float, began: float, seconds: float, note: str = ""
) -> Sampled:
    """Blocks of all chains from where the warm-up, which ``began`` then, has left them."""
    warmed = time.perf_counter()

    def block() -> np.ndarray:
        rows = []
        for k, state in enumerate(states):
            states[k], (theta, log_prob) = advance(state)
            rows.append(np.column_stack([theta, log_prob]))
        return np.stack(rows, axis=1)

    rows = in_blocks(block, began + seconds, time.perf_counter)
    chains = Chains(rows[..., :-1], rows[..., -1], CHAINS)
    spent = time.perf_counter() - warmed
    return Sampled(chains, compiling, warmed - began, spent, note=note)
