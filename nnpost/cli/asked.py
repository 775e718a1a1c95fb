"""What the options of a command ask for, as the objects that carry it out."""

from __future__ import annotations

import argparse
import os
from itertools import product
from typing import TYPE_CHECKING

from ..common.errors import RequestError, choose

if TYPE_CHECKING:
    from ..experiment.experiment import Experiment
    from ..experiment.request import Request
    from ..sampling.until import Budget

__all__ = [
    "asked_experiment", "budget", "levels", "refuse_no_names", "refuse_onto_input", "reopened",
]  # fmt: skip

READ, WRITTEN = ("file", "experiment", "data", "test", "sweep", "folder"), ("out", "to", "figures")


def refuse_no_names(args: argparse.Namespace) -> None:
    """Refuse an empty name of a file or folder, which would stand for another one."""
    for name in (*READ, *WRITTEN):
        given = getattr(args, name, None)
        if given is not None and not str(given).strip("\0 "):
            raise RequestError(f"{name}: found an empty name, expected that of a file or folder")


def refuse_onto_input(args: argparse.Namespace) -> None:
    """Refuse to write onto a file that the same command reads, by whichever name or link."""
    for read, written in product(READ, WRITTEN):
        source, target = getattr(args, read, None), getattr(args, written, None)
        if source and target and _same(source, target):
            raise RequestError(
                f"{target} is what the command reads, which would be lost: choose another file "
                f"for --{written}"
            )


def _same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):  # one of them is not there, or is no name at all
        return False


def asked_experiment(args: argparse.Namespace) -> Experiment:
    """The experiment that the options of ``run`` describe."""
    from dataclasses import replace
    from pathlib import Path

    from ..experiment.experiment import Experiment, load_experiment

    columns = [name for name in ("x", "y", "yerr") if getattr(args, name) is not None]
    if args.drop_missing and args.data is None:
        raise RequestError("--drop-missing goes with --data FILE; in TOML it is data.drop_missing")
    if args.data is None:
        if columns:
            raise RequestError(f"--{columns[0]} names a column, but there is no --data FILE")
        if args.experiment is None:
            raise RequestError(
                f"{args.command}: name an experiment (see `nnpost list`), or give --data FILE"
            )
        experiment = load_experiment(args.experiment)
    else:
        for name in ("x", "y"):
            if getattr(args, name) is None:
                raise RequestError(f"--{name} is missing: name the column of {args.data}")
        experiment = load_experiment(args.experiment) if args.experiment else Experiment()
        experiment = experiment.with_data(
            args.data, args.x.split(","), args.y.split(","), args.yerr, args.drop_missing
        )
    named = {"seed": args.seed, "data.test": getattr(args, "test", None)}
    more = [f"{key}={value}" for key, value in named.items() if value is not None]
    experiment = experiment.with_settings([*args.set, *more])
    named_after = args.out or args.data  # a built-in's own run file is not for other data
    return replace(experiment, name=Path(named_after).stem) if named_after else experiment


def reopened(
    args: argparse.Namespace, line: str, sections: list[str], resume: bool = False
) -> Request:
    """What a stage that is run alone works on; it may change the settings of ``sections``."""
    from ..experiment import request

    return request.reopen(
        args.file,
        settings=getattr(args, "set", []),
        sections=sections,
        figures=getattr(args, "figures", None),
        resume=resume,
        device=args.device,
        command=line,
        progress=not args.quiet,
        budget=budget(args),
        detail=args.detail,
        limit=not args.no_limit,
    )


def budget(args: argparse.Namespace, usual: Budget | None = None) -> Budget | None:
    """What ``--until converged`` may spend; ``usual``, or None, where it is not asked for."""
    steps, seconds = getattr(args, "max_steps", None), getattr(args, "max_seconds", None)
    if getattr(args, "until", None) is None and usual is None:
        if steps is not None or seconds is not None:
            raise RequestError("--max-steps and --max-seconds go with --until converged")
        return None
    from ..sampling.until import Budget

    if args.until is not None:
        choose("--until", args.until, ["converged"])
    usual = usual or Budget()
    return Budget(
        usual.steps if steps is None else steps, usual.seconds if seconds is None else seconds
    )


def levels(args: argparse.Namespace) -> list[float]:
    """What ``--quantiles`` lists; none where it is not given."""
    if args.quantiles is None:
        return []
    try:
        return [float(level) for level in args.quantiles.split(",")]
    except ValueError:
        raise RequestError(
            f"--quantiles: found {args.quantiles}, expected levels such as 0.05,0.5,0.95"
        ) from None
