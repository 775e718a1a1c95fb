"""The command line: which commands and options there are, and their help."""

from __future__ import annotations

import argparse
from typing import NoReturn

from ..common.errors import RequestError, nearest

__all__ = ["Parser", "add_experiment", "add_until", "add_work", "parse", "parsers"]


class Parser(argparse.ArgumentParser):
    """argparse whose complaints are one line, like all others."""

    def error(self, message: str) -> NoReturn:
        raise RequestError(f"{message}; see `{self.prog} --help`")


def parse(argv: list[str]) -> argparse.Namespace:
    """Read the command line. Raises RequestError for what cannot be understood."""
    parser, commands = parsers()
    if argv and not argv[0].startswith("-") and argv[0] not in commands:
        hint = nearest(argv[0], commands) or f": expected one of {', '.join(commands)}"
        raise RequestError(f"unknown command '{argv[0]}'{hint}")
    return parser.parse_args(argv)


def parsers() -> tuple[Parser, list[str]]:
    """The parser, and the names of the commands."""
    from .. import __version__

    parser = Parser(
        prog="nnpost",
        description="Where does the network that SGD found lie in its Bayesian posterior?",
        epilog="Exit status: 0 done, 1 done but not converged, 2 the request or a file is "
        "unusable, 70 an error in nnpost itself (with a traceback), 130 interrupted.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"nnpost {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name: str, help: str, *examples: str) -> Parser:
        shown = "\n".join(["examples:", *(f"  nnpost {example}" for example in examples)])
        command = commands.add_parser(
            name,
            help=help,
            description=f"{help[0].upper()}{help[1:]}.",
            epilog=shown,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        return command

    one = add(
        "run",
        "train, temper, sample, diagnose, compare, draw and report, all in one",
        "run parabola",
        "run parabola --set network.hidden=[3] --set sample.nsteps=2000 --out chains/three.h5",
        "run --data my.csv --x t --y flux --yerr err --set network.activation=tanh",
        "run my.toml --resume",
        "run my.toml --until converged --max-seconds 300",
    )
    add_experiment(one)
    one.add_argument("--out", metavar="FILE", help="the run file (default: chains/NAME.h5)")
    one.add_argument("--figures", metavar="DIR", help="the figures (default: figures/NAME)")
    one.add_argument("--seed", metavar="N", help="the seed of everything that is random")
    one.add_argument("--resume", action="store_true", help="go on with an earlier, unfinished run")
    add_until(one)
    add_work(one)

    for name, help, *examples in (
        (
            "train",
            "train again from the data in a run file, and drop what depended on the old fits",
            "train chains/parabola.h5 --set train.restarts=1000",
        ),
        (
            "sample",
            "sample again, or further, from what is in a run file",
            "sample chains/parabola.h5 --set sample.nsteps=20000 --resume",
            "sample chains/parabola.h5 --set sample.moves=stretch",
        ),
        (
            "compare",
            "judge the chain again, compare it with the fits, and print the score card",
            "compare chains/parabola.h5",
            "compare chains/parabola.h5 --json",
            "compare chains/parabola.h5 --figures figures/parabola",
        ),
    ):
        stage = add(name, help, *examples)
        stage.add_argument("file", metavar="FILE", help="a run file")
        if name == "sample":
            stage.add_argument("--resume", action="store_true", help="keep the chain and extend it")
            add_until(stage)
        if name == "compare":
            stage.add_argument("--figures", metavar="DIR", help="draw all figures into this folder")
            stage.add_argument("--json", action="store_true", help="as one JSON object")
        add_work(stage, settings=name != "compare")

    picture = add(
        "corner",
        "draw the corner plot of a run file, with the fit and the maximum marked",
        "corner chains/reference/parabola.h5",
        "corner chains/parabola.h5 --unfolded --out raw.pdf",
    )
    picture.add_argument("file", metavar="FILE", help="a run file")
    picture.add_argument("--unfolded", action="store_true", help="the chain as it was sampled")
    picture.add_argument(
        "--out", metavar="FILE", help="a .png or .pdf file (default: figures/NAME/corner.png, .pdf)"
    )
    picture.add_argument("--quiet", action="store_true", help="print nothing but errors")

    page = add(
        "report",
        "write one HTML page with the answer, the score card and the pictures of a run file",
        "report chains/parabola.h5",
        "report chains/parabola.h5 --out parabola.html",
    )
    page.add_argument("file", metavar="FILE", help="a run file")
    page.add_argument(
        "--out", metavar="FILE", help="an .html file (default: figures/NAME/report.html)"
    )
    page.add_argument("--quiet", action="store_true", help="print nothing but errors")

    listing = add(
        "list", "list the built-in experiments, or print one as TOML", "list", "list parabola"
    )
    listing.add_argument("name", nargs="?", metavar="NAME", help="print this experiment as TOML")

    about = add(
        "info",
        "show what a run file holds",
        "info chains/parabola.h5",
        "info chains/parabola.h5 --json",
    )
    about.add_argument("file", metavar="FILE", help="a run file")
    about.add_argument("--json", action="store_true", help="as one JSON object")

    many = add(
        "units",
        "how many units? train and temper networks of many sizes on the same data",
        "units parabola --hidden 1,2,3,4",
        "units sine --hidden 2,4,6,8 --activation sigmoid,softsign --out sine-units.json",
        "units --data my.csv --x t --y flux --yerr err --hidden 1,2,3 --json",
    )
    add_experiment(many)
    many.add_argument(
        "--hidden", default="1,2,4,8,16", metavar="N,N,...", help="units (default: 1,2,4,8,16)"
    )
    many.add_argument(
        "--activation", metavar="NAME,...", help="activations (default: the experiment's)"
    )
    many.add_argument("--out", metavar="FILE", help="write the result as JSON, too")
    many.add_argument("--figures", metavar="DIR", help="the figure (default: figures/NAME)")
    many.add_argument("--seed", metavar="N", help="the seed of everything that is random")
    many.add_argument("--json", action="store_true", help="print one JSON object, not the table")
    add_work(many)

    out = add(
        "export",
        "write flat parameter vectors to a file that other programs read",
        "export chains/parabola.h5 --what map --to map.csv",
        "export chains/parabola.h5 --what samples --to samples.npz",
    )
    out.add_argument("file", metavar="FILE", help="a run file")
    out.add_argument("--what", required=True, metavar="WHAT", help="sgd, map, fits or samples")
    out.add_argument("--to", required=True, metavar="OUT", help="a .npy, .npz or .csv file")
    out.add_argument("--quiet", action="store_true", help="print nothing but errors")

    small = add(
        "thin",
        "write a small copy of a run file that keeps every N-th row of the chain",
        "thin chains/parabola.h5 --every 50 --to small.h5",
    )
    small.add_argument("file", metavar="FILE", help="a run file")
    small.add_argument("--every", required=True, type=int, metavar="N", help="rows for one kept")
    small.add_argument("--to", required=True, metavar="OUT", help="the copy, a run file")
    small.add_argument("--quiet", action="store_true", help="print nothing but errors")
    return parser, list(commands.choices)


def add_experiment(command: Parser) -> None:
    """The options that name an experiment, or data of one's own."""
    command.add_argument("experiment", nargs="?", help="a built-in experiment or a TOML file")
    command.add_argument("--data", metavar="FILE", help="data of your own: .csv, .npz or .h5")
    command.add_argument("--x", metavar="COL[,COL]", help="the columns of the inputs")
    command.add_argument("--y", metavar="COL", help="the column of the target")
    command.add_argument("--yerr", metavar="COL", help="the column of its standard deviations")


def add_until(command: Parser) -> None:
    """The options of sampling on until the chain has converged."""
    command.add_argument(
        "--until",
        metavar="converged",
        help="sample on until the verdict holds or a budget is spent",
    )
    command.add_argument(
        "--max-steps", metavar="N", type=int, help="steps of every walker in all (1,000,000)"
    )
    command.add_argument(
        "--max-seconds", metavar="S", type=float, help="seconds after the first chain (600)"
    )


def add_work(command: Parser, settings: bool = True) -> None:
    """The options of everything that computes."""
    if settings:
        command.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="SECTION.KEY=VALUE",
            help="change one setting of the experiment; may be repeated",
        )
    command.add_argument(
        "--device", default="auto", metavar="auto|cpu|cuda", help="where to compute"
    )
    command.add_argument("--quiet", action="store_true", help="print nothing but errors")
