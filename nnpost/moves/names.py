"""The names of the moves, and what they need, for settings that must not import torch."""

from __future__ import annotations

__all__ = ["WALKERS", "WARMUP"]

MOVES = ("collapsed", "stretch", "de", "snooker", "walk", "hmc", "hmc-walk", "hmc-side")

MANY = 25  # sampled parameters of "collapsed" above which steps along gradients pay
WALKERS = 8  # of each ensemble: a covariance pooled over units needs no more to span the space
WARMUP = 200  # steps
