"""The second part of the article: how many units does a sine need on [−10, 10], where it turns
six times?

    python analyses/sine.py            # a few minutes
    python analyses/sine.py --quick    # under a minute, with rough evidences
"""

import argparse

import numpy as np

import nnpost

parser = argparse.ArgumentParser(description="networks of many sizes on the sine")
parser.add_argument("--quick", action="store_true", help="few sizes, restarts and particles")
quick = parser.parse_args().quick

data = nnpost.datasets.sine(size=1000, seed=0)
truth = nnpost.datasets.TRUTHS["sine"]
net = nnpost.MLP(inputs=1, hidden=(6,), activation="sigmoid")
training = {"lr": 0.03, "epochs": 1000, "restarts": 8 if quick else 64, "loss": "sum"}
tempering = {"particles": 200 if quick else 500, "steps": 4}
sizes = (1, 2, 6) if quick else (1, 2, 4, 6, 8, 16)

# The article's likelihood, exp(-MSE), cannot tell a sine from noise: at most half a nat is to be
# gained, and every further unit makes hardly a difference.
post = nnpost.Posterior(net, data, nnpost.MSE(), nnpost.GaussianPrior(30.0))
found = nnpost.scan(post, sizes, None, training, tempering, truth=truth)
print(found, "\n")

# A network of N sigmoids is said to turn N times at most. Count the turns of each best fit.
x = np.linspace(-10, 10, 4001)
for size in found.sizes:
    own = nnpost.Posterior(nnpost.MLP(1, (size.units,)), data)
    slope = np.diff(own.predict(size.theta, x))
    turns = int((np.diff(np.sign(slope)) != 0).sum())
    print(f"{size.name:<17} turns {turns} times, mean |Δy| {size.residual:.3f}")

for file in nnpost.figures.save(nnpost.figures.sizes(found), "figures/sine/sizes"):
    print(file)
