"""What has to be fast, beside what it is to reach: `make bench`.

    python benchmarks/speed.py [TURNS]

Figures are medians over turns, on one thread unless a row says otherwise. Most are ratios within
one run: the jobs of a row take turns, so that the machine's own speed and what else it does cancel.
Effective draws a second are the machine's own. Densities are in multiples of numpy's exp over as
many numbers as there are sigmoids. numpy's exp is vectorised where the processor has AVX-512, and
takes several times as long elsewhere; torch's is vectorised everywhere, so the same in its
multiples stands beside it.

The table is printed and written, with the machine, to benchmarks/results/speed.json.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import emcee
import numpy as np
import scale
import ten_inputs
import torch
from ensembles import one_network
from measure import Job, Row, figures, in_turn, machine, repeated, table
from sampling import effective_draws, storing
from torch import nn

import nnpost
from nnpost.posterior.output_layer import OutputLayer

TURNS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
RESULTS = Path(__file__).parent / "results" / "speed.json"
SIZES = [(14, 2, 500), (512, 2, 500), (512, 6, 1000)]  # walkers, units, points
STEPS, SHORT, WALKERS = 10_000, 1_000, 28  # of the article's chain; SHORT of those that are slow
RESTARTS, FEW, EPOCHS = 1000, 4, 1000

# The densities.

DENSITIES = {  # name: figures of 0.1.0, goals
    "log density": ((7.0, 2.6, 1.7), (1.4, 1.2, 1.0)),
    "value and gradient": ((27.0, 12.8, 5.3), (2.0, 2.0, 2.0)),
    "collapsed density with draw": ((21.0, 5.8, 4.6), (3.5, 3.5, 3.5)),
    "collapsed gradient": (None, (6.0, 6.0, 6.0)),
}


def densities() -> list[Row]:
    """Their public functions, in multiples of exp, for all sizes."""
    found = [ratios_of(*size) for size in SIZES]
    sizes = ", ".join("×".join(map(str, size)) for size in SIZES)
    return [
        Row(
            f"{name} at {sizes}",
            "in numpy's exp",
            before,
            goal,
            tuple(part["numpy"][name] for part in found),
            "in torch's: " + figures(tuple(part["torch"][name] for part in found)),
            at_most=True,
        )
        for name, (before, goal) in DENSITIES.items()
    ]


def ratios_of(walkers: int, units: int, n: int) -> dict[str, dict[str, float]]:
    """Of numpy's and of torch's exp, each density at a size."""
    rng = np.random.default_rng(0)
    x = np.linspace(-5, 5, n)
    data = nnpost.Dataset(x, x**2 + 0.5 * rng.random(n))
    post = nnpost.Posterior(nnpost.MLP(1, (units,)), data)
    layer, theta = OutputLayer(post), 5 * rng.standard_normal((walkers, post.ndim))
    h, z = layer.split(theta), rng.standard_normal(walkers * units * n)
    room, tensor, other = np.empty_like(z), torch.tensor(z), torch.empty(z.size).double()
    jobs: dict[str, Job] = {
        "numpy": lambda: np.exp(z, out=room),
        "torch": lambda: torch.exp(tensor, out=other),
        "log density": lambda: post.log_prob(theta),
        "value and gradient": lambda: post.log_prob_and_grad(theta),
        "collapsed density with draw": lambda: layer.draw(h, rng),
        "collapsed gradient": lambda: layer.log_prob_and_grad(h),
    }
    calls = max(1, round(2e6 / z.size))
    seconds = in_turn(5 * TURNS, **{name: repeated(job, calls) for name, job in jobs.items()})
    return {
        exp: {name: float(np.median(seconds[name] / seconds[exp])) for name in DENSITIES}
        for exp in ("numpy", "torch")
    }


# The article's chain.


def article_chain(folder: Path) -> list[Row]:
    """28 walkers, stretch steps from a ball at zero, in a file that can be continued."""
    data = nnpost.datasets.parabola()
    post = nnpost.Posterior(nnpost.MLP(1, (2,)), data)
    ball = 1e-4 * np.random.default_rng(0).standard_normal((WALKERS, post.ndim))

    def ours() -> None:
        nnpost.sample(
            post, folder / "ours.h5", ensembles=1, nwalkers=WALKERS, nsteps=STEPS,
            moves="stretch", start="ball",
        )  # fmt: skip

    def with_its_file() -> None:
        """emcee's own move and file, on our log density, all walkers at once."""
        backend = emcee.backends.HDFBackend(str(folder / "emcee.h5"))
        backend.reset(WALKERS, post.ndim)
        emcee.EnsembleSampler(
            WALKERS, post.ndim, post.log_prob, vectorize=True, backend=backend
        ).run_mcmc(ball, SHORT, skip_initial_state_check=True)

    def one_by_one() -> None:
        """As the article samples: a network at a time, unit by unit, nothing stored."""
        emcee.EnsembleSampler(WALKERS, post.ndim, one_network(post)).run_mcmc(
            ball, SHORT, skip_initial_state_check=True
        )

    seconds = in_turn(TURNS, ours=ours, file=with_its_file, loop=one_by_one)
    what = f"the article's chain, {WALKERS} × {STEPS:,} stretch steps, stored"
    note = f"{np.median(seconds['ours']):.2g} s"
    return [
        Row(
            what,
            f"times as fast as {against}",
            before,
            goal,
            (float(np.median(seconds[name] * STEPS / SHORT / seconds["ours"])),),
            note,
        )
        for name, against, before, goal in (
            ("file", "emcee with its own HDF5 file", (6.6,), (15.0,)),
            ("loop", "the article's loop", (4.2,), (10.0,)),
        )
    ]


