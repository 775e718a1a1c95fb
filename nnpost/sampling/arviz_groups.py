"""What ArviZ is given of a run, by the names of its groups, in either of its generations."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..common.errors import RequestError
from ..common.tables import plain_label
from ..network.symmetry import fold
from ..posterior.posterior import Posterior

__all__ = ["arviz_groups"]


class ArviZGroups(NamedTuple):
    """Arrays by group and name, and the names of their coordinates and dimensions."""

    groups: dict[str, dict[str, np.ndarray]]
    coords: dict[str, Any]
    dims: dict[str, list[str]]

    def made(self) -> Any:
        """InferenceData before ArviZ 1, DataTree since. Raises RequestError where there is none."""
        try:
            import arviz
        except ImportError:
            raise RequestError("to_arviz: ArviZ is not installed; pip install arviz") from None
        make: Any = arviz.from_dict
        if int(arviz.__version__.split(".")[0]) < 1:
            return make(**self.groups, coords=self.coords, dims=self.dims)
        return make(self.groups, coords=self.coords, dims=self.dims)


def arviz_groups(
    post: Posterior, chain: np.ndarray, log_prob: np.ndarray, seed: int = 0
) -> ArviZGroups:
    """From rows of a chain (N, W, P) and their log posterior (N, W); a walker is a chain (W, N).

    Parameters are folded to one copy of the network, by plain names; the prior's draws, as many,
    too. x, y, their predictions and densities are in units of the data's file.
    """
    rng, data = np.random.default_rng(seed), post.data.raw
    draws = chain.swapaxes(0, 1)
    prior = post.prior_density.draw(draws.shape[0] * draws.shape[1], rng).reshape(draws.shape)
    density = post.data.scaling.log_density_to_file(post.pointwise_log_likelihood(draws))
    name = data.y_name
    groups = {
        "posterior": {"theta": fold(post.net, draws)},
        "posterior_predictive": {name: post.draw_targets(draws, data.x, rng, data.yerr)},
        "log_likelihood": {name: density},
        "prior": {"theta": fold(post.net, prior)},
        "sample_stats": {"lp": log_prob.T},
        "observed_data": {name: data.y},
        "constant_data": {"x": data.x},
    }
    coords = {"parameter": [plain_label(label) for label in post.labels], "input": data.x_names}
    return ArviZGroups(
        groups,
        {key: list(names) for key, names in coords.items()},
        {"theta": ["parameter"], name: ["point"], "x": ["point", "input"]},
    )
