"""Careless and hostile input of every kind, found by coverage: read, or refused in one line.

    python benchmarks/fuzz.py                 # `make fuzz`
    python benchmarks/fuzz.py --share 0.1     # a tenth of it

atheris changes bytes so that they lead to lines of the readers that no bytes before have led to.
Whatever a reader raises but a RequestError is a fault; so is a case of 5 seconds or
more than 2 GB. Prints what was tried and how often it failed, with the bytes; ends with status 1
where anything did.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
CASES = {
    "--set": 30_000,
    "TOML": 30_000,
    "CSV": 30_000,
    "NPZ": 10_000,
    "Parquet": 5_000,
    "HDF5": 1_000,  # each in a process of its own
}
WATCHED = ["nnpost.data", "nnpost.experiment", "nnpost.common", "tomllib", "csv", "zipfile"]
TABLE = "x,y,when\n1,2.5,2020-01-01\n-3e-1,4,2020-02-29\n"


def targets(folder: Path) -> dict[str, Callable[[bytes], None]]:
    """What is done with the bytes of one case, by kind."""
    from nnpost.data.readers import read_columns
    from nnpost.experiment.experiment import Experiment

    usual = Experiment()

    def reader(ending: str) -> Callable[[bytes], None]:
        path = folder / f"case.{ending}"

        def read(data: bytes) -> None:
            path.write_bytes(data)
            read_columns(path, ["x", "y"], missing=bool(len(data) % 2))

        return read

    return {
        "--set": lambda data: usual.with_settings([data.decode("utf-8", "replace")]),
        "TOML": lambda data: Experiment.from_toml(data.decode("utf-8", "replace")),
        "CSV": reader("csv"),
        "NPZ": reader("npz"),
        "Parquet": reader("parquet"),
        "HDF5": reader("h5"),
    }


def seeds(kind: str) -> list[bytes]:
    """Sound inputs to begin with."""
    import h5py
    import numpy as np

    x, file = np.arange(4.0), io.BytesIO()
    if kind == "--set":
        words = ["seed=3", "train.lr=0.1", "network.hidden=[2, 3]", "sample.moves=stretch",
                 "prior.std={biases=1.0}", "likelihood.sigma=infer", "data.x=['a']"]  # fmt: skip
        return [word.encode() for word in words]
    if kind == "TOML":
        return [path.read_bytes() for path in ROOT.glob("nnpost/experiment/builtin/*.toml")]
    if kind == "CSV":
        return [TABLE.replace(",", s).encode() for s in ",;\t "] + [
            b"# c\n1 2\n3 4\n",
            b"x,y\n,NaN\n",
        ]
    if kind == "NPZ":
        np.savez(file, x=x, y=x.astype("i2"))
        other = io.BytesIO()
        np.savez_compressed(other, x=x, y=x > 1)
        return [file.getvalue(), other.getvalue()]
    if kind == "Parquet":
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.table({"x": x, "y": [1, None, 3, 4]}), file)
        return [file.getvalue()]
    with h5py.File(file, "w") as stored:
        stored["x"] = x
        stored.create_dataset("y", data=x, compression="gzip", chunks=(2,))
    return [file.getvalue()]


def fuzz(kind: str, runs: int, seed: int, folder: Path) -> None:
    """Carry out cases of one kind, in this process, which ends with them."""
    import atheris

    with atheris.instrument_imports(include=WATCHED):
        from nnpost import RequestError

        one = targets(folder)[kind]

    def case(data: bytes) -> None:
        with contextlib.suppress(RequestError):  # one line, as commands.fail shows it
            one(data)

    corpus = folder / "corpus"
    corpus.mkdir()
    for k, content in enumerate(seeds(kind)):
        (corpus / str(k)).write_bytes(content)
    options = [
        f"-runs={runs}",
        f"-seed={seed}",
        "-timeout=5",
        "-rss_limit_mb=2500",
        "-max_len=8192",
    ]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={folder}/", str(corpus)], case)
    atheris.Fuzz()


def report(kind: str, runs: int, seed: int) -> int:
    """Cases of one kind in a process of their own; how many failed, 0 or 1: the first ends it."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            __file__,
            f"--kind={kind}",
            "--runs",
            str(runs),
            "--folder",
            folder,
        ]
        done = subprocess.run(
            [*command, "--seed", str(seed)],
            capture_output=True, text=True, errors="replace",
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        tried = max((int(n) for n in re.findall(r"^#(\d+)", done.stderr, re.M)), default=0)
        print(f"{kind:<24}{tried:>9}{int(done.returncode != 0):>8}"
              f"{time.perf_counter() - began:>9.0f}", flush=True)  # fmt: skip
        if done.returncode:
            for found in [*Path(folder).glob("crash-*"), *Path(folder).glob("timeout-*")]:
                print(f"    {found.read_bytes()[:200]!r}")
            said = done.stdout.splitlines()[-12:] + done.stderr.splitlines()[-2:]
            print("    " + "\n    ".join(said))
    return int(done.returncode != 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the cases (1)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="kinds whose name has this in it")
    for hidden in ("--kind", "--runs", "--folder"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.kind is not None:
        fuzz(asked.kind, int(asked.runs), asked.seed, Path(asked.folder))
    print(f"{'kind':<24}{'tried':>9}{'failed':>8}{'seconds':>9}", flush=True)
    failed = [
        report(kind, max(10, round(runs * asked.share)), asked.seed)
        for kind, runs in CASES.items()
        if asked.only in kind
    ]
    print(f"{sum(failed)} failed")
    return int(any(failed))


if __name__ == "__main__":
    sys.exit(main())
