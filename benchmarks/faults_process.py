"""Processes that are killed, stopped, or denied the disk, and two that use one file.

Rows of `make faults`. The job that is disturbed is the one of the tests of the store.
"""

from __future__ import annotations

import io
import os
import random as dice
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import emcee
import h5py
import numpy as np
from faults_files import SETTINGS, SMALL

from nnpost import RequestError
from nnpost.cli import commands
from nnpost.storage import hdf_backend, rows
from nnpost.storage.hdf_backend import RunFileBackend
from nnpost.storage.read_chain import committed_rows, read_chain
from nnpost.storage.runfile import new_file, write_groups

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests" / "storage"))
import store_child as job  # noqa: E402

ROWS = 2000
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
Tries = Iterator[tuple[str, str]]


def start(*arguments: object, limit: int = resource.RLIM_INFINITY) -> subprocess.Popen[str]:
    """The job in a process of its own, when it begins; it may write no file beyond ``limit``."""
    child = subprocess.Popen(
        [sys.executable, job.__file__, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "go\n"
    return child


def new(folder: Path) -> Path:
    path = folder / "run.h5"
    new_file(path, {"experiment": {"seed": 0}})
    return path


def differs(path: Path, expected: np.ndarray) -> str:
    """What is wrong with the committed rows; "" where they are a beginning of ``expected``."""
    if committed_rows(path) == 0:
        return ""
    found = read_chain(path)  # by now there may be more rows
    return "" if np.array_equal(found.chain, expected[: found.iteration]) else "other rows"


def resumed(path: Path, expected: np.ndarray) -> str:
    """What is wrong with the chain that is made of a file; "" where it is the whole one."""
    job.resume(path, len(expected))
    same = np.array_equal(read_chain(path).chain, expected)
    return "" if same else "another chain after it was resumed"


def kill_rows(folder: Path, tries: int, seed: int) -> Tries:
    """Killed at random instants while each row is committed, until the chain is whole; anew."""
    random, expected = dice.Random(seed), job.reference(ROWS).get_value("chain")
    path, before = new(folder), 0
    for _ in range(tries):
        child = start("sample", path, ROWS)
        time.sleep(random.uniform(0, 0.3))
        child.kill()
        child.communicate()
        wrong, count = differs(path, expected), committed_rows(path)
        yield "rows", wrong or ("rows were lost" if count < before else "")
        before = count
        if count == ROWS or random.random() < 0.2:
            wrong = resumed(path, expected)
            if wrong:
                yield "rows", wrong
            path, before = new(folder), 0


# A whole run.

LONG = (*SETTINGS, "sample.nsteps=1500")


def _argv(out: Path) -> list[str]:
    options = [word for one in LONG for word in ("--set", one)]
    return ["run", "parabola", *options, "--out", str(out), "--no-figures", "--quiet"]


def _run(out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "nnpost", *_argv(out)]
    return subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)


def _stopped_runs(
    folder: Path, tries: int, seed: int, how: list[signal.Signals]
) -> Iterator[tuple[signal.Signals, int, str, str]]:
    """Signal, exit status, stderr and what was wrong afterwards, at instants over a whole run."""
    random, whole = dice.Random(seed), folder / "whole.h5"
    began = time.perf_counter()
    with _run(whole) as undisturbed:
        undisturbed.communicate()
    seconds = time.perf_counter() - began
    expected = read_chain(whole).chain
    for turn in range(tries):
        out, sent = folder / f"{turn}.h5", how[turn % len(how)]
        process = _run(out)
        end = time.monotonic() + random.uniform(0.1, 1.0) * seconds
        while time.monotonic() < end and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(sent)
        _, err = process.communicate()
        wrong = differs(out, expected) if out.exists() else ""
        if not wrong and commands.main([*_argv(out), "--resume"], SMALL) not in (0, 1):
            wrong = "cannot be resumed"
        if not wrong and not np.array_equal(read_chain(out).chain, expected):
            wrong = "another chain after it was resumed"
        yield sent, process.returncode, err, wrong


def kill_runs(folder: Path, tries: int, seed: int) -> Tries:
    for _, _, _, wrong in _stopped_runs(folder, tries, seed, [signal.SIGKILL]):
        yield "run", wrong


def signals(folder: Path, tries: int, seed: int) -> Tries:
    """Also the exit status and the one line, once Python has begun with the command."""
    how = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    for sent, status, err, wrong in _stopped_runs(folder, tries, seed, how):
        known = status in (0, 1, 128 + sent, -sent)
        told = err.count("\n") == 1 if status == 128 + sent else True
        yield sent.name, wrong or ("" if known and told else f"status {status}, {err!r}")


# Power cuts.


class Recorder(io.FileIO):
    """A file that remembers what HDF5 writes."""

    def __init__(self, path: str | os.PathLike[str], log: list[tuple[int, bytes]]) -> None:
        super().__init__(path, "r+")
        self.log = log

    def write(self, data: object) -> int:
        self.log.append((self.tell(), bytes(data)))  # type: ignore[call-overload]
        return super().write(data)  # type: ignore[arg-type]


SYNC = (-1, b"")  # in the log: all before is on the disk
PAGE = 512


def _recorded(path: Path, count: int) -> tuple[bytes, list[tuple[int, bytes]]]:
    """The file before the rows, and all writes and syncs."""
    log: list[tuple[int, bytes]] = []
    now, opened = [0.0], list[Recorder]()
    put, in_place, fsync = rows.put, rows.in_place, os.fsync
    clock = hdf_backend.time

    def put_and_tell(handle: int, values: bytes, place: int) -> None:
        log.append((place, values))
        put(handle, values, place)

    def in_place_and_tell(name: str | os.PathLike[str]) -> h5py.File:
        opened.append(Recorder(name, log))
        return h5py.File(opened[-1], "r+", libver=("earliest", "latest"))

    def sync_and_tell(handle: int) -> None:
        fsync(handle)
        log.append(SYNC)

    def slow(x: np.ndarray) -> np.ndarray:
        now[0] += 0.1
        return job.log_prob(x)

    move = job.DriftingStretch()
    try:
        rows.put, os.fsync = put_and_tell, sync_and_tell
        rows.in_place = in_place_and_tell
        hdf_backend.time = SimpleNamespace(monotonic=lambda: now[0])  # type: ignore[assignment]
        with RunFileBackend(path, move_state=move.state, commit_rows=4) as chain:
            chain.reset(job.NWALKERS, job.NDIM)
            chain.grow(count)
            before = path.read_bytes()
            log.clear()
            job.extend(chain, move, count, slow)
    finally:
        rows.put, rows.in_place, os.fsync, hdf_backend.time = put, in_place, fsync, clock
        for recorder in opened:
            recorder.close()
    return before, log


def power_cuts(folder: Path, tries: int, seed: int) -> Tries:
    """Writes up to a random one; of those after the last sync, some pages come to the disk."""
    count, random = 120, dice.Random(seed)
    expected = job.reference(count).get_value("chain")
    before, log = _recorded(new(folder), count)
    cut = folder / "cut.h5"
    for _ in range(tries):
        end = random.randrange(len(log))
        synced = max((k for k in range(end) if log[k] == SYNC), default=0)
        whole, content = bytearray(before), bytearray(before)
        for place, data in log[:synced]:
            whole[max(place, 0) : max(place, 0) + len(data)] = data
        content[:] = whole
        for place, data in log[synced:end]:
            share = random.choice((0.0, 0.5, 1.0))  # none of it, some, or all
            for k in range(0, len(data), PAGE):
                if random.random() < share:
                    page = data[k : k + PAGE]
                    content[place + k : place + k + len(page)] = page
        cut.write_bytes(whole)
        safe = committed_rows(cut)
        cut.write_bytes(content)
        yield "cut", _after_cut(cut, expected, safe)


def _after_cut(path: Path, expected: np.ndarray, safe: int) -> str:
    try:
        if wrong := differs(path, expected):
            return wrong
    except RequestError as error:
        if "goes on" not in str(error) and "go on" not in str(error):
            return str(error)
    with RunFileBackend(path, resume=True) as chain:
        left = chain.iteration
    if left < safe:
        return f"{left} rows, {safe} were synced"
    return (differs(path, expected) if left else "") or resumed(path, expected)


# The disk, and others.


def full_disk(folder: Path, tries: int, seed: int) -> Tries:
    random, expected = dice.Random(seed), job.reference(ROWS).get_value("chain")
    for turn in range(tries):
        path = new(folder)
        if turn % 2:
            child = start("limited", path, ROWS, random.randrange(ROWS))
        else:
            path.unlink()
            child = start("refused", path, ROWS, limit=random.randrange(500_000))
        out, err = child.communicate()
        wrong = "" if (child.returncode, err) == (2, "") and out.count("\n") == 1 else out + err
        left = [name for name in os.listdir(folder) if name.startswith(".")]
        wrong = wrong or (f"left {left}" if left else "")
        if not wrong and path.exists():
            wrong = differs(path, expected) or resumed(path, expected)
        yield "full", wrong


WRITE = (
    "import sys; from nnpost import RequestError\n"
    "from nnpost.storage.runfile import write_groups\n"
    "try: write_groups(sys.argv[1], {'fits': {'a': 2}})\n"
    "except RequestError as error: print(error)"
)


def writers(folder: Path, tries: int, seed: int) -> Tries:
    path = new(folder)
    write_groups(path, {"fits": {"a": 1}})
    with RunFileBackend(path) as chain:
        job.extend(chain, job.DriftingStretch(), 20)
        for _ in range(tries):
            command = [sys.executable, "-c", WRITE, str(path)]
            said = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT).stdout
            yield "writer", "" if "is being written by another run" in said else f"said {said!r}"
    wrong = differs(path, job.reference(20).get_value("chain"))
    if wrong:
        yield "writer", wrong


def readers(folder: Path, tries: int, seed: int) -> Tries:
    """Ours and emcee's in turn, while a process commits each row."""
    expected, path = job.reference(ROWS).get_value("chain"), new(folder)
    child = start("sample", path, ROWS)
    for turn in range(tries):
        if child.poll() is not None:
            child.communicate()
            path = new(folder)
            child = start("sample", path, ROWS)
        yield "reader", _emcee_differs(path, expected) if turn % 2 else differs(path, expected)
    child.kill()
    child.communicate()


def _emcee_differs(path: Path, expected: np.ndarray) -> str:
    with h5py.File(path, "r", locking=False) as file:
        if "mcmc" not in file:
            return ""
    view = emcee.backends.HDFBackend(str(path), read_only=True)
    count = view.iteration
    same = count == 0 or np.array_equal(view.get_chain()[:count], expected[:count])
    return "" if same else "emcee read other rows"
