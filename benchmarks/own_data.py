"""Tables as people have them, one command each, beside what they would otherwise use.

Data sets that ship with scikit-learn and statsmodels, in raw units, a fifth of the rows held out
by a fixed seed. Each is given to `nnpost run --data … --test …` with nothing set but, for classes,
their likelihood; no advice is followed. Beside it stand scikit-learn's GaussianProcessRegressor
(radial kernel, a length for each input, and noise; inputs and target standardised) and
LogisticRegression (inputs standardised) on the same rows. The score is the mean log predictive
density of the rows held out (LPPD), of y in units of the file; the gain is a mean over the
same rows, with its standard error.

    python benchmarks/own_data.py --write              # all of them, some 40 minutes
    python benchmarks/own_data.py --data nile iris     # some

What is found is kept in benchmarks/results/own_data.json; the table goes into docs/own-data.md. Run
files stay in chains/own-data/.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from page import RESULTS, ROOT, keep, put, table

from nnpost.comparison.held_out import HeldOut
from nnpost.storage.results import read_stage

PAGE = ROOT / "docs" / "own-data.md"
RUNS = ROOT / "chains" / "own-data"
HELD_OUT = 0.2


@dataclass(frozen=True)
class Case:
    """A table of inputs and a target, and the likelihood where it is one of classes."""

    rows: Callable[[], tuple[np.ndarray, np.ndarray]]  # x (n, d), y (n,)
    classes: str | None = None


def of_sklearn(name: str) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
    def rows() -> tuple[np.ndarray, np.ndarray]:
        from sklearn import datasets

        found = getattr(datasets, f"load_{name}")()
        return found.data, found.target

    return rows


def of_statsmodels(
    name: str, x: tuple[str, ...], y: str
) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
    def rows() -> tuple[np.ndarray, np.ndarray]:
        from importlib import import_module

        frame = import_module(f"statsmodels.datasets.{name}").load_pandas().data
        frame = frame.reset_index(names="row").dropna()
        return frame[list(x)].to_numpy(float), frame[y].to_numpy(float)

    return rows


def co2() -> tuple[np.ndarray, np.ndarray]:
    """Weeks of carbon dioxide over Mauna Loa, of every eighth, by the year."""
    from statsmodels.datasets import co2 as source

    frame = source.load_pandas().data.dropna().iloc[::8]
    year = frame.index.year + (frame.index.dayofyear - 1) / 365.25
    return year.to_numpy(float)[:, None], frame["co2"].to_numpy(float)


def elnino() -> tuple[np.ndarray, np.ndarray]:
    """Sea surface temperatures by year and month."""
    from statsmodels.datasets import elnino as source

    frame = source.load_pandas().data
    months = frame.drop(columns="YEAR").to_numpy(float)
    x = [(year, month) for year in frame["YEAR"] for month in range(1, 13)]
    return np.array(x, dtype=float), months.ravel()


LONGLEY = ("GNPDEFL", "GNP", "UNEMP", "ARMED", "POP", "YEAR")
CASES = {
    "diabetes": Case(of_sklearn("diabetes")),
    "longley": Case(of_statsmodels("longley", LONGLEY, "TOTEMP")),
    "engel": Case(of_statsmodels("engel", ("income",), "foodexp")),
    "nile": Case(of_statsmodels("nile", ("year",), "volume")),
    "co2": Case(co2),
    "elnino": Case(elnino),
    "iris": Case(of_sklearn("iris"), "categorical"),
    "wine": Case(of_sklearn("wine"), "categorical"),
    "breast_cancer": Case(of_sklearn("breast_cancer"), "bernoulli"),
}


def divided(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x and y to fit, x and y held out."""
    x, y = case.rows()
    order = np.random.default_rng(0).permutation(len(y))
    out, fitted = np.split(order, [max(2, round(HELD_OUT * len(y)))])
    return x[fitted], y[fitted], x[out], y[out]


