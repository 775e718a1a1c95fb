"""Loops over the points of one block, m of them, each written so that LLVM vectorises it.

Rows are named by an array (rows, m) and an index: to hand views of rows around would cost as much
as the loops. What is written never lies in an array's row that is read in the same loop.
"""

from __future__ import annotations

from .compiling import loop, summing
from .elementary import LINEAR, expm1, sigmoid, softplus, softsign, tanh
from .shape import ACTIVATIONS, LEAK

__all__ = ["activate", "combine", "dots", "multiply", "pulls", "slopes", "squares"]

SIGMOID, TANH, SOFTSIGN, RELU, IDENTITY, LEAKY_RELU, ELU, _ = range(len(ACTIVATIONS))


@loop
def activate(code, w, b, rows, j, out, o):
    """out[o] = φ(w · rows[j] + b)."""
    if code == SIGMOID:
        for i in range(rows.shape[1]):
            out[o, i] = sigmoid(w * rows[j, i] + b)
    elif code == TANH:
        for i in range(rows.shape[1]):
            out[o, i] = tanh(w * rows[j, i] + b)
    elif code == SOFTSIGN:
        for i in range(rows.shape[1]):
            out[o, i] = softsign(w * rows[j, i] + b)
    elif code == RELU:
        for i in range(rows.shape[1]):
            z = w * rows[j, i] + b
            out[o, i] = 0.0 if z < 0.0 else z
    elif code == IDENTITY:
        for i in range(rows.shape[1]):
            out[o, i] = w * rows[j, i] + b
    elif code == LEAKY_RELU:
        for i in range(rows.shape[1]):
            z = w * rows[j, i] + b
            out[o, i] = LEAK * z if z < 0.0 else z
    elif code == ELU:
        for i in range(rows.shape[1]):
            z = w * rows[j, i] + b
            low = expm1(z)
            out[o, i] = z if z > 0.0 else low
    else:
        for i in range(rows.shape[1]):
            out[o, i] = softplus(w * rows[j, i] + b)


@loop
def slopes(code, scale, back, j, units, u, out):
    """out[u] = scale · back[j] · φ′, with φ′ from the values units[u] of φ."""
    if code == SIGMOID:
        for i in range(units.shape[1]):
            v = units[u, i]
            out[u, i] = scale * back[j, i] * (v * (1.0 - v))
    elif code == TANH:
        for i in range(units.shape[1]):
            v = units[u, i]
            out[u, i] = scale * back[j, i] * (1.0 - v * v)
    elif code == SOFTSIGN:
        for i in range(units.shape[1]):
            v = 1.0 - abs(units[u, i])
            out[u, i] = scale * back[j, i] * (v * v)
    elif code == RELU:
        for i in range(units.shape[1]):
            v = scale * back[j, i]
            out[u, i] = v if units[u, i] > 0.0 else 0.0
    elif code == IDENTITY:
        for i in range(units.shape[1]):
            out[u, i] = scale * back[j, i]
    elif code == LEAKY_RELU:
        for i in range(units.shape[1]):
            v = scale * back[j, i]
            out[u, i] = v if units[u, i] > 0.0 else LEAK * v
    elif code == ELU:
        for i in range(units.shape[1]):
            v = scale * back[j, i]
            low = v * (1.0 + units[u, i])
            out[u, i] = v if units[u, i] > 0.0 else low
    else:
        for i in range(units.shape[1]):
            v = scale * back[j, i]
            curved = -v * expm1(-units[u, i])
            out[u, i] = v if units[u, i] > LINEAR else curved


@loop
def combine(bias, weights, at, step, rows, j, count, out, o):
    """out[o] = bias + Σ_c weights[at + c·step] · rows[j + c], c < count; four rows at a time."""
    m = rows.shape[1]
    first = count % 4
    if first == 0:
        for i in range(m):
            out[o, i] = bias
    elif first == 1:
        a = weights[at]
        for i in range(m):
            out[o, i] = bias + a * rows[j, i]
    elif first == 2:
        a, b = weights[at], weights[at + step]
        for i in range(m):
            out[o, i] = bias + a * rows[j, i] + b * rows[j + 1, i]
    else:
        a, b, c = weights[at], weights[at + step], weights[at + 2 * step]
        for i in range(m):
            out[o, i] = bias + a * rows[j, i] + b * rows[j + 1, i] + c * rows[j + 2, i]
    for f in range(first, count, 4):
        k = j + f
        a, b = weights[at + f * step], weights[at + (f + 1) * step]
        c, d = weights[at + (f + 2) * step], weights[at + (f + 3) * step]
        for i in range(m):
            out[o, i] += (
                a * rows[k, i] + b * rows[k + 1, i] + c * rows[k + 2, i] + d * rows[k + 3, i]
            )


@summing
def dots(factor, f, rows, j, count, out, at):
    """out[at + c] += factor[f] · rows[j + c], c < count; returns the sum of factor[f]."""
    m = rows.shape[1]
    first = count % 4
    total = a = b = c = d = 0.0
    if first == 0:
        for i in range(m):
            total += factor[f, i]
    elif first == 1:
        for i in range(m):
            v = factor[f, i]
            total += v
            a += v * rows[j, i]
        out[at] += a
    elif first == 2:
        for i in range(m):
            v = factor[f, i]
            total += v
            a += v * rows[j, i]
            b += v * rows[j + 1, i]
        out[at] += a
        out[at + 1] += b
    else:
        for i in range(m):
            v = factor[f, i]
            total += v
            a += v * rows[j, i]
            b += v * rows[j + 1, i]
            c += v * rows[j + 2, i]
        out[at] += a
        out[at + 1] += b
        out[at + 2] += c
    for g in range(first, count, 4):
        k = j + g
        a = b = c = d = 0.0
        for i in range(m):
            v = factor[f, i]
            a += v * rows[k, i]
            b += v * rows[k + 1, i]
            c += v * rows[k + 2, i]
            d += v * rows[k + 3, i]
        out[at + g] += a
        out[at + g + 1] += b
        out[at + g + 2] += c
        out[at + g + 3] += d
    return total


@loop
def multiply(left, j, right, k, out, o):
    """out[o] = left[j] · right[k]."""
    for i in range(left.shape[1]):
        out[o, i] = left[j, i] * right[k, i]


@summing
def squares(y, root, f, j):
    """Σ r² with r = y − root · f[j]; y and root are (m,)."""
    total = 0.0
    for i in range(y.size):
        r = y[i] - root[i] * f[j, i]
        total += r * r
    return total


@summing
def pulls(y, root, f, j, out, o):
    """out[o] = root · r, −½ ∂/∂f of the sum of squares, which is returned."""
    total = 0.0
    for i in range(y.size):
        r = y[i] - root[i] * f[j, i]
        out[o, i] = root[i] * r
        total += r * r
    return total
