"""How often is a verdict wrong? Posteriors that are made to mislead, with known truth.

    python benchmarks/adversary.py [--cases WORD,WORD] [--seeds 0,1,2,3,4] [--jobs 2]
                                   [--results FILE] [--fresh] [--write]

Every case of adversary_cases.py is trained, tempered and sampled as `nnpost.train` and
`nnpost.sample` do by themselves, from each seed, and held against what adversary_truth.py knows. A
chain is *off* where the posterior mean of the network's output at one of five inputs is more than
four standard errors from the truth, and log Z likewise; errors are those of the chain's effective
draws and of the truth together. It is *usable* where it is not off and no mean is more than a fifth
of the posterior's standard deviation away. Counted are chains that are called converged and are
off, log Z that is trusted and off, and chains that are usable and are not called converged.

What is done is kept in the results file after every run and not done again, unless with --fresh;
--cases takes those whose name or family has one of the words. --write puts the table into
docs/exactness.md.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
from adversary_cases import CASES, Case
from adversary_truth import Truth, find_truth

import nnpost
from nnpost.diagnostics.mixing import effective_size

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "adversary.json"
PAGE = ROOT / "docs" / "exactness.md"
MARKS = ("<!-- adversary -->", "<!-- end of adversary -->")
RESTARTS, EPOCHS, NSTEPS = 64, 300, 2000
ERRORS, USABLE = 4.0, 0.2  # standard errors, and standard deviations of the posterior


def truth_of(case: Case) -> dict[str, Any]:
    """What is known of a case, as JSON keeps it."""
    post = case.build()
    return find_truth(post, case.places(post)).to_tree()


def run_case(case: Case, seed: int, truth: Mapping[str, Any]) -> dict[str, Any]:
    """One run beside the truth."""
    post, known, began = case.build(), Truth(**truth), time.perf_counter()
    fits = nnpost.train(post, restarts=RESTARTS, epochs=EPOCHS, seed=seed)
    run = nnpost.sample(post, nsteps=NSTEPS, seed=seed, fits=fits)
    f = post.predict(run.get_chain(discard=run.burnin), case.places(post))
    mean, sd = f.mean(axis=(0, 1)), f.std(axis=(0, 1))
    error = sd / np.sqrt(effective_size(f, run.ensembles))
    gap = np.abs(mean - known.mean)
    z = gap / np.hypot(error, known.mean_error)
    verdict, tempering = run.verdict, run.tempering
    z_log = math.nan
    if tempering is not None:
        both = math.hypot(tempering.error, known.log_z_error)
        z_log = abs(tempering.log_evidence - known.log_z) / max(both, 1e-9)
    return {
        "converged": verdict.converged,
        "trusted": verdict.evidence_trusted,
        "z": float(z.max()),
        "sds": float((gap / sd).max()),
        "z_log_z": None if math.isnan(z_log) else z_log,
        "log_z": None if tempering is None else tempering.log_evidence,
        "reasons": [*verdict.reasons, *verdict.evidence_reasons],
        "notes": list(verdict.notes),
        "seconds": time.perf_counter() - began,
    }


def is_off(row: Mapping[str, Any]) -> bool:
    """Whether a chain's means are not the truth's, by its own errors."""
    return bool(row["z"] > ERRORS)


def is_usable(row: Mapping[str, Any]) -> bool:
    """Whether a chain is right, and good for something."""
    return not is_off(row) and bool(row["sds"] < USABLE)


def count(rows: list[Mapping[str, Any]]) -> dict[str, int]:
    """The numbers of the table, of some runs."""
    trusted = [row for row in rows if row["trusted"]]
    usable = [row for row in rows if is_usable(row)]
    return {
        "runs": len(rows),
        "converged": sum(row["converged"] for row in rows),
        "converged, off": sum(row["converged"] and is_off(row) for row in rows),
        "usable": len(usable),
        "usable, not converged": sum(not row["converged"] for row in usable),
        "log Z trusted": len(trusted),
        "trusted, off": sum((row["z_log_z"] or 0) > ERRORS for row in trusted),
    }


def table(kept: Mapping[str, Any]) -> Iterator[str]:
    """Markdown: a row a family, and all together."""
    heads = list(count([]))
    yield "| family | posteriors | " + " | ".join(heads) + " |"
    yield "| --- | ---: |" + " ---: |" * len(heads)
    families = list(dict.fromkeys(case.family for case in CASES))
    for family in [*families, "all"]:
        names = [c.name for c in CASES if family in (c.family, "all") and c.name in kept]
        rows = [row for name in names for row in kept[name]["runs"].values()]
        numbers = " | ".join(str(n) for n in count(rows).values())
        yield f"| {family} | {len(names)} | {numbers} |"


def wanted(words: str) -> list[Case]:
    """Cases by words of their names or families; all of them by none."""
    some = [word for word in words.split(",") if word]
    return [c for c in CASES if not some or any(w in f"{c.name} {c.family}" for w in some)]


def save(file: Path, kept: Mapping[str, Any]) -> None:
    """Write the results whole."""
    part = file.with_suffix(".part")
    part.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", "utf-8")
    os.replace(part, file)


def go_on(cases: list[Case], seeds: list[int], jobs: int, file: Path, kept: dict[str, Any]) -> None:
    """Everything that is missing in ``kept``; truths first."""
    with ProcessPoolExecutor(jobs) as pool:
        unknown = {pool.submit(truth_of, c): c for c in cases if c.name not in kept}
        for done in as_completed(unknown):
            case = unknown[done]
            kept[case.name] = {"family": case.family, "truth": done.result(), "runs": {}}
            print(f"{case.name}: log Z {kept[case.name]['truth']['log_z']:.3f}", flush=True)
            save(file, kept)
        left = {
            pool.submit(run_case, c, seed, kept[c.name]["truth"]): (c, seed)
            for seed in seeds
            for c in cases
            if str(seed) not in kept[c.name]["runs"]
        }
        for done in as_completed(left):
            case, seed = left[done]
            row = done.result()
            kept[case.name]["runs"][str(seed)] = row
            save(file, kept)
            words = "converged" if row["converged"] else "not converged"
            words += ", OFF" * is_off(row) + ", log Z OFF" * ((row["z_log_z"] or 0) > ERRORS)
            words += {True: ", log Z trusted", False: ", log Z not trusted", None: ""}[
                row["trusted"]
            ]
            print(f"{case.name}, seed {seed}: {words} (z {row['z']:.1f}, {row['sds']:.2f} sd, "
                  f"{row['seconds']:.1f} s)", flush=True)  # fmt: skip


def write_page(kept: Mapping[str, Any]) -> None:
    """The table, between its marks in docs/exactness.md."""
    text = PAGE.read_text("utf-8")
    before, _, rest = text.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    lines = "\n".join(table(kept))
    PAGE.write_text(f"{before}{MARKS[0]}\n{lines}\n{MARKS[1]}{after}", "utf-8")


def main() -> None:
    """Run what is asked for and print the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--cases", default="", help="words of names or families")
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--fresh", action="store_true", help="do again what is there")
    parser.add_argument("--write", action="store_true", help="put the table into the page")
    asked = parser.parse_args()
    cases, kept = wanted(asked.cases), {}
    if asked.results.exists():
        kept = json.loads(asked.results.read_text("utf-8"))
    if asked.fresh:
        kept = {name: one for name, one in kept.items() if name not in {c.name for c in cases}}
    go_on(cases, [int(s) for s in asked.seeds.split(",")], asked.jobs, asked.results, kept)
    print("\n".join(table(kept)))
    if asked.write:
        write_page(kept)


if __name__ == "__main__":
    main()