def other(
    case: Case, x: np.ndarray, y: np.ndarray, new: np.ndarray, truth: np.ndarray
) -> np.ndarray:
    """The log predictive density of every row by the Gaussian process, or the logistic
    regression."""
    from scipy.stats import norm
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if case.classes:
        known = make_pipeline(StandardScaler(), LogisticRegression(max_iter=10_000)).fit(x, y)
        return np.asarray(known.predict_log_proba(new)[np.arange(len(new)), truth.astype(int)])
    kernel = ConstantKernel() * RBF(np.ones(x.shape[1])) + WhiteKernel()
    process = GaussianProcessRegressor(
        kernel, normalize_y=True, n_restarts_optimizer=3, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of hyperparameters at the end of their range
        known = make_pipeline(StandardScaler(), process).fit(x, y)
        mean, sd = known.predict(new, return_std=True)
    return np.asarray(norm(mean, sd).logpdf(truth))


def run_file(name: str) -> Path:
    """Of the run of one table."""
    return RUNS / f"{name}.h5"


def ours(case: Case, parts: tuple[np.ndarray, ...], name: str) -> dict[str, Any]:
    """One command, and what it found."""
    RUNS.mkdir(parents=True, exist_ok=True)
    columns = [f"x{k + 1}" for k in range(parts[0].shape[1])]
    files = RUNS / f"{name}.csv", RUNS / f"{name}-held-out.csv"
    for file, x, y in ((files[0], *parts[:2]), (files[1], *parts[2:])):
        np.savetxt(file, np.c_[x, y], delimiter=",", header=",".join([*columns, "y"]), comments="")
    out = run_file(name)
    out.unlink(missing_ok=True)
    command = [
        sys.executable, "-m", "nnpost", "run", "--data", str(files[0]), "--x", ",".join(columns),
        "--y", "y", "--test", str(files[1]), "--quiet", "--no-figures", "--out", str(out),
    ]  # fmt: skip
    if case.classes:
        command += ["--set", f"likelihood.kind={case.classes}"]
    began = time.perf_counter()
    status = subprocess.run(command, check=False).returncode
    seconds = time.perf_counter() - began
    told = subprocess.run(
        [sys.executable, "-m", "nnpost", "info", str(out), "--json"], capture_output=True, text=True
    )
    found = json.loads(told.stdout)
    fit = found["fit"] or {}
    held_out = read_stage(out, HeldOut)
    assert held_out is not None, f"{out} has no scores"
    return {
        "status": status,
        "seconds": seconds,
        "log_density": held_out.scores[0].log_density,
        "converged": found["convergence"]["converged"],
        "reasons": found["convergence"]["reasons"],
        "fit": fit.get("holds"),
    }


def scored(case: Case, name: str) -> dict[str, Any]:
    """Both on the rows held out of one table."""
    parts = divided(case)
    beside, found = other(case, *parts), ours(case, parts, name)
    ours_there = found.pop("log_density")
    about = {"points": len(parts[1]), "inputs": parts[0].shape[1], "held_out": len(parts[3])}
    told = {"lppd": ours_there, "other": beside, "gain": ours_there - beside}
    means = {key: float(values.mean()) for key, values in told.items()}
    errors = {
        f"{key}_error": float(values.std(ddof=1) / np.sqrt(len(values)))
        for key, values in told.items()
    }
    return about | found | means | errors


def row(name: str, found: dict[str, Any]) -> tuple[str, ...]:
    return (
        name,
        f"{found['points']} × {found['inputs']}",
        "converged" if found["converged"] else "not converged",
        {True: "holds", False: "in doubt", None: ""}[found["fit"]],
        f"{found['seconds']:.0f}",
        f"{found['lppd']:.3f} ± {found['lppd_error']:.3f}",
        f"{found['other']:.3f} ± {found['other_error']:.3f}",
        f"{found['gain']:+.3f} ± {found['gain_error']:.3f}",
    )


HEAD = ("data", "rows × inputs", "chain", "model", "seconds", "LPPD", "GP or logistic", "gain")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    file = RESULTS / "own_data.json"
    found = json.loads(file.read_text("utf-8")) if file.exists() else {}
    for name in options.data:
        found[name] = scored(CASES[name], name)
        print(table(HEAD, [row(name, found[name])]), flush=True)
        if options.write:
            keep("own_data", found)
            put(
                "own data",
                table(HEAD, [row(name, found[name]) for name in CASES if name in found]),
                PAGE,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
