"""Results of stages in a run file: each is one group, which its class names."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, ClassVar, Protocol, Self, TypeVar

import numpy as np

from ..common.errors import RequestError
from .runfile import read_group, write_groups
from .trees import Tree

__all__ = ["Stage", "as_groups", "read_stage", "understood", "write_stages"]


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
    return None if tree is None else understood(path, kind.group, kind.from_tree, tree)


R = TypeVar("R")


def understood(
    path: str | os.PathLike[str], name: str, make: Callable[[Mapping[str, Any]], R], tree: Tree
) -> R:
    """What ``make`` makes of the tree of group ``name``, which somebody else may have written.

    Raises:
        RequestError: values are missing, or are of another type or shape.
    """
    try:
        made = make(tree)
        _check_types(made)
        return made
    except RequestError as error:
        raise RequestError(f"{path}: group '{name}': {error}") from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise RequestError(
            f"{path} cannot be used: group '{name}' is not as nnpost writes it ({reason[:200]}); "
            "run that stage again, or restore the file from a copy"
        ) from error


# What the fields of results are annotated with, and what may then stand there.
_TYPES: dict[str, Callable[[Any], bool]] = {
    "bool": lambda v: isinstance(v, (bool, np.bool_)),
    "int": lambda v: isinstance(v, (int, np.integer)) and not isinstance(v, bool),
    "float": lambda v: isinstance(v, (int, float, np.number)) and not isinstance(v, bool),
    "str": lambda v: isinstance(v, str),
    "np.ndarray": lambda v: isinstance(v, np.ndarray) and v.ndim > 0 and v.dtype.kind in "biuf",
}


def _check_types(made: Any) -> None:
    """Raise TypeError for a field of a result, or of one within it, that is of another type."""
    if isinstance(made, (tuple, Mapping)):
        for value in made.values() if isinstance(made, Mapping) else made:
            _check_types(value)
    if is_dataclass(made) and not isinstance(made, type):
        for one in fields(made):
            value = getattr(made, one.name)
            right = _TYPES.get(str(one.type))
            if right is not None and not right(value):
                raise TypeError(f"{one.name}: found {value!r:.60}, expected {one.type}")
            _check_types(value)


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
