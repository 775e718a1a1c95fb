"""Colours on a terminal: verdicts and errors are to be seen at a glance.

There are none where the output is no terminal, where TERM is dumb, or where NO_COLOR is set to
anything (no-color.org).
"""

from __future__ import annotations

import os
import re
from typing import TextIO

__all__ = ["coloured"]

GOOD, BAD, PLAIN = "\x1b[32;1m", "\x1b[31;1m", "\x1b[0m"
WORDS = (
    (re.compile(r"^(verdict +|log evidence +)(converged|trusted)$", re.MULTILINE), GOOD),
    (re.compile(r"^(verdict +|log evidence +)(not converged|not trusted)$", re.MULTILINE), BAD),
    (re.compile(r"^()(nnpost:)"), BAD),
)


def coloured(text: str, stream: TextIO) -> str:
    """``text`` with its verdicts, or with who complains, in colour where ``stream`` shows it."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty():
        return text
    for pattern, colour in WORDS:
        text = pattern.sub(rf"\1{colour}\2{PLAIN}", text)
    return text
