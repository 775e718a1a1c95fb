"""The posteriors on which samplers are compared, and what is known of them exactly.

    python benchmarks/problems.py

makes the references anew, in a minute, and writes them to benchmarks/results/reference.json. They
are importance sampling in the space of the hidden weights, with the output layer drawn exactly: a
mixture of Student distributions is fitted to draws of nnpost's, and the weights make up for all in
which it differs from the posterior. Only where nnpost had found no draws at all would they be
wrong; log Z agrees with that of a reference that was made before nnpost (−22.739) and with that of
nested sampling (`make nested`).
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from judged import Summary, Weighted, kish, summary

import nnpost
from nnpost import symmetry
from nnpost.numerics.student_mixture import fit_mixture
from nnpost.posterior.output_layer import OutputLayer

REFERENCE = Path(__file__).parent / "results" / "reference.json"
LIKELIHOODS = {"mse": nnpost.MSE(), "σ = 0.1443": nnpost.Gaussian(0.1443)}
DRAWS, PILOT, COMPONENTS = 1_000_000, 20_000, 64
CHAINS = 4  # independent ones of every sampler


@dataclass(frozen=True)
class Problem:
    """A posterior, and where chains that find no start by themselves begin.

    ``around`` (P,) is what they begin around; prior draws where it is None.
    """

    post: nnpost.Posterior
    around: np.ndarray | None = None

    def starts(self, count: int, seed: int = 0) -> np.ndarray:
        """(count, P), a thousandth of the prior's width around a point, or prior draws."""
        steps = self.post.scales * np.random.default_rng(seed).standard_normal(
            (count, self.post.ndim)
        )
        return steps if self.around is None else self.around + 1e-3 * steps


def parabola(name: str) -> nnpost.Posterior:
    """Two sigmoid units on 500 points, seven parameters, prior N(0, 30²)."""
    return nnpost.Posterior(nnpost.MLP(1, (2,)), nnpost.datasets.parabola(), LIKELIHOODS[name])


def exactly(
    post: nnpost.Posterior, pilot: np.ndarray, draws: int = DRAWS, components: int = COMPONENTS
) -> tuple[Weighted, float]:
    """Weighted draws by importance from a mixture fitted to ``pilot`` (n, P), and log Z."""
    layer, rng = OutputLayer(post), np.random.RandomState(0)
    copies = symmetry.jump(post.net, pilot, rng)
    mixture = fit_mixture(layer.split(copies), components, rng)
    h = mixture.draw(draws, rng)
    theta, density, log_prob = layer.draw(h, rng)
    log_weights = density - mixture.log_prob(h)
    top = log_weights.max()
    weights = np.exp(log_weights - top)
    log_z = float(np.log(weights.mean()) + top)
    return Weighted(theta, log_prob, weights / weights.sum()), log_z


def make_reference(name: str) -> Summary:
    """Of one of the parabola's posteriors; what it rests on is printed."""
    post = parabola(name)
    run = nnpost.sample(post, nsteps=2_000, seed=0)
    pilot = run.get_chain(discard=run.burnin, flat=True)
    some = np.random.default_rng(0).permutation(len(pilot))[:PILOT]
    draws, log_z = exactly(post, pilot[some])
    effective = kish(draws.weights)
    found = summary(post, draws, log_z)
    print(
        f"{name}: log Z {log_z:.4f} ± {1 / math.sqrt(effective):.4f}, mean log posterior "
        f"{found.log_prob:.4f} ± {found.log_prob_sd / math.sqrt(effective):.4f}, sd "
        f"{found.log_prob_sd:.3f}, from {effective:,.0f} effective draws"
    )
    return found


def reference(name: str) -> Summary:
    """As it was made and kept."""
    kept = json.loads(REFERENCE.read_text("utf-8"))[name]
    arrays = {key: np.array(value) for key, value in kept.items() if isinstance(value, list)}
    return Summary(**kept | arrays)


def main() -> None:
    found = {name: asdict(make_reference(name)) for name in LIKELIHOODS}
    text = json.dumps(found, indent=2, ensure_ascii=False, default=np.ndarray.tolist)
    REFERENCE.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
