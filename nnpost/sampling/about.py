"""What a run file is about: the description of its posterior, and the data."""

from __future__ import annotations

import os
from typing import Any

from ..common.errors import RequestError
from ..data.dataset import Dataset
from ..storage.runfile import read_group

__all__ = ["read_about"]


def read_about(path: str | os.PathLike[str]) -> tuple[dict[str, Any], Dataset]:
    """What ``Posterior.to_tree`` gave, and the data set.

    Raises:
        RequestError: the file cannot be used, or does not say what it is about.
    """
    experiment, data = (read_group(path, name) for name in ("experiment", "data"))
    if experiment is None or "posterior" not in experiment or data is None:
        raise RequestError(f"{path} does not say what it is about; run the experiment again")
    return experiment["posterior"], Dataset.from_tree(data)
