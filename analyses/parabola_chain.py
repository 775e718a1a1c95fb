"""Why the article's chain had not converged, and how one sees it.

python analyses/parabola_chain.py            # about a minute
python analyses/parabola_chain.py --quick    # seconds; the good chain is then too short as well
"""

import argparse

import nnpost

parser = argparse.ArgumentParser(description="the article's MCMC recipe, repeated and judged")
parser.add_argument("--quick", action="store_true", help="short chains")
quick = parser.parse_args().quick

data = nnpost.datasets.parabola(size=500, seed=0)
net = nnpost.MLP(inputs=1, hidden=(2,), activation="sigmoid")
post = nnpost.Posterior(net, data, likelihood=nnpost.MSE(), prior=nnpost.GaussianPrior(30.0))


def told(name: str, run: nnpost.Run) -> None:
    draws = run.sample_log_prob
    level = f"{draws.mean():9.2f} ± {draws.std():.2f}"
    print(f"{name:<22}{level:>16}{run.best_sample.mse:11.3f}{run.seconds:9.1f}")


# The recipe: 28 walkers from a ball of 1e-4 at zero, stretch moves, 10,000 steps, 500 discarded.
# The article runs it once. Four runs that differ in the seed alone should tell the same.
print(f"{'':<22}{'log posterior':>16}{'best mse':>11}{'seconds':>9}")
nsteps = 2000 if quick else 10_000
for seed in range(4):
    run = nnpost.sample(
        post, moves="stretch", start="ball", ensembles=1, nwalkers=28, nsteps=nsteps, discard=500,
        seed=seed,
    )  # fmt: skip
    told(f"article, seed {seed}", run)

# Four such ensembles beside each other can be judged; one cannot.
four = nnpost.sample(
    post, moves="stretch", start="ball", ensembles=4, nwalkers=28, nsteps=nsteps, discard=500
)
told("article, 4 ensembles", four)

# The same posterior with the output layer integrated out, and tempered starts.
good = nnpost.sample(post, ensembles=4, nwalkers=32, nsteps=500 if quick else 3000)
told("collapsed, tempered", good)

print(f"\nthe article's recipe, four times: {four.verdict}")
print(f"\ncollapsed moves from tempered starts: {good.verdict}")

# Weights of any size are fine: a sigmoid of −10,000 is 0, without the article's overflow.
huge = [1e4, -1e4, 0, 0, 20, 20, 0]
print(
    f"\nlog likelihood of a network with input weights of 10,000: {post.log_likelihood(huge):.3f}"
)

for title, run in (("article", four), ("collapsed", good)):
    for file in nnpost.figures.save(nnpost.figures.traces(run), f"figures/parabola/chain_{title}"):
        print(file)
