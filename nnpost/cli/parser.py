"""The command line: which commands there are, their options, and their help.

A command NAME is the function NAME here, which says what it takes, and the function NAME in
commands.py, which carries it out. Options that several share are in options.py.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from ..common.errors import RequestError, nearest
from .options import Parser, add_experiment, add_file, add_quiet, add_set, add_until, add_work

__all__ = ["FILES", "FOLDERS", "PARSERS", "make_parser", "parse"]


FILES, FOLDERS = ("FILE", "OUT", "NEW", "SWEEP.toml"), ("DIR",)  # metavars that a shell completes


AddOptions = Callable[[Parser], None]


@dataclass(frozen=True)
class Command:
    """What ``nnpost NAME --help`` says, and what adds the options of NAME to its parser."""

    help: str
    examples: tuple[str, ...]
    add_options: AddOptions


PARSERS: dict[str, Command] = {}  # in the order in which `nnpost --help` lists them


def command(help: str, *examples: str) -> Callable[[AddOptions], AddOptions]:
    """Enter a function that adds options as the command of its name, with at least one example."""

    def enter(add_options: AddOptions) -> AddOptions:
        name = add_options.__name__.rstrip("_")  # list_ leaves Python's own list alone
        PARSERS[name] = Command(help, examples, add_options)
        return add_options

    return enter


def parse(argv: list[str]) -> argparse.Namespace:
    """Read the command line. Raises RequestError for what cannot be understood."""
    if argv and not argv[0].startswith("-") and argv[0] not in PARSERS:
        hint = nearest(argv[0], PARSERS) or f": expected one of {', '.join(PARSERS)}"
        raise RequestError(f"unknown command '{argv[0]}'{hint}")
    return make_parser().parse_args(argv)


def make_parser() -> Parser:
    """The parser of ``nnpost``, with one of its own for every command."""
    from .. import __version__

    parser = Parser(
        prog="nnpost",
        description="Where does the network that SGD found lie in its Bayesian posterior?",
        epilog="Exit status: 0 done, 1 done but not converged, 2 the request or a file is "
        "unusable, 70 an error in nnpost itself (with a traceback), 130 interrupted (143 by "
        "SIGTERM, 129 by SIGHUP).",
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="version", version=f"nnpost {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, about in PARSERS.items():
        own = commands.add_parser(
            name,
            help=about.help,
            description=f"{about.help[0].upper()}{about.help[1:]}.",
            epilog="\n".join(["examples:", *(f"  nnpost {example}" for example in about.examples)]),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        about.add_options(own)
        parser.commands.append(own)
    return parser


# The commands.


@command(
    "train, temper, sample, diagnose, compare, draw and report, all in one",
    "run parabola",
    "run parabola --set network.hidden=[3] --set sample.nsteps=2000 --out chains/three.h5",
    "run --data my.csv --x t --y flux --yerr err --set network.activation=tanh",
    "run --data my.csv --x t --y flux --test 0.2",
    "run my.toml --resume",
    "run - --out chains/mine.h5",
    "run my.toml --until converged --max-seconds 300",
)
def run(parser: Parser) -> None:
    add_experiment(parser)
    parser.add_argument(
        "--test",
        metavar="SHARE|FILE",
        help="points to hold out and to score predictions on: a share, or another file",
    )
    parser.add_argument(
        "-o", "--out", metavar="FILE", help="the run file (default: chains/NAME.h5)"
    )
    pictures = parser.add_mutually_exclusive_group()
    parser.arguments.append(
        pictures.add_argument("--figures", metavar="DIR", help="default: figures/NAME")
    )
    pictures.add_argument("--no-figures", action="store_true", help="draw nothing, write no report")
    parser.add_argument("--seed", metavar="N", help="the seed of everything that is random")
    parser.add_argument(
        "--resume", action="store_true", help="go on with an earlier, unfinished run"
    )
    add_until(parser)
    add_set(parser)
    add_work(parser)


@command(
    "train again from the data in a run file, and drop what depended on the old fits",
    "train chains/parabola.h5 --set train.restarts=1000",
)
def train(parser: Parser) -> None:
    add_file(parser)
    add_set(parser)
    add_work(parser)


@command(
    "sample again, or further, from what is in a run file",
    "sample chains/parabola.h5 --set sample.nsteps=20000 --resume",
    "sample chains/parabola.h5 --set sample.moves=stretch",
)
def sample(parser: Parser) -> None:
    add_file(parser)
    parser.add_argument("--resume", action="store_true", help="keep the chain and extend it")
    add_until(parser)
    add_set(parser)
    add_work(parser)


@command(
    "judge the chain again, compare it with the fits, and print the score card",
    "compare chains/parabola.h5",
    "compare chains/parabola.h5 --json",
    "compare chains/parabola.h5 --figures figures/parabola",
)
def compare(parser: Parser) -> None:
    add_file(parser)
    parser.add_argument("--figures", metavar="DIR", help="draw all figures into this folder")
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    add_work(parser)


@command(
    "draw the corner plot of a run file, with the fit and the maximum marked",
    "corner chains/reference/parabola.h5",
    "corner chains/parabola.h5 --unfolded --out raw.pdf",
    "corner chains/parabola.h5 --parameters w1,b1,a1 --quantiles 0.16,0.5,0.84 --titles",
)
def corner(parser: Parser) -> None:
    add_file(parser)
    parser.add_argument(
        "--parameters",
        metavar="NAME,...",
        help="which to draw, by name (w1, b1, a1, c) or by number from 0 (default: all, or as many "
        "whole units as make at most 12)",
    )
    parser.add_argument(
        "--quantiles", metavar="P,P,...", help="dashed lines in the histograms (default: none)"
    )
    parser.add_argument(
        "--titles",
        action="store_true",
        help="write median and 16 and 84 %% quantiles (or the three quantiles asked for) above "
        "the histograms",
    )
    parser.add_argument(
        "--unfolded", action="store_true", help="all as found, not folded to one copy"
    )
    parser.add_argument(
        "-o",
        "--out",
        metavar="FILE",
        help="a .png or .pdf file (default: figures/NAME/corner.png, .pdf)",
    )
    add_quiet(parser)


@command(
    "write one HTML page with the answer, the score card and the pictures of a run file",
    "report chains/parabola.h5",
    "report chains/parabola.h5 --out parabola.html",
    "report chains/parabola.h5 --interactive",
)
def report(parser: Parser) -> None:
    add_file(parser)
    parser.add_argument(
        "-o", "--out", metavar="FILE", help="an .html file (default: figures/NAME/report.html)"
    )
    parser.add_argument(
        "--interactive",
        action="store_true",
        help="a second page, too, with pictures to zoom into (needs nnpost[interactive])",
    )
    add_quiet(parser)


@command("list the built-in experiments, or print one as TOML", "list", "list parabola")
def list_(parser: Parser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="print this experiment as TOML")


@command(
    "show every setting of an experiment: what it accepts, its default and its meaning",
    "settings",
    "settings sample",
    "settings --json",
)
def settings(parser: Parser) -> None:
    parser.add_argument("section", nargs="?", metavar="SECTION", help="those of this section alone")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="a JSON schema, for editors")
    form.add_argument("--markdown", action="store_true", help="the page of the documentation")


@command(
    "show what a run file holds, or what computes on this machine",
    "info chains/parabola.h5",
    "info chains/parabola.h5 --json",
    "info --system",
)
def info(parser: Parser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    parser.arguments.append(what.add_argument("file", nargs="?", metavar="FILE", help="a run file"))
    what.add_argument(
        "--system", action="store_true", help="versions, devices, and what computes the densities"
    )
    parser.add_argument("--json", action="store_true", help="as one JSON object")


@command(
    "how many units? train and temper networks of many sizes on the same data",
    "units parabola --hidden 1,2,3,4",
    "units sine --hidden 2,4,6,8 --activation sigmoid,softsign --out sine-units.json",
    "units --data my.csv --x t --y flux --yerr err --hidden 1,2,3 --json",
)
def units(parser: Parser) -> None:
    add_experiment(parser)
    parser.add_argument(
        "--hidden", default="1,2,4,8,16", metavar="N,N,...", help="units (default: 1,2,4,8,16)"
    )
    parser.add_argument(
        "--activation", metavar="NAME,...", help="activations (default: the experiment's)"
    )
    parser.add_argument("-o", "--out", metavar="FILE", help="write the result as JSON, too")
    parser.add_argument("--figures", metavar="DIR", help="the figure (default: figures/NAME)")
    parser.add_argument("--seed", metavar="N", help="the seed of everything that is random")
    parser.add_argument("--json", action="store_true", help="print one JSON object, not the table")
    add_set(parser)
    add_work(parser)


@command(
    "run a grid of experiments, side by side, on this machine or a Dask cluster",
    "sweep sweep.toml",
    "sweep sweep.toml --set sample.nsteps=500 --out chains/quick",
    "sweep sweep.toml --workers 4 --threads 2",
    "sweep sweep.toml --scheduler tcp://10.0.0.1:8786",
)
def sweep(parser: Parser) -> None:
    parser.add_argument("sweep", metavar="SWEEP.toml", help="an experiment with a section [sweep]")
    parser.add_argument("-o", "--out", metavar="DIR", help="the cells (default: chains/NAME)")
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a Dask cluster (default: processes of our own)"
    )
    parser.add_argument("--workers", metavar="N", type=int, help="processes (default: one a core)")
    parser.add_argument(
        "--threads", metavar="N", type=int, help="threads of each process (default: 1)"
    )
    add_set(parser)
    add_work(parser)


@command(
    "show what a sweep has found, one row a cell, or write it to a file",
    "table chains/sweep",
    "table chains/sweep --out sweep.csv",
    "table chains/sweep --out sweep.parquet",
    "table chains/sweep --json",
)
def table(parser: Parser) -> None:
    parser.add_argument("folder", metavar="DIR", help="the folder that a sweep has written")
    parser.add_argument("-o", "--out", metavar="FILE", help="write a .csv or .parquet file, too")
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    add_quiet(parser)


@command(
    "write flat parameter vectors to a file that other programs read",
    "export chains/parabola.h5 --what map --to map.csv",
    "export chains/parabola.h5 --what samples --to samples.npz",
    "export chains/parabola.h5 --what samples --unfolded --to raw.npz",
)
def export(parser: Parser) -> None:
    add_file(parser)
    parser.add_argument("--what", required=True, metavar="WHAT", help="sgd, map, fits or samples")
    parser.add_argument("--to", required=True, metavar="OUT", help="a .npy, .npz or .csv file")
    parser.add_argument(
        "--unfolded", action="store_true", help="as found, not in the copy of tables and figures"
    )
    add_quiet(parser)


@command(
    "predict at new inputs: posterior mean, sd and quantiles, beside SGD, MAP and all restarts",
    "predict chains/my.h5 --data new.csv --to predictions.csv",
    "predict chains/my.h5 --data new.csv --quantiles 0.025,0.975 --to -",
    "predict chains/my.h5 --data new.csv --draws 1000 --to predictions.npz",
)
def predict(parser: Parser) -> None:
    add_file(parser)
    parser.add_argument(
        "--data",
        required=True,
        metavar="NEW",
        help="a file with the columns of the run's inputs, and of yerr if its data brought errors",
    )
    parser.add_argument(
        "--to", required=True, metavar="OUT", help="a .csv or .npz file, or - for CSV on stdout"
    )
    parser.add_argument(
        "--quantiles", default="0.05,0.5,0.95", metavar="P,P,...", help="(default: 0.05,0.5,0.95)"
    )
    parser.add_argument(
        "--draws", default=0, type=int, metavar="N", help="keep N draws, too, in the .npz file"
    )
    add_quiet(parser)


@command(
    "write a small copy of a run file that keeps every N-th row of the chain",
    "thin chains/parabola.h5 --every 50 --to small.h5",
)
def thin(parser: Parser) -> None:
    add_file(parser)
    parser.add_argument("--every", required=True, type=int, metavar="N", help="rows for one kept")
    parser.add_argument("--to", required=True, metavar="OUT", help="the copy, a run file")
    add_quiet(parser)


@command(
    "print what a shell needs to complete command lines: bash, zsh or tcsh",
    "completion bash",
)
def completion(parser: Parser) -> None:
    parser.add_argument("shell", metavar="SHELL", help="bash, zsh or tcsh")


# Options that several commands take.
