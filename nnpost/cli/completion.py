"""What a shell needs to complete our command lines, made by shtab."""

from __future__ import annotations

from ..common.errors import RequestError, choose
from .parser import FILES, FOLDERS, make_parser

__all__ = ["script"]

SHELLS = ("bash", "zsh", "tcsh")


def script(shell: str) -> str:
    """The completion script for a shell. Raises RequestError for others, and without shtab."""
    choose("shell", shell, SHELLS)
    try:
        import shtab
    except ImportError:
        raise RequestError(
            "completion: shtab is not installed; pip install 'nnpost[completion]'"
        ) from None
    parser = make_parser()
    for action in (action for command in parser.commands for action in command.arguments):
        if action.metavar in (*FILES, *FOLDERS):
            kind = shtab.FILE if action.metavar in FILES else shtab.DIRECTORY
            action.complete = kind  # type: ignore[attr-defined]
    return str(shtab.complete(parser, shell))
