"""What a stage writes to the run file, and what goes with it."""

from __future__ import annotations

import json

from ..common.settings import Section
from ..storage.made_from import made_from
from ..storage.results import Stage, as_groups
from ..storage.runfile import write_groups
from .request import Request

__all__ = ["in_words", "keep"]


def keep(request: Request, *results: Stage, drop: tuple[str, ...] = ()) -> None:
    """Write results, and what is asked for, in one instant; what was made from the old ones goes.

    ``drop`` names groups that go without a new one in their place.
    """
    groups = as_groups(*results)
    gone = made_from({*groups, *drop}, request.experiment.sample.start) | set(drop)
    write_groups(request.path, request.groups() | groups, drop=gone)


def in_words(settings: Section, request: Request) -> str:
    """What determines a stage that is kept in part: another one is not gone on with."""
    post, validation = request.post, request.validation
    asked = {
        "settings": settings.table(),
        "seed": request.experiment.seed,
        "posterior": post.to_tree(),
        "data": post.data.digest,
        "validation": None if validation is None else validation.digest,
    }
    return json.dumps(asked, sort_keys=True, default=lambda array: array.tolist())
