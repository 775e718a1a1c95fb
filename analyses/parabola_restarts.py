"""The article prints one fit, of MSE 0.73. How often does training get there, and how soon?

python analyses/parabola_restarts.py            # about a minute
python analyses/parabola_restarts.py --quick    # seconds, with few restarts
"""

import argparse

import numpy as np
import torch

import nnpost

parser = argparse.ArgumentParser(description="the same training from hundreds of starts")
parser.add_argument("--quick", action="store_true", help="few restarts")
quick = parser.parse_args().quick

data = nnpost.datasets.parabola(size=500, seed=0)
net = nnpost.MLP(inputs=1, hidden=(2,), activation="sigmoid")
post = nnpost.Posterior(net, data, likelihood=nnpost.MSE(), prior=nnpost.GaussianPrior(30.0))
restarts, epochs = (16, 3000) if quick else (256, 10_000)

# One long run of all restarts holds every shorter one: losses along the way are kept.
fits = nnpost.train(post, restarts=restarts, lr=0.03, epochs=epochs, loss="sum", seed=0)
print(f"mse of {restarts} restarts after so many epochs, and the share of them that reached 0.73")
print(f"{'epochs':>7}{'best':>9}{'5 %':>9}{'25 %':>9}{'median':>9}{'95 %':>9}{'≤ 0.73':>9}")
for stop in (500, 1000, 1500, 2000, 2500, 3000, 5000, 10_000):
    if stop <= epochs:
        mse = fits.loss[np.argmin(abs(fits.epochs - stop))]
        levels = "".join(f"{v:9.4g}" for v in np.quantile(mse, (0, 0.05, 0.25, 0.5, 0.95)))
        print(f"{stop:7}{levels}{np.mean(mse <= 0.73):9.0%}")
soonest = fits.epochs[(fits.loss <= 0.73).any(axis=1)].min(initial=epochs + 1)
stuck = np.mean(fits.mse > 0.9 * data.y.var())
print(
    f"\nno restart is at 0.73 before epoch {soonest}; {stuck:.0%} never leave the mean of the data"
)

# The article's own loop in plain torch, so that this cannot be something that nnpost does.
x, y = (torch.tensor(v, dtype=torch.float32).reshape(-1, 1) for v in (data.x, data.y))
ends = []
for seed in range(2 if quick else 8):
    module = torch.nn.Sequential(torch.nn.Linear(1, 2), torch.nn.Sigmoid(), torch.nn.Linear(2, 1))
    generator = torch.Generator().manual_seed(seed)
    for values in module.parameters():
        bound = 2**-0.5 if values.shape[-1] == 2 and values.dim() == 2 else 1.0
        torch.nn.init.uniform_(values, -bound, bound, generator=generator)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.03)
    for _ in range(1000):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(module(x), y, reduction="sum").backward()
        optimizer.step()
    ends.append(torch.nn.functional.mse_loss(module(x), y).item())
shown = ", ".join(f"{mse:.3g}" for mse in sorted(ends))
print(f"plain torch, {len(ends)} restarts of 1,000 epochs: mse {shown}")

for file in nnpost.figures.save(nnpost.figures.losses(fits), "figures/parabola/restarts"):
    print(file)
