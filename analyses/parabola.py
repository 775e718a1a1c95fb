"""The parabola, told step by step: where does the network that SGD found lie in its posterior?

    python analyses/parabola.py            # about a minute on two cores
    python analyses/parabola.py --quick    # seconds, to see that it works; the chain is too short

The same job as `nnpost run parabola`, with the pieces in sight.
"""

import argparse

import nnpost

parser = argparse.ArgumentParser(description="the parabola of the first article, step by step")
parser.add_argument("--quick", action="store_true", help="few restarts and a short chain")
quick = parser.parse_args().quick
name = "parabola-quick" if quick else "parabola-script"

# A noisy parabola, and a network of two sigmoid units that has to bend into one: 7 parameters.
data = nnpost.datasets.parabola(size=500, seed=0)
net = nnpost.MLP(inputs=1, hidden=(2,), activation="sigmoid")

# The article scores a network by exp(-MSE) times a Gaussian prior of standard deviation 30.
post = nnpost.Posterior(net, data, likelihood=nnpost.MSE(), prior=nnpost.GaussianPrior(30.0))

# Train it: not once, as the article did, but from many starts. MAP and MLE come with the fits.
fits = nnpost.train(
    post, restarts=32 if quick else 256, optimizer="adam", lr=0.03, epochs=3000, loss="sum", seed=0
)
print(fits, "\n")

# Sample the posterior with four ensembles of walkers that know nothing of each other. Each starts
# from its own tempered particles, so that they either agree or are seen to disagree.
run = nnpost.sample(
    post,
    path=f"chains/{name}.h5",
    ensembles=4,
    nwalkers=32,
    nsteps=500 if quick else 2000,
    seed=0,
    fits=fits,
)
print(run, "\n")
print(run.verdict, "\n")

# Where does SGD lie? All networks below are brought to one of the equivalent copies first.
comparison = nnpost.compare(post, fits, run)
print(comparison, "\n")
print(f"{comparison.hpd_level:.1%} of the posterior draws have a higher log posterior than SGD.")
gap = comparison.map.log_prob - comparison.sgd.log_prob
print(f"SGD lies {gap:.2f} nats below the maximum; {net.ndim} parameters make a gap of about")
print(f"{net.ndim / 2} typical for a draw from a Gaussian posterior. The mode is not typical.\n")

# Look at it.
pictures = {
    "corner": nnpost.figures.corner(run, comparison=comparison),
    "fits": nnpost.figures.fits_and_residuals(post, comparison, run),
    "log_posterior": nnpost.figures.log_posterior(run, comparison),
    "losses": nnpost.figures.losses(fits),
    "traces": nnpost.figures.traces(run),
}
for title, figure in pictures.items():
    for file in nnpost.figures.save(figure, f"figures/{name}/{title}"):
        print(file)
