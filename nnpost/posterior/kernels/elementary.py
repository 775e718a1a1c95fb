"""exp and what is made of it, in a form that LLVM vectorises: no branch, one division.

exp is the rational form of Cephes (S. L. Moshier, Methods and Programs for Mathematical Functions,
1989; exp.c). With k the whole number nearest to x/log 2 and r = x − k log 2, |r| ≤ ½ log 2,

    exp(x) = 2ᵏ (q + p)/(q − p),    p = r P(r²),  q = Q(r²),

right to about one unit in the last place. So sigmoid and tanh cost one division too, and tanh
loses no digits near 0, where k = 0 and tanh(x/2) = p/q.

log(1 + e) for 0 < e ≤ 1 is 2 artanh(s) with s = e/(2 + e) ≤ 1/3, by the series Σ s²ⁿ⁺¹/(2n + 1), of
which sixteen terms leave less than 2·10⁻¹⁷ (Abramowitz & Stegun 1964, eq. 4.1.27).
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .compiling import inlined

__all__ = ["LINEAR", "expm1", "sigmoid", "softplus", "softsign", "tanh"]

LOG2E = 1.4426950408889634
LOG2_HIGH, LOG2_LOW = 0.693145751953125, 1.42860682030941723212e-6  # log 2, the first exact times k
ROUND = 6755399441055744.0  # 1.5 · 2⁵²: adding it rounds to a whole number, in the low bits
# Beyond ±340 exp stands still: at 10^∓148 the product of two features is no denormal number yet.
FARTHEST = 340.0
P0, P1, P2 = 1.26177193074810590878e-4, 3.02994407707441961300e-2, 9.99999999999999999910e-1
Q0, Q1 = 3.00198505138664455042e-6, 2.52448340349684104192e-3
Q2, Q3 = 2.27265548208155028766e-1, 2.00000000000000000005e0
LINEAR = 20.0  # from here on torch's softplus is z itself


@intrinsic
def _bits_of(typing: Any, x: Any) -> Any:
    """The 64 bits of a float as a whole number."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), generate


@intrinsic
def _float_of(typing: Any, x: Any) -> Any:
    """The float that 64 bits stand for."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), generate


def _clamp_half(name: str) -> Any:
    """One of LLVM's minimum and maximum, which let NaN through and are one instruction each."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        double = ir.DoubleType()
        kind = ir.FunctionType(double, [double, double])
        return builder.call(builder.module.declare_intrinsic(name, [double], kind), args)

    return generate


@intrinsic
def _least(typing: Any, x: Any, y: Any) -> Any:
    return types.float64(types.float64, types.float64), _clamp_half("llvm.minimum")


@intrinsic
def _greatest(typing: Any, x: Any, y: Any) -> Any:
    return types.float64(types.float64, types.float64), _clamp_half("llvm.maximum")


@inlined
def _parts(x):
    """p, q, and k in the low bits of a whole number."""
    x = _greatest(-FARTHEST, _least(FARTHEST, x))
    shifted = x * LOG2E + ROUND
    k = shifted - ROUND
    r = x - k * LOG2_HIGH - k * LOG2_LOW
    z = r * r
    p = r * ((P0 * z + P1) * z + P2)
    q = ((Q0 * z + Q1) * z + Q2) * z + Q3
    return p, q, _bits_of(shifted)


@inlined
def sigmoid(z):
    """1/(1 + e) with e = exp(−z) = 2⁻ᵏ (q − p)/(q + p); exactly 1 from z = 37 on."""
    p, q, k = _parts(z)
    return (q + p) / ((q + p) + _float_of((1023 - k) << 52) * (q - p))


@inlined
def tanh(z):
    """(e − 1)/(e + 1) with e = exp(2z) = 2ᵏ (q + p)/(q − p); exactly ±1 from |z| = 19 on."""
    p, q, k = _parts(2.0 * z)
    power = _float_of((1023 + k) << 52)
    return (q * (power - 1.0) + p * (power + 1.0)) / (q * (power + 1.0) + p * (power - 1.0))


@inlined
def softsign(z):
    """z/(1 + |z|)."""
    return z / (1.0 + abs(z))


@inlined
def expm1(z):
    """exp(z) − 1 = (2ᵏ (q + p) − (q − p))/(q − p), without loss near 0, where k = 0."""
    p, q, k = _parts(z)
    power = _float_of((1023 + k) << 52)
    return (q * (power - 1.0) + p * (power + 1.0)) / (q - p)


@inlined
def softplus(z):
    """log(1 + exp(z)) = max(z, 0) + log(1 + exp(−|z|)); z where that is more than 20."""
    p, q, k = _parts(-abs(z))
    e = _float_of((1023 + k) << 52) * (q + p)
    s = e / (2.0 * (q - p) + e)
    t = s * s
    series = 1.0 / 31.0
    series = series * t + 1.0 / 29.0
    series = series * t + 1.0 / 27.0
    series = series * t + 1.0 / 25.0
    series = series * t + 1.0 / 23.0
    series = series * t + 1.0 / 21.0
    series = series * t + 1.0 / 19.0
    series = series * t + 1.0 / 17.0
    series = series * t + 1.0 / 15.0
    series = series * t + 1.0 / 13.0
    series = series * t + 1.0 / 11.0
    series = series * t + 1.0 / 9.0
    series = series * t + 1.0 / 7.0
    series = series * t + 1.0 / 5.0
    series = series * t + 1.0 / 3.0
    series = series * t + 1.0
    curved = (z if z > 0.0 else 0.0) + 2.0 * s * series
    return z if z > LINEAR else curved
