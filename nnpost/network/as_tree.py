"""A network as a plain dict, which a run file keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..common.errors import RequestError
from .mlp import MLP

__all__ = ["network_from_tree", "network_to_tree"]


def network_to_tree(net: MLP) -> dict[str, Any]:
    """Its layers; of a module of one's own its name, and those of its parameters."""
    return {
        "inputs": net.inputs,
        "hidden": np.array(net.hidden, dtype=int),
        "activation": net.activation,
        **({} if net.bias else {"bias": False}),
        **({"skip": True} if net.skip else {}),
        **({} if net.linear_output else {"module": net.words, "module_labels": net.labels}),
        **({"outputs": net.outputs} if net.outputs > 1 else {}),
    }


def network_from_tree(tree: Mapping[str, Any], own: MLP | None = None) -> MLP:
    """What :func:`network_to_tree` described. ``own`` is the network where that is a module of
    one's own, which no tree can hold.

    Raises RequestError where that is missing, or has other parameters.
    """
    if "module" not in tree:
        hidden, outputs = tuple(int(u) for u in tree["hidden"]), int(tree.get("outputs", 1))
        bias, skip = bool(tree.get("bias", True)), bool(tree.get("skip", False))
        return MLP(tree["inputs"], hidden, tree["activation"], bias, skip, outputs)
    if own is None:
        raise RequestError(
            f"the network is {tree['module']}, which no file holds: hand it in again, "
            "nnpost.load(path, net=nnpost.from_module(module, inputs))"
        )
    if [*tree["module_labels"]] != own.labels:
        raise RequestError(
            f"net: found {own.words} with {own.ndim} parameters, expected {tree['module']} "
            f"with the {len(tree['module_labels'])} of the run; hand in the one it was run with"
        )
    return own
