"""Ten inputs, ten hidden units, noise inferred: 122 parameters. How long until converged?

    python benchmarks/ten_inputs.py tanh
    python benchmarks/ten_inputs.py relu collapsed 1000

The data are 300 standard normal inputs and the outputs of a random network of the same kind, with
a tenth of their standard deviation as noise; seed 0. All prior standard deviations are 1.
"""

import sys
import time

import numpy as np

import nnpost


def teacher(activation: str, size: int = 300, seed: int = 0) -> nnpost.Dataset:
    """Outputs of a network with parameters N(0, 1/10) in front of its units and N(0, 1) behind."""
    rng = np.random.default_rng(seed)
    net = nnpost.MLP(10, (10,), activation)
    blank = nnpost.Dataset(rng.standard_normal((size, 10)), np.zeros(size))
    theta = rng.standard_normal(net.ndim)
    theta[: net.n_hidden] /= np.sqrt(10)
    y = nnpost.Posterior(net, blank).predict(theta)
    y = y + 0.1 * y.std() * rng.standard_normal(size)
    return nnpost.Dataset(blank.x, y, name=f"{activation} teacher")


def main(activation: str = "tanh", moves: str = "collapsed", nsteps: str = "600") -> None:
    """Sample from prior draws with four ensembles, and print the verdict with the time."""
    net, noise = nnpost.MLP(10, (10,), activation), nnpost.Gaussian("infer")
    post = nnpost.Posterior(net, teacher(activation), noise, nnpost.GaussianPrior(1.0))
    began, work = time.perf_counter(), time.process_time()
    run = nnpost.sample(post, nsteps=int(nsteps), moves=moves, start="prior", discard=250)
    spent = time.perf_counter() - began, time.process_time() - work
    print(run, run.verdict, sep="\n")
    print(f"{spent[0]:.0f} s, of which {spent[1]:.0f} s on a processor")


if __name__ == "__main__":
    main(*sys.argv[1:])
