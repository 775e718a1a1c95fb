"""Which likelihoods and priors run files keep: those whose class stands in a table, by kind."""

from __future__ import annotations

from collections.abc import Mapping

from ..common.errors import RequestError

__all__ = ["kind_kept"]


def kind_kept(name: str, part: object, known: Mapping[str, type]) -> str:
    """The kind of a likelihood or prior (``name``) that is one of ``known``, and not only like it.

    Raises RequestError for an object of any other class, subclasses of those known included.
    """
    for kind, cls in known.items():
        if type(part) is cls:
            return kind
    names = " or ".join(cls.__name__ for cls in known.values())
    raise RequestError(
        f"posterior {name}: found {type(part).__name__}, and a run file keeps {names}; "
        "sample without a path"
    )
