"""Two sigmoids put together by hand make a parabola, nearly. What do trained ones look like?

python analyses/parabola_by_hand.py            # half a minute
python analyses/parabola_by_hand.py --quick    # seconds, with few restarts
"""

import argparse
from typing import Any

import nnpost

parser = argparse.ArgumentParser(description="networks set by hand beside trained ones")
parser.add_argument("--quick", action="store_true", help="few restarts")
quick = parser.parse_args().quick

data = nnpost.datasets.parabola(size=500, seed=0)
net = nnpost.MLP(inputs=1, hidden=(2,), activation="sigmoid")
post = nnpost.Posterior(net, data, likelihood=nnpost.MSE(), prior=nnpost.GaussianPrior(30.0))

# A network is one flat vector: both input weights, both biases, both output weights, output bias.
# The article's three attempts by hand are a mirrored pair of units, scaled and shifted.
steep = 1e4  # a sigmoid as steep as this is the Heaviside step, the article's fourth attempt
networks: dict[str, Any] = {
    "20[σ(x)+σ(−x)]": [1, -1, 0, 0, 20, 20, 0],
    "20[σ(x−3)+σ(−x−3)]": [1, -1, -3, -3, 20, 20, 0],
    "25[σ(1.2x−4)+…]": [1.2, -1.2, -4, -4, 25, 25, 0],
    "25[Heaviside steps]": [1.2 * steep, -1.2 * steep, -4 * steep, -4 * steep, 25, 25, 0],
    "the article's Adam": [-1.4160, 1.4624, -4.9017, -4.9822, 23.6837, 22.9339, 0.9818],
}

# Ours: the best of many restarts, and the two maxima that an optimiser may be thought to look for.
fits = nnpost.train(post, restarts=16 if quick else 256, lr=0.03, epochs=3000, loss="sum", seed=0)
networks |= {"Adam, best restart": fits.sgd.theta, "MAP": fits.map.theta, "MLE": fits.mle.theta}

print(f"{'network':<23}{'mse':>9}{'mean |Δy|':>11}{'log posterior':>15}")
for name, theta in networks.items():
    residual = abs(data.y - post.predict(theta)).mean()
    print(f"{name:<23}{post.mse(theta):>9.4g}{residual:>11.3f}{post.log_prob(theta):>15.2f}")

print("\nThe best likelihood is no pair of steps at all: two shallow arcs of two huge sigmoids.")
for file in nnpost.figures.save(nnpost.figures.parts(post, networks), "figures/parabola/by_hand"):
    print(file)
