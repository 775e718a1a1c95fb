"""Results of stages in a run file: each is one group, which its class names."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Protocol, Self, TypeVar

from .runfile import read_group, write_groups
from .trees import Tree

__all__ = ["Stage", "as_groups", "read_stage", "write_stages"]


class Stage(Protocol):
    """What a stage of a run leaves, and the group of the run file in which it is kept."""

    group: ClassVar[str]

    def to_tree(self) -> dict[str, Any]:
        """A plain dict of arrays, numbers, strings and further dicts."""

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Self:
        """What :meth:`to_tree` gave; what was None there is absent."""


S = TypeVar("S", bound=Stage)


def read_stage(path: str | os.PathLike[str], kind: type[S]) -> S | None:
    """The result of one stage, ``read_stage(path, Fits)``; None if it has not run.

    Raises:
        RequestError: as for :func:`~nnpost.storage.runfile.open_run`.
    """
    tree = read_group(path, kind.group)
    return None if tree is None else kind.from_tree(tree)


def write_stages(
    path: str | os.PathLike[str], *results: Stage | None, drop: Collection[str] = ()
) -> None:
    """Write or replace results of stages, and remove the groups ``drop``, in one instant.

    Raises:
        RequestError: as for :func:`~nnpost.storage.runfile.write_groups`.
    """
    write_groups(path, as_groups(*results), drop)


def as_groups(*results: Stage | None) -> dict[str, Tree]:
    """The groups of results, for a file that is written with more in it; None is left out."""
    return {result.group: result.to_tree() for result in results if result is not None}
