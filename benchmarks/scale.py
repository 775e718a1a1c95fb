"""Long chains, many points, two threads: rows of `make bench`.

    python benchmarks/scale.py chain FILE
    python benchmarks/scale.py points N

are the child processes whose memory is measured; each prints one line of JSON.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from measure import Job, Row, in_turn, repeated

GIB = 2**30
CHAIN = (256, 19)  # walkers and parameters of a long chain,
ROWS, EVERY = 262_144, 1000  # its rows, 10 GiB in all, and how many of them one is kept of
BLOCK = 1024  # rows whose digests are written together
POINTS, WALKERS, STEPS = 1_000_000, 256, 2
BUSY = (512, 6, 1000)  # walkers, units and points: work for two threads


def rows(folder: Path, turns: int) -> list[Row]:
    """All of them."""
    return [long_chain(folder), *many_points(), two_threads(turns)]


def child(*arguments: object) -> dict[str, float]:
    """What a process of its own has found."""
    command = [sys.executable, __file__, *map(str, arguments)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, float] = json.loads(out)
    return found


def peak() -> int:
    """The most memory that this process has had, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


# A chain of 10 GiB.


def long_chain(folder: Path) -> Row:
    """Its size asked for, and a thinned copy made; the rows of the file are holes, all zero."""
    path = folder / "long.h5"
    write_long_chain(path)
    found = child("chain", path)
    size = path.stat().st_size
    path.unlink()
    note = f"{found['seconds']:.2g} s, {found['memory'] / GIB:.2g} GiB of memory"
    return Row(
        f"a chain of {size / GIB:.3g} GiB opened, and thinned by {EVERY:,}", "% of it read",
        None, (5.0,), (100 * found["read"] / size,), note, at_most=True,
    )  # fmt: skip


def write_long_chain(path: Path) -> None:
    """As a run leaves it, but for the values of its rows."""
    import nnpost
    from nnpost.sampling.load import describe
    from nnpost.storage.backend import Commit
    from nnpost.storage.commit import pack, show_emcee, write_record
    from nnpost.storage.hdf_backend import RunFileBackend
    from nnpost.storage.rows import digests
    from nnpost.storage.runfile import in_place, new_file

    post = nnpost.Posterior(nnpost.MLP(1, (6,), "tanh"), nnpost.datasets.sine())
    new_file(path, describe(post))
    with RunFileBackend(path) as backend:
        backend.reset(*CHAIN)
        backend.grow(ROWS)
    mark = Commit(ROWS, np.zeros(CHAIN[0]), np.random.RandomState(0).get_state(), {})
    with in_place(path) as file:
        for start in range(0, ROWS, BLOCK):
            rows = range(start, min(start + BLOCK, ROWS))
            zeros = np.zeros((len(rows), *CHAIN))
            file["resume/digests"][rows.start : rows.stop] = digests(rows, zeros, zeros[..., 0])
        write_record(file, 0, pack(mark))
        show_emcee(file, mark)


def read_chain(path: str) -> dict[str, float]:
    from nnpost.storage.read_chain import chain_size, thinned_copy

    before, began = read_so_far(), time.perf_counter()
    size = chain_size(path)
    assert size is not None
    assert size.iteration == ROWS
    thinned_copy(path, f"{path}.thin", EVERY)
    seconds = time.perf_counter() - began
    os.unlink(f"{path}.thin")
    return {"seconds": seconds, "memory": peak(), "read": read_so_far() - before}


def read_so_far() -> int:
    """Bytes that this process has read, as Linux counts them; 0 elsewhere."""
    io = Path("/proc/self/io")
    return int(io.read_text().split()[1]) if io.exists() else 0


# A million points.


def many_points() -> list[Row]:
    """Memory beyond the data, and how time grows with the points."""
    few, many = child("points", POINTS // 4), child("points", POINTS)
    what = f"{POINTS:,} points × {WALKERS} walkers, stretch and collapsed steps"
    note = f"{many['seconds'] / (2 * STEPS):.2g} s a step"
    return [
        Row(what, "GiB beyond the data", None, (1.0,), (many["memory"] / GIB,), note, at_most=True),
        Row(
            "the same", "times as long as a quarter of the points", None, (4.4,),
            (many["seconds"] / few["seconds"],), at_most=True,
        ),
    ]  # fmt: skip


def many_steps(n: int) -> dict[str, float]:
    import nnpost

    def steps(post: nnpost.Posterior) -> None:
        for moves in ("stretch", "collapsed"):
            nnpost.sample(
                post, ensembles=4, nwalkers=WALKERS // 4, nsteps=STEPS, moves=moves, start="prior"
            )

    net = nnpost.MLP(1, (2,))
    steps(nnpost.Posterior(net, nnpost.datasets.parabola(size=100)))
    data = nnpost.datasets.parabola(size=n)
    with_data = peak()
    began = time.perf_counter()
    steps(nnpost.Posterior(net, data))
    return {"seconds": time.perf_counter() - began, "memory": peak() - with_data}


# Two threads.


def two_threads(turns: int) -> Row:
    """Log density and collapsed density of many walkers, OMP_NUM_THREADS 1 and 2 in turn."""
    import nnpost
    from nnpost.posterior.output_layer import OutputLayer

    walkers, units, n = BUSY
    rng = np.random.default_rng(0)
    x = np.linspace(-5, 5, n)
    post = nnpost.Posterior(nnpost.MLP(1, (units,)), nnpost.Dataset(x, x**2 + rng.random(n)))
    layer, theta = OutputLayer(post), 5 * rng.standard_normal((walkers, post.ndim))
    h = layer.split(theta)

    def on(threads: int, job: Job) -> Job:
        def run() -> None:
            before = os.environ.get("OMP_NUM_THREADS")
            os.environ["OMP_NUM_THREADS"] = str(threads)
            try:
                job()
            finally:
                if before is None:
                    del os.environ["OMP_NUM_THREADS"]
                else:
                    os.environ["OMP_NUM_THREADS"] = before

        return run

    jobs: dict[str, Callable[[], object]] = {
        "density": repeated(lambda: post.log_prob(theta), 20),
        "collapsed": repeated(lambda: layer.draw(h, rng), 10),
    }
    ratios = []
    for job in jobs.values():
        seconds = in_turn(5 * turns, one=on(1, job), two=on(2, job))
        ratios.append(float(np.median(seconds["one"] / seconds["two"])))
    what = f"two threads, {'×'.join(map(str, BUSY))}: log density, collapsed density with draw"
    return Row(what, "times as fast as one", None, (1.7, 1.7), tuple(ratios))


if __name__ == "__main__":
    what, argument = sys.argv[1:]
    print(json.dumps(read_chain(argument) if what == "chain" else many_steps(int(argument))))
