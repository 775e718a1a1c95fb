"""``nnpost units``: an experiment's data under many sizes, and where the result is written."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..common.errors import RequestError
from ..data.datasets import TRUTHS
from ..model_selection.scan import scan
from ..report.info import json_ready
from .pictures import make_folder
from .request import choose_device, parts_within

if TYPE_CHECKING:
    from ..model_selection.result import Scan
    from .experiment import Experiment

__all__ = ["as_json", "figures_folder", "scan_experiment", "sizes_of", "writable", "write_figure"]


def scan_experiment(
    experiment: Experiment,
    hidden: Sequence[int],
    activations: Sequence[str] | None = None,
    device: str = "auto",
    progress: bool = True,
    limit: bool = True,
) -> Scan:
    """Scan an experiment's data with its likelihood, prior, training and tempering.

    Raises RequestError, before anything is computed, for what cannot be used, and, with ``limit``,
    for sizes that need more than this machine has.
    """
    largest = replace(experiment.network, hidden=(max(hidden, default=1),))
    unsampled = replace(experiment.sample, start="tempered", nsteps=1, discard=None, thin=1)
    whole = replace(experiment, network=largest, sample=unsampled)
    parts, _ = parts_within(whole, Path(".") if limit else None)
    post = experiment.build(parts.fitted, device=choose_device(device))
    return scan(
        post,
        hidden,
        activations,
        training=experiment.train,
        tempering=experiment.temper,
        ensembles=experiment.sample.ensembles,
        truth=None if experiment.data.file is not None else TRUTHS.get(post.data.name),
        seed=experiment.seed,
        progress=progress,
    )


def sizes_of(text: str) -> tuple[int, ...]:
    """Numbers of units from a command line, as in ``1,2,4``."""
    try:
        return tuple(int(one) for one in text.split(","))
    except ValueError:
        raise RequestError(
            f"--hidden: found '{text}', expected numbers of units, as in 1,2,4"
        ) from None


def writable(path: str | os.PathLike[str]) -> Path:
    """The path of a file that can be written, before time is spent on what goes into it."""
    target = Path(path)
    make_folder(target.parent)
    if target.is_dir() or target.suffix != ".json":
        raise RequestError(f"--out: found {target}, expected the name of a .json file")
    return target


def figures_folder(path: str | os.PathLike[str]) -> Path:
    """The folder of the figures, made before time is spent on what they show."""
    folder = Path(path)
    make_folder(folder)
    return folder


def as_json(found: Scan) -> str:
    """The whole result as one JSON object."""
    return json.dumps(json_ready(found.as_dict()), indent=2, allow_nan=False, ensure_ascii=False)


def write_figure(found: Scan, folder: Path) -> list[Path]:
    """Write the figure of everything into a folder."""
    from .. import figures

    return figures.save(figures.sizes(found), folder / "units")
