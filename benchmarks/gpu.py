"""A GPU beside the CPU of the same machine: `make gpu`, under eight minutes, without a network.

    python benchmarks/gpu.py [--device cuda] [--small] [--out FILE]

First the tests marked cuda. Then, on both: densities over walkers × points × units, restarts of
Adam, and chains of many walkers on many points. The CPU computes by compiled kernels on all cores
that OMP_NUM_THREADS leaves it, a GPU by batched torch, without CUDA graphs; all is in float64 but
for the training whose line says otherwise. What is timed takes numpy arrays and gives them back, as
the moves of a chain do, so that copies to the GPU and from it count; jobs of a line take turns.

Each subject has its share of the time. What does not fit into it is left out, or scaled up from few
epochs or walkers, and the table says so. Where a subject fails, that is said, the others are
measured, and the exit status is 1.

The table is printed and written, with the machine, to benchmarks/results/gpu.json. To try the
script where there is no GPU:

    python benchmarks/gpu.py --device cpu --small

compares the CPU with itself, and writes only where --out says.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import torch
from measure import Job, figures, in_turn, machine, repeated

import nnpost
from nnpost.common.parallel import cores
from nnpost.common.tensors import BLOCK, check_device
from nnpost.posterior.output_layer import OutputLayer
from nnpost.training.settings import TrainSettings
from nnpost.training.sgd import Work, run_restarts

BEGAN, LIMIT = time.perf_counter(), 460.0  # seconds for all of it
SHARES = {"tests": 90.0, "densities": 110.0, "training": 90.0, "sampling": 90.0}
FEW = 64  # walkers that tell how long many take
TRAINED = (2, 500)  # units and points of what is trained
LARGE = 2**27  # numbers in a block that keeps a GPU busy; a block has some sixteen like it
ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results" / "gpu.json"


@dataclass(frozen=True)
class Sizes:
    """How much of everything is measured."""

    walkers: tuple[int, ...] = (32, 512, 4096)
    points: tuple[int, ...] = (500, 20_000, 1_000_000)
    units: tuple[int, ...] = (2, 16)
    restarts: int = 100_000
    epochs: int = 1000
    chain: tuple[int, int, int] = (4096, 1_000_000, 5)  # walkers, points, steps


SMALL = Sizes((8, 32), (50, 200), (2,), 40, 40, (64, 200, 2))


@dataclass(frozen=True)
class Row:
    """One line of the table, in seconds; None is left out, and ``note`` says why.

    ``usual`` is the GPU in blocks of the usual size, which suits a CPU's cache.
    """

    what: str
    size: str
    numbers: int  # sigmoids of one call
    cpu: float | None
    gpu: float | None
    usual: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times as fast the GPU is."""
        return None if self.cpu is None or self.gpu is None else self.cpu / self.gpu

    def cells(self) -> tuple[str, ...]:
        timed = (self.cpu, self.gpu, self.ratio, self.usual)
        return (
            self.what,
            self.size,
            *(figures(t if t is None else (t,)) for t in timed),
            self.note,
        )


HEAD = ("what", "size", "CPU, s", "GPU, s", "times as fast", "GPU in usual blocks, s", "")


def line(cells: tuple[str, ...]) -> str:
    """Of a table in Markdown, as in docs/benchmarks.md."""
    return f"| {' | '.join(cells)} |"


@dataclass(frozen=True)
class Share:
    """The time of a subject: ``ends`` is on the clock of time.perf_counter."""

    ends: float

    @classmethod
    def of(cls, subject: str) -> "Share":
        return cls(min(time.perf_counter() + SHARES[subject], BEGAN + LIMIT))

    @property
    def left(self) -> float:
        return max(0.0, self.ends - time.perf_counter())


