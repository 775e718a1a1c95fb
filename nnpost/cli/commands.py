"""The commands: parse, call, print. What they take is in parser.py, under the same names.

Nothing is computed here. Exit status: 0 done, 1 done but not converged, 2 the request or a file is
unusable (one line on stderr), 70 an error in nnpost itself (a traceback), 130 interrupted, 143 by
SIGTERM, 129 by SIGHUP.
"""

from __future__ import annotations

import argparse
import gc
import os
import shlex
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from ..common.colours import coloured
from ..common.errors import Interrupted, RequestError
from .asked import (
    asked_experiment,
    budget,
    levels,
    refuse_no_names,
    refuse_onto_input,
    reopened,
)
from .parser import parse
from .signals import end, ending_signals, exit_status

if TYPE_CHECKING:
    from ..comparison.effort import Detail
    from ..experiment.stages import Outcome
    from ..sweep.grid import Sweep
    from ..sweep.sweep import Failure
    from ..sweep.table import SweepTable

__all__ = ["COMMANDS", "entry", "main", "run"]

LONGEST = 2000  # characters of what is said of an error
LIVING = 100_000  # objects more, before any are looked at
DONE, NOT_CONVERGED, UNUSABLE, INTERNAL = 0, 1, 2, 70


def entry() -> NoReturn:
    """The ``nnpost`` command, a process of its own.

    Packages and figures are many small objects that live on: garbage is looked for among them
    less often than Python does by default.
    """
    ending_signals()
    gc.set_threshold(LIVING)
    end(main())


