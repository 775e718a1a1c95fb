"""Restarts that are trained while others are still to be, as the run file keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from .sgd import Trained

__all__ = ["KeptRestarts"]


@dataclass(frozen=True, eq=False)
class KeptRestarts:
    """The first restarts of a training, and what it was asked for in words."""

    group: ClassVar[str] = "trained"

    asked: str
    trained: Trained

    def to_tree(self) -> dict[str, Any]:
        """A plain dict of arrays and a string."""
        return {"asked": self.asked} | self.trained._asdict()

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> KeptRestarts:
        """What :meth:`to_tree` gave."""
        parts: dict[str, Any] = {name: tree.get(name) for name in Trained._fields}
        parts["seconds"] = float(tree.get("seconds", 0.0))
        return cls(tree["asked"], Trained(**parts))
