"""Damaged and hostile run files: read rightly, or refused in one line, soon and in little memory.

Rows of `make faults`.
"""

from __future__ import annotations

import contextlib
import io
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np

import nnpost
from nnpost import RequestError
from nnpost.cli import commands
from nnpost.comparison.effort import ConstantSGDDetail, Detail, ModesDetail
from nnpost.storage.read_chain import thinned_copy

SECONDS = 5.0  # of the processor, that a command may take
Damage = Callable[[bytearray, np.random.Generator], None]
Edit = Callable[[h5py.File], None]

SETTINGS = (
    "train.restarts=8", "train.epochs=60", "temper.particles=64", "temper.steps=2",
    "sample.nsteps=60", "sample.discard=20",
)  # fmt: skip
SMALL = Detail(
    curves=200,
    approximation=40,
    modes=ModesDetail(draws=12, restarts=8),
    constant_sgd=ConstantSGDDetail(steps=40),
)


def small_run(folder: Path, *more: str) -> Path:
    """A run file with all stages."""
    path = folder / "whole.h5"
    options = [word for one in (*SETTINGS, *more) for word in ("--set", one)]
    argv = ["run", "parabola", *options, "--out", str(path), "--no-figures", "--quiet"]
    assert commands.main(argv, SMALL) in (0, 1)
    return path


def said(*argv: str | Path) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = commands.main([str(word) for word in argv])
    return status, out.getvalue(), err.getvalue()


class Reading:
    """What is read from a file that nobody has touched, and what is wrong with another reading."""

    def __init__(self, path: Path) -> None:
        self.folder = path.parent
        self.right = [self._read(argv) for argv in self.commands(path)]
        assert all(status == 0 for status, *_ in self.right)

    def commands(self, path: Path) -> list[list[str | Path]]:
        """Commands that read the whole of a run file."""
        exported, copy = self.folder / "out.npz", self.folder / "copy.h5"
        return [
            ["info", path],
            ["info", path, "--json"],
            ["export", path, "--what", "samples", "--to", exported],
            ["export", path, "--what", "map", "--to", exported],
            ["thin", path, "--every", "3", "--to", copy],
        ]

    def _read(self, argv: list[str | Path]) -> tuple[int, str, str, bytes]:
        exported = self.folder / "out.npz"
        exported.unlink(missing_ok=True)
        status, out, err = said(*argv)
        if argv[0] != "info":
            out = ""
        return status, out, err, exported.read_bytes() if exported.exists() else b""

    def wrong(self, path: Path, unchanged: bool) -> str:
        """What is wrong with how the file is read; "" where nothing is.

        With ``unchanged`` what is read must be what the untouched file says.
        """
        for argv, right in zip(self.commands(path), self.right, strict=True):
            began = time.process_time()
            found = self._read(argv)
            seconds, words = time.process_time() - began, " ".join(map(str, argv[:1]))
            status, _, err, _ = found
            if status not in (0, 2):
                return f"{words}: status {status}: {err.splitlines()[-1]}"
            if err.count("\n") != (status == 2):
                return f"{words}: {err!r}"
            if seconds > SECONDS:
                return f"{words}: {seconds:.1f} s"
            if status == 0 and unchanged and found != right:
                return f"{words}: other values without a word"
        try:
            nnpost.load(path)
        except RequestError:
            pass
        except Exception as error:
            return f"load: {type(error).__name__}: {error}"
        return ""


def flip(content: bytearray, random: np.random.Generator) -> None:
    content[random.integers(len(content))] ^= 1 << random.integers(8)


def zeros(content: bytearray, random: np.random.Generator) -> None:
    start = random.integers(len(content))
    stop = min(start + 2 ** random.integers(1, 13), len(content))
    content[start:stop] = bytes(stop - start)


def noise(content: bytearray, random: np.random.Generator) -> None:
    start = random.integers(len(content))
    stop = min(start + 2 ** random.integers(1, 7), len(content))
    content[start:stop] = random.bytes(stop - start)


def truncation(content: bytearray, random: np.random.Generator) -> None:
    del content[random.integers(len(content)) :]


DAMAGES: dict[str, Damage] = {
    "truncated": truncation,
    "one bit flipped": flip,
    "bytes zeroed": zeros,
    "bytes of noise": noise,
}