@dataclass(frozen=True)
class Device:
    """The GPU, or what stands for it, and how many numbers it works on at once."""

    name: str
    block: int

    @classmethod
    def of(cls, name: str) -> "Device":
        if not name.startswith("cuda"):
            return cls(name, LARGE)
        free, _ = torch.cuda.mem_get_info(name)
        return cls(name, min(LARGE, free // (16 * 8)))

    def waited_for(self, job: Job) -> Job:
        """The job until the device has done it."""
        if not self.name.startswith("cuda"):
            return job

        def wait() -> None:
            job()
            torch.cuda.synchronize(self.name)

        return wait

    def seconds(self, job: Job) -> float:
        """Of the job, done once."""
        began = time.perf_counter()
        self.waited_for(job)()
        return time.perf_counter() - began

    def words(self) -> dict[str, object]:
        """What it is."""
        if not self.name.startswith("cuda"):
            return {"name": self.name, "block": self.block}
        card = torch.cuda.get_device_properties(self.name)
        memory = {"GiB": round(card.total_memory / 2**30, 1), "cuda": torch.version.cuda}
        return {"name": card.name, "block": self.block} | memory


def posterior(device: str, units: int, n: int, block: int = BLOCK) -> nnpost.Posterior:
    """A parabola with noise."""
    x = np.linspace(-5, 5, n)
    data = nnpost.Dataset(x, x**2 + 0.5 * np.random.default_rng(0).random(n))
    return nnpost.Posterior(nnpost.MLP(1, (units,)), data, device=device, block=block)


# The tests.


@dataclass(frozen=True)
class Tested:
    """What became of the tests marked cuda; ``ended`` says why where that is not known."""

    ran: int = 0
    skipped: int = 0
    failed: int = 0
    ended: str = ""

    def __str__(self) -> str:
        counts = f"{self.ran} ran, {self.skipped} skipped, {self.failed} failed"
        return f"tests marked cuda: {self.ended or counts}"


def run_tests(share: Share) -> Tested:
    """In a process of its own, which is shown only those files that have such tests."""
    marked = (
        f for f in sorted(ROOT.glob("tests/**/test_*.py")) if "mark.cuda" in f.read_text("utf-8")
    )
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "tests.xml")
        options = ["-q", "-m", "cuda", "-p", "no:cacheprovider", f"--junitxml={report}"]
        command = [sys.executable, "-m", "pytest", *options, *map(str, marked)]
        try:
            done = subprocess.run(
                command, cwd=ROOT, env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
                capture_output=True, text=True, timeout=share.left,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Tested(ended=f"not done within {SHARES['tests']:g} s")
        if done.returncode:
            print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
        if not report.exists():
            return Tested(ended=f"pytest ended with {done.returncode} and no report")
        suite = ElementTree.parse(report).getroot()[0].attrib
    skipped, failed = int(suite["skipped"]), int(suite["failures"]) + int(suite["errors"])
    return Tested(int(suite["tests"]) - skipped, skipped, failed)


# The densities.


def densities(sizes: Sizes, gpu: Device, share: Share) -> Iterator[Row]:
    """Small sizes first: from them is known how long larger ones take."""
    grid = sorted(product(sizes.walkers, sizes.units, sizes.points), key=lambda s: (np.prod(s), s))
    rates: dict[tuple[str, str], float] = {}  # seconds for a number, of what and where
    for walkers, units, n in grid:
        posts = {
            "CPU": posterior("cpu", units, n),
            "GPU": posterior(gpu.name, units, n, gpu.block),
            "usual blocks": posterior(gpu.name, units, n),
        }
        everywhere = {where: density_jobs(post, walkers) for where, post in posts.items()}
        for what in everywhere["CPU"]:
            jobs = {where: gpu.waited_for(jobs[what]) for where, jobs in everywhere.items()}
            yield density(what, (walkers, units, n), jobs, rates, share)


def density_jobs(post: nnpost.Posterior, walkers: int) -> dict[str, Job]:
    """The functions that people and moves call."""
    rng, layer = np.random.default_rng(0), OutputLayer(post)
    theta = 5 * rng.standard_normal((walkers, post.ndim))
    h = layer.split(theta)
    return {
        "log density": lambda: post.log_prob(theta),
        "value and gradient": lambda: post.log_prob_and_grad(theta),
        "collapsed density with draw": lambda: layer.draw(h, rng),
        "collapsed gradient": lambda: layer.log_prob_and_grad(h),
    }


def density(
    what: str,
    size: tuple[int, int, int],
    jobs: dict[str, Job],
    rates: dict[tuple[str, str], float],
    share: Share,
) -> Row:
    """One line, as far as it fits; ``rates`` foretell that, and are brought up to date."""
    numbers = int(np.prod(size))
    calls = int(np.clip(2e6 / numbers, 1, 20))
    expected = {where: rates.get((what, where), 0.0) * numbers * calls for where in jobs}
    fits = {where: job for where, job in jobs.items() if 2 * expected[where] <= share.left / 3}
    turns = int(np.clip(0.3 / max(1e-9, sum(expected[where] for where in fits)), 1, 5))
    found = in_turn(turns, **{where: repeated(job, calls) for where, job in fits.items()})
    seconds = {where: float(np.median(turn)) / calls for where, turn in found.items()}
    rates |= {(what, where): second / numbers for where, second in seconds.items()}
    late = [
        f"{where} (some {expected[where] / calls:.2g} s)" for where in jobs if where not in fits
    ]
    note = f"left out: {', '.join(late)}" if late else ""
    timed = (seconds.get(where) for where in jobs)
    return Row(what, "×".join(f"{part:,}" for part in size), numbers, *timed, note)


def crossover(rows: list[Row]) -> int | None:
    """The numbers from which on the GPU is the faster at every size; None where it never is."""
    timed = [row for row in rows if row.ratio is not None]
    slower = max((row.numbers for row in timed if row.ratio <= 1), default=0)
    return min((row.numbers for row in timed if row.numbers > slower), default=None)


def crossovers(rows: list[Row]) -> dict[str, int | None]:
    """Of every density."""
    return {
        what: crossover([row for row in rows if row.what == what])
        for what in dict.fromkeys(row.what for row in rows)
    }


# Training.


def training(sizes: Sizes, gpu: Device, share: Share) -> Iterator[Row]:
    """All restarts side by side, full batches, the losses of every twentieth epoch kept."""
    settings = TrainSettings(restarts=sizes.restarts, epochs=sizes.epochs)
    cpu, there = posterior("cpu", *TRAINED), posterior(gpu.name, *TRAINED)
    start = cpu.net.initial(sizes.restarts)
    kernels, short = descent(cpu, settings, start, Work(), gpu, share.left / 3)
    for dtype in ("float64", "float32"):
        asked, work = replace(settings, dtype=dtype), Work(gpu.block)
        batched, brief = descent(there, asked, start, work, gpu, share.left / 2)
        notes = [f"{where} {note}" for where, note in (("CPU", short), ("GPU", brief)) if note]
        yield Row(
            f"restarts × {sizes.epochs:,} epochs, {dtype} on the GPU",
            "×".join(f"{part:,}" for part in (sizes.restarts, *TRAINED)),
            sizes.restarts * sizes.epochs * int(np.prod(TRAINED)),
            kernels,
            batched,
            note=", ".join(notes),
        )


def descent(
    post: nnpost.Posterior,
    settings: TrainSettings,
    start: np.ndarray,
    work: Work,
    gpu: Device,
    most: float,
) -> tuple[float, str]:
    """Seconds of all epochs, or what few of them come to."""

    def train(epochs: int) -> Job:
        asked, kept = replace(settings, epochs=epochs), replace(work, records=max(1, epochs // 20))
        return lambda: run_restarts(post, asked, 0, start, work=kept)

    few = max(1, settings.epochs // 50)
    gpu.seconds(train(1))  # what a first use takes
    expected = gpu.seconds(train(few)) * settings.epochs / few
    if expected > most:
        return expected, f"scaled from {few} epochs"
    return gpu.seconds(train(settings.epochs)), ""


# Sampling.


def sampling(sizes: Sizes, gpu: Device, share: Share) -> Iterator[Row]:
    """Chains in memory from prior draws, whose own log densities count."""
    walkers, n, steps = sizes.chain
    posts = {"CPU": posterior("cpu", 2, n), "GPU": posterior(gpu.name, 2, n, gpu.block)}
    for moves in ("stretch", "collapsed"):
        found = {
            where: chain(post, moves, walkers, steps, gpu, share.left / 4)
            for where, post in posts.items()
        }
        yield Row(
            f"{steps} {moves} steps and their start",
            "×".join(f"{part:,}" for part in (walkers, 2, n)),
            walkers * 2 * n * (steps + 1),
            *(seconds for seconds, _ in found.values()),
            note=", ".join(f"{where} {note}" for where, (_, note) in found.items() if note),
        )


def chain(
    post: nnpost.Posterior, moves: str, walkers: int, steps: int, gpu: Device, most: float
) -> tuple[float, str]:
    """Seconds of all walkers, or what few of them come to."""

    def sample(walkers: int) -> Job:
        return lambda: nnpost.sample(
            post, ensembles=4, nwalkers=walkers // 4, nsteps=steps, moves=moves, start="prior"
        )

    expected = gpu.seconds(sample(FEW)) * walkers / FEW
    if expected > most:
        return expected, f"scaled from {FEW} walkers"
    return gpu.seconds(sample(walkers)), ""


# All of it.


def main() -> int:
    asked = arguments()
    try:
        check_device(asked.device)
    except nnpost.RequestError as error:
        print(f"{error}: python benchmarks/gpu.py --device cpu --small", file=sys.stderr)
        return 2
    gpu, sizes = Device.of(asked.device), SMALL if asked.small else Sizes()
    on = machine() | {"threads": cores(), "gpu": gpu.words()}
    print(f"CPU: {on['processor']}, {cores()} threads; GPU: {gpu.words()}\n")
    posterior("cpu", 1, 2).make_ready()  # before any share of the time begins
    tested = run_tests(Share.of("tests"))
    print(f"{tested}\n", flush=True)
    print(line(HEAD), line(("---",) * len(HEAD)), sep="\n")
    measured = [
        measure(subject, rows_of(sizes, gpu, Share.of(subject)))
        for subject, rows_of in SUBJECTS.items()
    ]
    since, failures = crossovers(measured[0].rows), [m.failed for m in measured if m.failed]
    print("\n" + "\n".join([*(in_words(*one) for one in since.items()), *failures]))
    rows = [asdict(row) | {"ratio": row.ratio} for part in measured for row in part.rows]
    kept = {"machine": on, "tests": asdict(tested), "rows": rows, "crossover": since}
    if asked.out:
        text = json.dumps(kept | {"failures": failures}, indent=2, ensure_ascii=False)
        asked.out.write_text(text + "\n", "utf-8")
    return 1 if failures or tested.failed or tested.ended else 0


SUBJECTS = {"densities": densities, "training": training, "sampling": sampling}


@dataclass(frozen=True)
class Measured:
    """The rows of a subject, and what ended it before the last one, if anything did."""

    rows: list[Row]
    failed: str = ""


def measure(subject: str, rows: Iterator[Row]) -> Measured:
    """Each row is printed as soon as it is there."""
    done: list[Row] = []
    try:
        for row in rows:
            print(line(row.cells()), flush=True)
            done.append(row)
    except RuntimeError as error:  # as torch raises, and where memory is too small
        traceback.print_exc()
        return Measured(done, f"{subject} failed: {str(error).partition(chr(10))[0]}")
    return Measured(done)


def in_words(what: str, since: int | None) -> str:
    if since is None:
        return f"{what}: the CPU is the faster"
    return f"{what}: the GPU is the faster from {since:,} walkers × units × points on"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cuda", help="what is compared with the CPU")
    parser.add_argument("--small", action="store_true", help="tiny sizes: is the script in order?")
    parser.add_argument("--out", type=Path, help="the file of results")
    asked = parser.parse_args()
    if asked.out is None and asked.device.startswith("cuda") and not asked.small:
        asked.out = RESULTS
    return asked


if __name__ == "__main__":
    sys.exit(main())
