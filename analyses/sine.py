"""The second part of the article: how many units does a sine need on [−10, 10], where it turns
six times?

    python analyses/sine.py            # a few minutes
    python analyses/sine.py --quick    # under a minute, with rough evidences
"""

import argparse
from typing import Any

import numpy as np

import nnpost

parser = argparse.ArgumentParser(description="networks of many sizes on the sine")
parser.add_argument("--quick", action="store_true", help="few sizes, restarts and particles")
quick = parser.parse_args().quick

data = nnpost.datasets.sine(size=1000, seed=0)
truth = nnpost.datasets.TRUTHS["sine"]
net = nnpost.MLP(inputs=1, hidden=(6,), activation="sigmoid")
training: dict[str, Any] = {
    "lr": 0.03,
    "epochs": 1000,
    "restarts": 8 if quick else 64,
    "loss": "sum",
}
tempering = {"particles": 200 if quick else 500, "steps": 4}
sizes = (1, 2, 6) if quick else (1, 2, 4, 6, 8, 16)

# The article's likelihood, exp(-MSE), cannot tell a sine from noise: at most half a nat is to be
# gained, and every further unit makes hardly a difference.
post = nnpost.Posterior(net, data, nnpost.MSE(), nnpost.GaussianPrior(30.0))
found = nnpost.scan(post, sizes, None, training, tempering, truth=truth)
print(found, "\n")

# Six turns need six units, says the article. Count those of the best fit and of the maximum of the
# likelihood that is near the fits: where the slope, not counting flat parts, changes its sign.
x = np.linspace(-10, 10, 4001)
print(f"{'':<17}{'best fit':>22}{'maximum likelihood':>24}")
for units in (2, 4) if quick else (2, 3, 4, 5, 6):
    one = nnpost.Posterior(nnpost.MLP(1, (units,)), data)
    fits = nnpost.train(one, **training)
    print(f"{units} sigmoid units  ", end="")
    for model in (fits.sgd, fits.mle):
        slope = np.diff(one.predict(model.theta, x))
        slope = slope[abs(slope) > 0.01 * abs(slope).max()]
        turns = int((np.diff(np.sign(slope)) != 0).sum())
        print(f"   mse {model.mse:.4f}, turns {turns}", end="")
    print()

for file in nnpost.figures.save(nnpost.figures.sizes(found), "figures/sine/sizes"):
    print(file)