def damaged(folder: Path, tries: int, seed: int) -> Iterator[tuple[str, str]]:
    """(kind, what was wrong) for damages of a run file and of its thinned copy in turn.

    Half of the places are among the first 16 kB, where the structure is.
    """
    whole = small_run(folder)
    thinned_copy(whole, folder / "thin.h5", 1)
    readings = [(p.read_bytes(), Reading(p)) for p in (whole, folder / "thin.h5")]
    random, path = np.random.default_rng(seed), folder / "damaged.h5"
    for turn in range(tries):
        name, damage = list(DAMAGES.items())[turn % len(DAMAGES)]
        content, reading = readings[turn // len(DAMAGES) % 2]
        head = bytearray(content[: 2**14] if random.random() < 0.5 else content)
        damage(head, random)
        cut = name == "truncated" or len(head) == len(content)
        path.write_bytes(head if cut else head + content[2**14 :])
        yield name, reading.wrong(path, unchanged=True)


# Files that somebody has made to do harm. Digests are made right, or left out, by whoever does.


def _set(name: str, key: str, value: object) -> Edit:
    return lambda file: file[name].attrs.__setitem__(key, value)


def _put(name: str, value: object) -> Edit:
    def edit(file: h5py.File) -> None:
        if name in file:
            del file[name]
        file[name] = value

    return edit


def _large(name: str, shape: tuple[int, ...], **options: object) -> Edit:
    def edit(file: h5py.File) -> None:
        del file[name]
        file.create_dataset(name, shape, "f8", **options)

    return edit


def _outside(file: h5py.File) -> None:
    del file["fits/mse"]
    secret = Path(file.filename).with_name("secret.bin")
    secret.write_bytes(bytes(64))
    file.create_dataset("fits/mse", (8,), "f8", external=[(str(secret), 0, 64)])


def _virtual(file: h5py.File) -> None:
    del file["fits/mse"]
    layout = h5py.VirtualLayout((8,), "f8")
    layout[:] = h5py.VirtualSource(Path(file.filename).with_name("whole.h5"), "fits/mse", (8,))
    file.create_virtual_dataset("fits/mse", layout)


def _deep(file: h5py.File) -> None:
    group = file["fits"]
    for _ in range(500):
        group = group.create_group("g")


HOSTILE: dict[str, Edit] = {
    **{f"iteration {v}": _set("mcmc", "iteration", v) for v in (-1, 10**12, np.nan, "many", 1.5)},
    **{f"every {v}": _set("mcmc", "every", v) for v in (0, -5, 0.5, "x")},
    **{f"thin {v}": _put("sampling/thin", v) for v in (-3, 0, 1.5, "x")},
    **{f"ensembles {v}": _put("sampling/ensembles", v) for v in (-4, 0, 3, 10**12)},
    **{f"hidden {v}": _put("experiment/posterior/hidden", [v]) for v in (-1, 0, 10**12)},
    **{f"no {n}": lambda file, n=n: file.__delitem__(n) for n in ("mcmc", "resume", "data")},
    "no log_prob": lambda file: file.__delitem__("mcmc/log_prob"),
    "chain of integers": _put("mcmc/chain", np.ones((60, 4, 7), int)),
    "chain of other shape": _put("mcmc/log_prob", np.ones((60, 3))),
    "soft link": _put("fits", h5py.SoftLink("/comparison")),
    "dangling link": _put("fits", h5py.SoftLink("/nowhere")),
    "external link": _put("fits", h5py.ExternalLink("whole.h5", "/fits")),
    "link in circles": lambda file: file["fits"].__setitem__("again", file["fits"]),
    "raw data in another file": _outside,
    "virtual data": _virtual,
    "8 TB declared": _large("fits/loss", (10**6, 10**6)),
    "8 TB in chunks": _large("fits/loss", (10**6, 10**6), chunks=(10, 10)),
    "8 GB of zeros packed": _large("fits/loss", (10**5, 10**4), chunks=(1000, 1000), compression=9),
    "a chunk of 2 GB": _large("fits/loss", (2**14, 2**14), chunks=(2**14, 2**14), compression=9),
    "references": _put("fits/mse", np.array([h5py.Reference()], h5py.ref_dtype)),
    "compound numbers": _put("fits/mse", np.zeros(8, [("a", "f8"), ("b", "i4")])),
    "complex numbers": _put("fits/mse", np.zeros(8, complex)),
    "broken TOML": _put("experiment/toml", "seed = [[[[\n\x01"),
    "TOML of a number": _put("experiment/toml", 5),
    "groups in groups": _deep,
    "array for a group": _put("fits", np.zeros(3)),
    "group for an array": lambda f: (f.__delitem__("fits/mse"), f.create_group("fits/mse")),
    "records of nothing": lambda f: f["resume/slot_0"].__setitem__(slice(0, 40), 255),
    "records of text": _put("resume/slot_0", "text"),
}
STRANGE = ("text", -1, np.nan, np.empty(0), np.zeros((2, 2, 2)), 10**15, True)


def hostile(folder: Path, tries: int, seed: int) -> Iterator[tuple[str, str]]:
    """The same for hand-made files, then for random values made strange or removed."""
    whole = small_run(folder)
    reading, path = Reading(whole), folder / "hostile.h5"
    random, names = np.random.default_rng(seed), []
    with h5py.File(whole) as file:
        file.visititems(lambda name, item: names.append(name) if hasattr(item, "shape") else None)
    edits = list(HOSTILE.items())
    for _ in range(max(tries - len(edits), 0)):
        name, value = names[random.integers(len(names))], STRANGE[random.integers(len(STRANGE))]
        gone = random.random() < 0.3
        edits.append(
            (f"no {name}", lambda file, name=name: file.__delitem__(name))
            if gone
            else (f"{name} = {value!r}", _put(name, value))
        )
    for name, edit in edits:
        path.write_bytes(whole.read_bytes())
        with h5py.File(path, "r+") as file:
            for group in file.values():
                group.attrs.pop("digest", None)
            edit(file)
        yield name, reading.wrong(path, unchanged=False)
        os.unlink(path)
