"""A single neuron learns to add two numbers. How sure can it be of 9 + 90?

    python analyses/neuron_addition.py            # about a minute
    python analyses/neuron_addition.py --quick    # seconds

The network is one linear unit, so its posterior is a Gaussian known in closed form: every sampled
number below has the exact one beside it.
"""

import argparse
from dataclasses import replace
from typing import Any

import emcee
import numpy as np

import nnpost
from nnpost import figures

NAME = "neuron-addition"
ARTICLE = {1: 0.0345, 11: 7.1e-5, 21: 7.1e-7, 31: 1.6e-9, 41: 1.5e-11, 51: 2.1e-13, 61: 1.1e-14,
           71: 1.1e-19, 81: 0.0}  # fmt: skip
SUM = np.array([[9.0, 90.0]])
SIGMA = 0.1  # assumed: the article's sums are exact, and what is exact leaves nothing unsure


def main(quick: bool) -> None:
    """Train many neurons, sample their posterior, and check it against the closed form."""
    # Numbers in single precision and their sums in single precision, as in the article: only then
    # can a loss in single precision be exactly zero.
    x = nnpost.datasets.pair_sum(size=1000, seed=0).x.astype(np.float32)
    data, net = nnpost.Dataset(x, x.sum(axis=1), name="pair_sum"), nnpost.MLP(inputs=2)
    post = nnpost.Posterior(net, data, nnpost.Gaussian(SIGMA), nnpost.GaussianPrior(30.0))

    # The article's recipe, from many starts, in its single precision and in double.
    recipe: dict[str, Any] = {"optimizer": "adam", "lr": 0.1, "epochs": 100, "batch_size": 200}
    restarts = 32 if quick else 256
    single = nnpost.train(post, restarts=restarts, dtype="float32", **recipe)
    double = nnpost.train(post, restarts=restarts, dtype="float64", **recipe)
    print("epoch  article   10 %, median, 90 % of restarts   double precision")
    for epoch, told in ARTICLE.items():
        shares = [*np.quantile(single.loss[epoch - 1], [0.1, 0.5, 0.9]),
                  np.median(double.loss[epoch - 1])]  # fmt: skip
        print(
            "{:5}  {:7.1e}   {:7.1e}  {:7.1e}  {:7.1e}        {:7.1e}".format(epoch, told, *shares)
        )
    wrong = abs(post.predict(single.theta, SUM)[:, 0] - 99)
    print(f"\n{np.mean(single.loss.min(axis=0) == 0):.0%} of restarts reach a loss of exactly zero")
    ends = np.round(single.theta[0, :2], 6)
    print("the weights of the first start at", net.initial(1)[0, :2], "and end at", ends)
    missed = np.quantile(wrong, [0.5, 0.9, 1.0])
    print("f(9, 90) misses 99 by {:.0e} (median), {:.0e} (90 %), {:.0e} (worst)\n".format(*missed))

    # Its posterior if every sum is known to ±0.1: exactly, by nnpost, and by emcee's own stretch.
    exact = nnpost.closed_form(post)
    run = nnpost.sample(post, f"chains/{NAME}-script.h5", nsteps=500, seed=0, fits=single)
    stretch = emcee.EnsembleSampler(32, post.ndim, post.log_prob, vectorize=True)
    stretch.random_state = np.random.RandomState(0).get_state()
    start = np.random.default_rng(0).normal(exact.mean, 0.1, (32, post.ndim))
    stretch.run_mcmc(start, 1000 if quick else 10_000)
    print(f"log Z is {exact.log_evidence:.6f}, nnpost.sample finds {run.log_evidence:.6f}\n")
    print(
        "                            exact             sampled            ratio of sd   z of mean"
    )
    beside("direct draws", exact, post, run.get_chain(discard=run.burnin), run.ensembles)
    beside("emcee's stretch", exact, post, stretch.get_chain(discard=200), 1)

    # Does the error bar tell the truth? Data whose sums really are off by ±0.1, many times.
    seeds = range(200 if quick else 1000)
    share = np.mean([holds_99(post, seed) for seed in seeds])
    print(f"\nthe 90 % interval of 9 + 90 holds 99 in {share:.1%} of {len(seeds)} noisy data sets")
    pictures(exact, single, run)


def beside(title: str, exact: nnpost.ClosedForm, post: nnpost.Posterior, chain: np.ndarray,
           ensembles: int) -> None:  # fmt: skip
    """Means and standard deviations of a chain (N, W, 3) and of 9 + 90, with the exact ones."""
    mean, sd = exact.predict(SUM)
    mean, sd = np.append(exact.mean, mean), np.append(exact.sd, sd)
    values = np.concatenate([chain, post.predict(chain, SUM)], axis=-1)
    found, spread = values.mean(axis=(0, 1)), values.std(axis=(0, 1))
    z = (found - mean) / spread * np.sqrt(nnpost.diagnostics.effective_size(values, ensembles))
    for k, name in enumerate(["a1", "a2", "c", "9 + 90"]):
        print(f"{title:16} {name:>6}  {mean[k]:8.4f} ± {sd[k]:.4f}  {found[k]:8.4f} ± "
              f"{spread[k]:.4f}   {spread[k] / sd[k]:10.4f}   {z[k]:+9.1f}")  # fmt: skip


def holds_99(post: nnpost.Posterior, seed: int) -> bool:
    """Whether the exact 90 % interval of 9 + 90 holds 99, given noisy sums."""
    noisy = replace(post, data=nnpost.datasets.pair_sum(1000, seed, noise=SIGMA))
    mean, sd = nnpost.closed_form(noisy).predict(SUM)
    return bool(abs(mean[0] - 99) < 1.6449 * sd[0])


def pictures(exact: nnpost.ClosedForm, fits: nnpost.Fits, run: nnpost.Run) -> None:
    """The loss beside the article's, f(9, 90), and how the error bar grows; the corner plot."""
    (mean,), (sd,) = exact.predict(SUM)
    density, edges = np.histogram(run.post.predict(run.samples, SUM)[:, 0], 40, density=True)
    at, far, places = (edges[1:] + edges[:-1]) / 2, np.linspace(-20, 100), np.linspace(-20, 100, 13)
    bell = np.exp(-0.5 * ((at - mean) / sd) ** 2) / (sd * np.sqrt(2 * np.pi))
    drawn = run.post.predict(run.samples, np.column_stack([places, places])).std(axis=0)
    known = exact.predict(np.column_stack([far, far]))[1]
    panels = [
        replace(figures.learning_curves(fits, "dots: the article"),
                points=(list(ARTICLE), list(ARTICLE.values()))),
        figures.Panel("f(9, 90)", "density", "dots: draws", points=(at, density),
                      lines={"exact posterior": figures.Line(at, bell)}),
        figures.Panel("t", "sd of f(t, t)", "dots: draws", points=(places, drawn),
                      lines={"exact posterior": figures.Line(far, known)}),
    ]  # fmt: skip
    drawings = {"lesson": figures.panels(panels), "corner": figures.corner(run, fits=fits)}
    for title, figure in drawings.items():
        print(*figures.save(figure, f"figures/{NAME}-script/{title}"), sep="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="a neuron that adds, and its exact posterior")
    parser.add_argument("--quick", action="store_true", help="fewer restarts and shorter chains")
    main(parser.parse_args().quick)
