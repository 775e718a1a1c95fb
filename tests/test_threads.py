"""The same seed gives the same bits whatever the number of threads: training, tempering, chain.

Two processes, in which numba, torch and BLAS have one thread and two, go through all stages; every
array that they find is hashed. Particles are so many that kernels split them over the threads.
"""

import json
import os
import subprocess
import sys

STAGES = """
import hashlib, json, os
import numpy as np
import torch
import nnpost
from nnpost.common.parallel import cores
from nnpost.numerics.student_mixture import Fit, fit_mixture

assert cores() == torch.get_num_threads() == int(os.environ["OMP_NUM_THREADS"])
found = {}

def keep(**arrays):
    for what, array in arrays.items():
        bits = np.ascontiguousarray(array).tobytes()
        found[f"{name}: {what}"] = hashlib.sha256(bits).hexdigest()

rng = np.random.default_rng(0)
x = np.linspace(-2, 2, 300)
data = nnpost.Dataset(x, np.tanh(3 * x) + np.tanh(2 * x - 2) + 0.1 * rng.standard_normal(300))
net = nnpost.MLP(1, (2,), "tanh")
cases = {
    "from the prior": (nnpost.MSE(), "prior"),
    "noise inferred": (nnpost.Gaussian("infer"), "prior"),
    "from basins": (nnpost.Gaussian(0.1), "basins"),
}
for name, (likelihood, start) in cases.items():
    post = nnpost.Posterior(net, data, likelihood, nnpost.GaussianPrior(5.0))
    fits = nnpost.train(post, restarts=16, epochs=60, seed=1)
    keep(ends=fits.theta, MAP=fits.map.theta, MLE=fits.mle.theta)
    begun = nnpost.temper(post, 4, particles=512, steps=1, start=start, seed=2)
    keep(log_z=begun.log_z, particles=begun.theta)
    settings = {"ensembles": 4, "nwalkers": 32, "nsteps": 30, "discard": 10, "seed": 3}
    run = nnpost.sample(post, tempering=begun, **settings)
    keep(chain=run.chain, log_prob=run.log_prob)

name = "a mixture of many components"
draws = rng.standard_normal((2000, 7))
mixture = fit_mixture(draws, 150, np.random.RandomState(0), Fit(rounds=3))
keep(means=mixture.means, roots=mixture.roots, density=mixture.log_prob(draws))
print(json.dumps(found))
"""


def bits(threads: int) -> dict[str, str]:
    """Hashes by what they are of."""
    names = ("OMP", "MKL", "OPENBLAS", "NUMBA")
    env = os.environ | {f"{name}_NUM_THREADS": str(threads) for name in names}
    done = subprocess.run(
        [sys.executable, "-c", STAGES], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_threads_change_no_bit():
    one, two = bits(1), bits(2)
    assert {what for what in one if one[what] != two[what]} == set()