def main(argv: Sequence[str] | None = None, detail: Detail | None = None) -> int:
    """Carry out one command and return its exit status.

    ``detail`` says how much work goes into a comparison; None for the usual.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        args = parse(given or ["--help"])
        refuse_no_names(args)
        refuse_onto_input(args)
        args.detail = detail
        return carry_out(args, shlex.join(["nnpost", *given]))
    except RequestError as error:
        return fail(str(error))
    except BrokenPipeError:
        # Whoever read our output has left; there is nobody to tell, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return fail(f"{where}{error.strerror or error}; check the path and the room on the disk")
    except Exception:
        # Python's own status for this is 1, which here means done but not converged.
        traceback.print_exc()
        return INTERNAL


def carry_out(args: argparse.Namespace, line: str) -> int:
    """Call the command, and say what an interrupt has left; ``line`` is as it was typed."""
    try:
        return COMMANDS[args.command](args, line)
    except KeyboardInterrupt as interrupt:
        with suppress(OSError):  # the terminal may be gone
            print(f"nnpost: {what_was_kept(interrupt, args, line)}", file=sys.stderr)
        return exit_status()


def what_was_kept(interrupt: KeyboardInterrupt, args: argparse.Namespace, line: str) -> str:
    """One line: the stage of the interrupt, and how to go on from what is in the run file."""
    if not isinstance(interrupt, Interrupted):
        return "interrupted"
    where = f"interrupted during {interrupt.stage}"
    if not interrupt.kept:
        return f"{where}; nothing was kept"
    asks = not interrupt.resume or getattr(args, "resume", True)
    again = line if asks else f"{line} --resume"
    return f"{where}; what was finished before is kept, go on with: {again}"


def fail(message: str) -> int:
    """One line on stderr, whatever the message holds, of a length that can be read."""
    line = " ".join(message.split())
    line = line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} … {line[-LONGEST // 2 :]}"
    print(coloured(f"nnpost: {line}", sys.stderr), file=sys.stderr)
    return UNUSABLE


# The commands, each (args, the line as it was typed) -> exit status.


def run(args: argparse.Namespace, line: str) -> int:
    from ..experiment import request, stages

    experiment = asked_experiment(args)
    asked = request.make_request(
        experiment,
        path=args.out,
        figures=False if args.no_figures else args.figures,
        resume=args.resume,
        device=args.device,
        command=line,
        progress=not args.quiet,
        budget=budget(args, request.usual_budget(experiment)),
        detail=args.detail,
        limit=not args.no_limit,
    )
    outcome = stages.run_all(asked)
    print_unless_quiet(args, str(outcome))
    return status(outcome)


def train(args: argparse.Namespace, line: str) -> int:
    from ..experiment import stages

    fits = stages.train_again(reopened(args, line, ["train"]))
    print_unless_quiet(args, str(fits))
    return DONE


def sample(args: argparse.Namespace, line: str) -> int:
    from ..experiment import stages

    outcome = stages.sample_again(reopened(args, line, ["sample", "temper"], args.resume))
    print_unless_quiet(args, str(outcome))
    return status(outcome)


def compare(args: argparse.Namespace, line: str) -> int:
    from ..experiment import stages
    from ..report import info

    outcome = stages.compare_again(reopened(args, line, []))
    text = json_text(info.summarise(outcome.path)) if args.json else str(outcome)
    print_unless_quiet(args, text)
    return status(outcome)


def corner(args: argparse.Namespace, line: str) -> int:
    from ..experiment import pictures

    files = pictures.write_corner(
        args.file,
        args.out,
        args.parameters,
        unfolded=args.unfolded,
        quantiles=levels(args),
        titles=args.titles,
    )
    print_unless_quiet(args, "\n".join(map(str, files)))
    return DONE


def report(args: argparse.Namespace, line: str) -> int:
    from ..experiment import pictures

    files = pictures.write_report_of(args.file, args.out, args.interactive)
    print_unless_quiet(args, "\n".join(map(str, files)))
    return DONE


def list_(args: argparse.Namespace, line: str) -> int:
    from ..experiment.experiment import builtin_text, builtins

    if args.name:
        print(builtin_text(args.name), end="")
        return DONE
    known = builtins()
    wide = max(map(len, known))
    for name, description in known.items():
        print(f"{name:<{wide}}  {description}")
    return DONE


def settings(args: argparse.Namespace, line: str) -> int:
    from ..experiment import settings_pages

    if args.json:
        print(json_text(settings_pages.json_schema(args.section)))
    elif args.markdown:
        print(settings_pages.markdown_page(), end="")
    else:
        sections = settings_pages.sections_named(args.section)
        print("\n\n".join(map(settings_pages.text_table, sections)))
    return DONE


def info(args: argparse.Namespace, line: str) -> int:
    if args.system:
        return _info_system(args)
    from ..report import info

    if args.json:
        print(json_text(info.summarise(args.file)))
    else:
        print(info.table(info.overview(args.file)))
    return DONE


def _info_system(args: argparse.Namespace) -> int:
    from ..report import system

    found = system.overview()
    print(json_text(found) if args.json else system.table(found))
    return DONE


def units(args: argparse.Namespace, line: str) -> int:
    from ..experiment import scan_sizes

    kinds = None if args.activation is None else args.activation.split(",")
    out = None if args.out is None else scan_sizes.writable(args.out)
    experiment, sizes = asked_experiment(args), scan_sizes.sizes_of(args.hidden)
    folder = scan_sizes.figures_folder(args.figures or f"figures/{experiment.file_name}")
    found = scan_sizes.scan_experiment(
        experiment, sizes, kinds, args.device, not args.quiet, not args.no_limit
    )
    if out is not None:
        out.write_text(scan_sizes.as_json(found) + "\n", "utf-8")
    files = scan_sizes.write_figure(found, folder)
    shown = [str(found), "", *(f"figure    {file}" for file in files)]
    if args.json:
        print(scan_sizes.as_json(found))
    else:
        print_unless_quiet(args, "\n".join(shown))
    return DONE if found.trusted else NOT_CONVERGED


def sweep(args: argparse.Namespace, line: str) -> int:
    from ..sweep.cluster import Workers
    from ..sweep.grid import load_sweep
    from ..sweep.sweep import run_sweep
    from ..sweep.table import gather

    workers = Workers(args.scheduler, args.workers, args.threads)
    asked = load_sweep(args.sweep, args.set, args.out)
    failed = run_sweep(
        asked,
        workers,
        device=args.device,
        command=line,
        progress=not args.quiet,
        detail=args.detail,
        limit=not args.no_limit,
    )
    found = gather(asked.folder, [cell.name for cell in asked.cells])
    print_unless_quiet(args, f"{found}\n\ncells     {asked.folder}")
    return _status_of_sweep(asked, failed, found)


def _status_of_sweep(asked: Sweep, failed: Mapping[str, Failure], found: SweepTable) -> int:
    """One failed cell is told on stderr, whatever else is told of all of them."""
    if not failed:
        done = all(row["verdict"] == "converged" for row in found.rows)
        return DONE if done else NOT_CONVERGED
    name, first = next(iter(failed.items()))
    print(first.details, end="", file=sys.stderr)
    fail(
        f"{len(failed)} of {len(asked.cells)} cells failed, {name}: {first.message}; the others "
        f"are kept, `nnpost table {asked.folder}` shows all"
    )
    return INTERNAL if any(one.details for one in failed.values()) else UNUSABLE


def table(args: argparse.Namespace, line: str) -> int:
    from ..sweep.table import as_json, gather, write_table

    found = gather(args.folder)
    if args.out is not None:
        write_table(found, args.out)
    print_unless_quiet(args, json_text(as_json(found)) if args.json else str(found))
    return DONE


def export(args: argparse.Namespace, line: str) -> int:
    from ..report.export import export as write

    print_unless_quiet(args, write(args.file, args.what, args.to, args.unfolded))
    return DONE


def predict(args: argparse.Namespace, line: str) -> int:
    from ..report.predictions import write_predictions

    text = write_predictions(args.file, args.data, args.to, levels(args), args.draws)
    if not args.quiet:
        print(text, file=sys.stderr if args.to == "-" else sys.stdout)
    return DONE


def thin(args: argparse.Namespace, line: str) -> int:
    from ..storage.read_chain import thinned_copy

    thinned_copy(args.file, args.to, args.every)
    print_unless_quiet(args, f"{args.to}: one row in {args.every:,} of {args.file}")
    return DONE


def completion(args: argparse.Namespace, line: str) -> int:
    from .completion import script

    print(script(args.shell), end="")
    return DONE


COMMANDS: dict[str, Callable[[argparse.Namespace, str], int]] = {
    "run": run,
    "train": train,
    "sample": sample,
    "compare": compare,
    "corner": corner,
    "report": report,
    "list": list_,
    "settings": settings,
    "info": info,
    "units": units,
    "sweep": sweep,
    "table": table,
    "export": export,
    "predict": predict,
    "thin": thin,
    "completion": completion,
}


def status(outcome: Outcome) -> int:
    return DONE if outcome.run.verdict.converged else NOT_CONVERGED


def json_text(found: Any) -> str:
    """Plain values as JSON; --help and list need nothing of it."""
    from ..report.beside import json_text

    return json_text(found)


def print_unless_quiet(args: argparse.Namespace, text: str) -> None:
    if not args.quiet:
        print(coloured(text, sys.stdout))
