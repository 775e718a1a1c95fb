"""Which columns of a table are inputs, targets and errors, and what a data set is made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..common.errors import RequestError
from .arrays import as_column, as_inputs, called, check_text
from .columns import Columns, complete_rows

__all__ = ["Roles"]


class Roles(NamedTuple):
    """Names of columns, each asked for once."""

    inputs: list[str]
    targets: list[str]
    errors: list[str]  # one, or none

    @classmethod
    def of(cls, x: str | Sequence[str], y: str | Sequence[str], yerr: str | None) -> Roles:
        """Raises RequestError without inputs or targets, and for a column that is asked for
        twice."""
        inputs = [x] if isinstance(x, str) else list(x)
        targets = [y] if isinstance(y, str) else list(y)
        roles = cls(inputs, targets, [] if yerr is None else [yerr])
        for column in roles.every:
            check_text("column", column)
        if not inputs or not targets or len(set(roles.every)) != len(roles.every):
            raise RequestError(
                f"columns: found x = {', '.join(inputs)}, y = {', '.join(targets)}, yerr = {yerr}, "
                "expected at least one input, a target, and every column once"
            )
        return roles

    @property
    def every(self) -> list[str]:
        """All columns."""
        return [*self.inputs, *self.targets, *self.errors]

    def parts(self, found: Columns, drop_missing: bool) -> dict[str, Any]:
        """What a data set is made of, by keyword, without incomplete rows if asked."""
        values, labels, dropped = found.values, found.labels, 0
        if drop_missing:
            values, dropped = complete_rows(values)
        x, x_names = _stack(values, labels, self.inputs)
        parts = {"x": x, "x_names": x_names, "dropped": dropped}
        for column in self.errors:
            parts |= {"yerr": values[column], "yerr_name": labels[column]}
        if len(self.targets) == 1:
            (target,) = self.targets
            return parts | {"y": values[target], "y_name": labels[target]}
        names = tuple(labels[target] for target in self.targets)
        columns = zip(names, self.targets, strict=True)
        y = [as_column(called("y", name), values[target], len(x)) for name, target in columns]
        return parts | {"y": np.column_stack(y), "y_names": names}


def _stack(
    found: Mapping[str, np.ndarray], labels: Mapping[str, str], inputs: Sequence[str]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Input arrays (n,) and (n, k) side by side, and a name for each column."""
    blocks: list[np.ndarray] = []
    names: list[str] = []
    for column in inputs:
        label = labels[column]
        block = as_inputs(called("x", label), found[column])
        if blocks and len(block) != len(blocks[0]):
            raise RequestError(
                f"x ('{labels[inputs[0]]}') has {len(blocks[0])} points and x ('{label}') has "
                f"{len(block)}, expected as many of one as of the other"
            )
        blocks.append(block)
        wide = block.shape[1]
        names += [label] if wide == 1 else [f"{label}[{i}]" for i in range(wide)]
    return (blocks[0] if len(blocks) == 1 else np.hstack(blocks)), tuple(names)
