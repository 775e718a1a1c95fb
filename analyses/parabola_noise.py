"""The parabola with its proper noise: given as it is, and inferred together with the network.

    python analyses/parabola_noise.py            # a few minutes
    python analyses/parabola_noise.py --quick    # under a minute; the chains are too short

The article's exp(−MSE) is a Gaussian likelihood with σ = √(500/2) ≈ 15.8, a hundred times the noise
of 0.5 U(0, 1), whose standard deviation is 0.5/√12 ≈ 0.1443. What changes when σ is right?
"""

import argparse

import numpy as np

import nnpost

parser = argparse.ArgumentParser(description="the parabola with its noise given and inferred")
parser.add_argument("--quick", action="store_true", help="few particles and short chains")
quick = parser.parse_args().quick

data = nnpost.datasets.parabola(size=500, seed=0)
net = nnpost.MLP(inputs=1, hidden=(2,), activation="sigmoid")
inside, outside = np.array([0.0, 5.0]), np.array([7.5, 10.0])

likelihoods: dict[str, nnpost.MSE | nnpost.Gaussian] = {
    "article": nnpost.MSE(),
    "noise_given": nnpost.Gaussian(0.5 / np.sqrt(12)),
    "noise_inferred": nnpost.Gaussian("infer"),
}
for name, likelihood in likelihoods.items():
    post = nnpost.Posterior(net, data, likelihood, nnpost.GaussianPrior(30.0))
    fits = nnpost.train(
        post, restarts=16 if quick else 256, lr=0.03, epochs=3000, loss="sum", seed=0
    )
    tempering = nnpost.temper(post, 4, particles=400 if quick else 1000, seed=0)
    run = nnpost.sample(post, nsteps=200 if quick else 2500, seed=0, fits=fits, tempering=tempering)
    comparison = nnpost.compare(post, fits, run)
    print(f"\n== {name.replace('_', ' ')}: {'' if run.verdict.converged else 'not '}converged\n")
    print(comparison)
    print(f"log Z {run.log_evidence:.3f} ± {tempering.error:.3f}")
    print(f"{comparison.hpd_level:.1%} of the draws have a higher log posterior than the best Adam")
    f = post.predict(run.samples[::20], np.r_[inside, outside])
    for x, mean, sd in zip(np.r_[inside, outside], f.mean(0), f.std(0), strict=True):
        print(f"f({x:4.1f}) = {mean:8.3f} ± {sd:.3f}   x² + 0.25 = {x**2 + 0.25:.3f}")
    if post.infers_noise:
        sigma = np.exp(run.samples[:, -1])
        print(f"σ = {sigma.mean():.4f} ± {sigma.std():.4f}, the truth is {0.5 / np.sqrt(12):.4f}")
    figure = nnpost.figures.fits_and_residuals(post, comparison, run)
    for file in nnpost.figures.save(figure, f"figures/parabola/{name}"):
        print(file)
