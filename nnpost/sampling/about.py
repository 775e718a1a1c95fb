"""What a run file is about: the description of its posterior, and the data."""

from __future__ import annotations

import os
from typing import Any

from ..common.errors import RequestError
from ..data.dataset import Dataset
from ..posterior.description import Description
from ..storage.results import understood
from ..storage.runfile import read_group

__all__ = ["read_about"]

PARAMETERS = 1_000_000  # that any file may speak of; larger networks come with larger files


def read_about(path: str | os.PathLike[str]) -> tuple[dict[str, Any], Dataset]:
    """What ``Posterior.to_tree`` gave, and the data set.

    Raises:
        RequestError: the file cannot be used, or does not say what it is about.
    """
    experiment, data = (read_group(path, name) for name in ("experiment", "data"))
    if experiment is None or "posterior" not in experiment or data is None:
        raise RequestError(f"{path} does not say what it is about; run the experiment again")
    about = experiment["posterior"]
    described = understood(path, "experiment", Description.from_tree, about)
    made = understood(path, "data", Dataset.from_tree, data)
    sizes, most = described.sizes, max(PARAMETERS, os.path.getsize(path))
    if min(sizes) < 1 or sizes[0] != made.inputs or max(sizes) > most or described.ndim > most:
        raise RequestError(
            f"{path} cannot be used: found a network {sizes} on data of {made.inputs} inputs; "
            "restore it from a copy"
        )
    return about, made
