"""What stands beside a report for programs to read: numbers as JSON, tables as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

from ..common.tables import Table

__all__ = ["csv_text", "json_text"]


def json_text(found: Any) -> str:
    """Plain values as JSON."""
    return json.dumps(found, indent=2, allow_nan=False)


def csv_text(tables: Iterable[Table]) -> str:
    """Tables one below the other, each after a line with its title and before an empty one."""
    out = io.StringIO(newline="")
    lines = csv.writer(out, lineterminator="\n")
    for table in tables:
        lines.writerow([table.title])
        lines.writerows(table.rows)
        lines.writerow([])
    return out.getvalue()