# Training.


def training() -> Row:
    """All restarts as one batch, the search for MAP and MLE included, against a plain loop."""
    post = nnpost.Posterior(nnpost.MLP(1, (2,)), nnpost.datasets.parabola())
    x, y = torch.tensor(post.data.x), torch.tensor(post.data.y)[:, None]

    def loop() -> None:
        for start in post.net.initial(FEW, seed=0):
            module, loss = post.net.to_torch(start), nn.MSELoss()
            optimizer = torch.optim.Adam(module.parameters(), lr=0.03)
            for _ in range(EPOCHS):
                optimizer.zero_grad()
                loss(module(x), y).backward()
                optimizer.step()

    seconds = in_turn(
        max(1, TURNS // 2),
        ours=lambda: nnpost.train(post, restarts=RESTARTS, epochs=EPOCHS),
        loop=loop,
    )
    ratio = float(np.median(seconds["loop"] / FEW * RESTARTS / seconds["ours"]))
    what = f"{RESTARTS:,} restarts × {EPOCHS:,} epochs, MAP and MLE included"
    note = f"{np.median(seconds['ours']):.2g} s"
    return Row(what, "times as fast as a torch loop", (15.0,), (80.0,), (ratio,), note)


# Many parameters.


def many_parameters() -> Row:
    """benchmarks/ten_inputs.py, which tells more about both samplers."""
    rows = ten_inputs.both()
    found = rows[0].rate
    note = ", ".join(f"{row.sampler} {row.rate:.3g} (R-hat {row.rhat:.3f})" for row in rows[1:])
    what = "122 parameters, draws of log_prob and predictions, warm-up included"
    return Row(what, "effective a second", (5.5,), (60.0,), (found,), note)


# Whole programs.


def whole_run(folder: Path) -> Row:
    """`nnpost run parabola` from the first import to the last picture, on all cores."""
    bare = [sys.executable, "-c", "import torch, matplotlib.pyplot"]
    run = [sys.executable, "-m", "nnpost", "run", "parabola", "--out", str(folder / "run.h5")]
    run += ["--figures", str(folder / "figures")]
    imports, seconds = (timed(words)[0] for words in (bare, run))
    note = f"the bare imports {imports:.2g} s"
    return Row("nnpost run parabola, whole process", "s", (29.0,), (9.0,), (seconds,), note, True)


def sharp_sine() -> Row:
    """benchmarks/sine.py with its first seed, on all cores; infinite where it did not converge."""
    script = str(Path(__file__).parent / "sine.py")
    seconds, said = timed([sys.executable, script, "--seeds", "0"])
    said = said.splitlines()[0]
    seconds = seconds if said.endswith("converged True") else math.inf
    what = "six-unit sine at its true noise, seed 0, until converged"
    return Row(what, "s", None, (300.0,), (seconds,), said.removeprefix("seed 0: "), True)


def timed(words: list[str]) -> tuple[float, str]:
    """Seconds of a program that may use all cores, and what it prints."""
    everything = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    began = time.perf_counter()
    done = subprocess.run(words, env=everything, capture_output=True, text=True, check=True)
    return time.perf_counter() - began, done.stdout


# All of it.


def main() -> None:
    torch.set_num_threads(1)
    on = machine()
    print(f"{on['processor']}, {'with' if on['avx512'] else 'without'} AVX-512, one thread\n")
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        rows = [
            *densities(), *article_chain(here), *effective_draws(TURNS), storing(here, TURNS),
            *scale.rows(here, TURNS), training(), many_parameters(),
            whole_run(here), sharp_sine(),
        ]  # fmt: skip
    print(table(rows))
    RESULTS.parent.mkdir(exist_ok=True)
    kept = {"machine": on, "rows": [asdict(row) | {"reached": row.reached} for row in rows]}
    RESULTS.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
