"""The parser of all commands, and the options that several of them share."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from ..common.errors import RequestError

__all__ = [
    "Parser",
    "add_experiment",
    "add_file",
    "add_quiet",
    "add_set",
    "add_until",
    "add_work",
]


class Parser(argparse.ArgumentParser):
    """argparse whose complaints are one line, like all others.

    ``arguments`` are those that were added, for the completion of shells.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self.arguments: list[argparse.Action] = []
        self.commands: list[Parser] = []
        super().__init__(*args, **options)

    def add_argument(self, *args: Any, **options: Any) -> argparse.Action:
        action = super().add_argument(*args, **options)
        self.arguments.append(action)
        return action

    def error(self, message: str) -> NoReturn:
        raise RequestError(f"{message}; see `{self.prog} --help`")


def add_file(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", help="a run file")


def add_quiet(parser: Parser) -> None:
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing but errors")


def add_experiment(parser: Parser) -> None:
    """The options that name an experiment, or data of one's own."""
    parser.add_argument(
        "experiment", nargs="?", help="a built-in experiment, a TOML file, or - for TOML on stdin"
    )
    parser.add_argument(
        "--data", metavar="FILE", help="data of your own: .csv, .parquet, .npz or .h5"
    )
    parser.add_argument(
        "--x", metavar="COL[,COL]", help="the columns of the inputs, by name or by number from 1"
    )
    parser.add_argument("--y", metavar="COL[,COL]", help="the column of the target, or of several")
    parser.add_argument("--yerr", metavar="COL", help="the column of its standard deviations")
    parser.add_argument(
        "--drop-missing", action="store_true", help="leave rows out in which a cell is missing"
    )


def add_until(parser: Parser) -> None:
    """The options of sampling on until the chain has converged."""
    parser.add_argument(
        "--until",
        metavar="converged",
        help="sample on until the verdict holds or a budget is spent (nnpost run does so with data "
        "of your own, for 240 s, unless sample.nsteps is set)",
    )
    parser.add_argument(
        "--max-steps", metavar="N", type=int, help="steps of every walker in all (1,000,000)"
    )
    parser.add_argument(
        "--max-seconds", metavar="S", type=float, help="seconds after the first chain (600)"
    )


def add_set(parser: Parser) -> None:
    """Settings of the experiment."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="change one setting of the experiment; may be repeated",
    )


def add_work(parser: Parser) -> None:
    """The options of everything that computes."""
    parser.add_argument(
        "--device",
        default="auto",
        metavar="auto|cpu|cuda",
        help="where to compute; auto takes the CPU, as no GPU has been tried yet",
    )
    parser.add_argument(
        "--no-limit",
        action="store_true",
        help="also what is estimated to need more memory, disk or time than there is",
    )
    add_quiet(parser)
