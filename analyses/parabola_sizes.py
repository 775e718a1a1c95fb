"""How many units does a parabola need? The article's panels, and the evidence beside them.

    python analyses/parabola_sizes.py            # a few minutes
    python analyses/parabola_sizes.py --quick    # under a minute, with rough evidences

The first part is also a command: nnpost units parabola --activation sigmoid,softsign,relu
"""

import argparse
from typing import Any

import numpy as np

import nnpost

parser = argparse.ArgumentParser(description="networks of many sizes on the parabola")
parser.add_argument("--quick", action="store_true", help="few sizes, restarts and particles")
quick = parser.parse_args().quick

data = nnpost.datasets.parabola(size=500, seed=0)
truth = nnpost.datasets.TRUTHS["parabola"]  # x² and the mean of the noise
training: dict[str, Any] = {
    "lr": 0.03,
    "epochs": 1000,
    "restarts": 8 if quick else 64,
    "loss": "sum",
}
tempering = {"particles": 200 if quick else 500, "steps": 4}
sizes = (1, 2, 4) if quick else (1, 2, 4, 6, 8, 16)

# The article: 1 to 16 units, three activations, 1,000 epochs, extrapolated to [-10, 10]. Its
# likelihood is exp(-MSE), and the evidence says how many units are worth their parameters under it.
net = nnpost.MLP(inputs=1, hidden=(2,), activation="sigmoid")
post = nnpost.Posterior(net, data, nnpost.MSE(), nnpost.GaussianPrior(30.0))
kinds = ("sigmoid", "softsign", "relu")
found = nnpost.scan(post, sizes, kinds, training, tempering, truth=truth)
print(found, "\n")

# The claims: one unit gets no more than the mean, two do ten times better, six four times more.
mean_only = abs(data.y - data.y.mean()).mean()
print(f"mean of y {data.y.mean():.3f}; a constant leaves ⟨|Δy|⟩ = {mean_only:.2f}")
for size in found.of("sigmoid"):
    print(f"{size.name:<17} ⟨|Δy|⟩ {size.residual:.3f}, {mean_only / size.residual:.1f} times less")

# With the noise as it is, one unit is out of the question, and three are hard to temper.
sharp = nnpost.Posterior(net, data, nnpost.Gaussian(0.5 / np.sqrt(12)), nnpost.GaussianPrior(30.0))
few = (1, 2) if quick else (1, 2, 3)
asked = nnpost.scan(sharp, few, None, training | {"epochs": 3000}, tempering, truth=truth)
print("\n", asked, sep="")

for title, result in (("sizes", found), ("sizes_noise_given", asked)):
    for file in nnpost.figures.save(nnpost.figures.sizes(result), f"figures/parabola/{title}"):
        print(file)
