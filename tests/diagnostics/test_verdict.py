"""The verdict against chains whose convergence is known: independent draws and AR(1) processes."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from emcee import State
from emcee.model import Model

from nnpost.common.errors import RequestError
from nnpost.data.dataset import Dataset
from nnpost.data.grids import prediction_grid
from nnpost.diagnostics.criteria import Criteria
from nnpost.diagnostics.mixing import autocorr_time, effective_size, nested_rhat
from nnpost.diagnostics.survey import Compared, Evidence, Region, Survey
from nnpost.diagnostics.verdict import JudgedRows, Verdict, judge
from nnpost.moves.differential_evolution import DifferentialEvolution
from nnpost.moves.ensemble import EnsembleMove
from nnpost.moves.stretch import Stretch
from nnpost.network.mlp import MLP
from nnpost.posterior.likelihoods.gaussian import Gaussian
from nnpost.posterior.posterior import Posterior
from nnpost.sampling.run import Run
from nnpost.storage.runfile import read_group, write_groups

N, W, E = 1000, 32, 4


def evidence_of(log_z):
    """What independent runs with these log Z come to."""
    if not np.isfinite(max(log_z)):
        return Evidence(math.nan, math.nan, tuple(log_z))
    z = np.exp(np.array(log_z))
    error = float(z.std(ddof=1) / z.mean() / math.sqrt(z.size)) if z.size > 1 else math.nan
    return Evidence(float(np.log(z.mean())), error, tuple(float(v) for v in log_z))


@pytest.fixture(scope="module")
def line() -> Posterior:
    """f(x) = a x + c: theta is identified, and predictions are a Gaussian where theta is one."""
    x = np.linspace(-1, 1, 20)
    return Posterior(MLP(inputs=1, hidden=()), Dataset(x=x, y=2 * x))


def independent(seed, rows=N, walkers=W, dim=2):
    return np.random.default_rng(seed).standard_normal((rows, walkers, dim))


def ar1(phi, rows, walkers, seed):
    """x' = φ x + √(1 − φ²) ε from its stationary law; τ = (1 + φ)/(1 − φ)."""
    noise = np.random.default_rng(seed).standard_normal((rows, walkers))
    x = np.empty_like(noise)
    x[0] = noise[0]
    for i in range(1, rows):
        x[i] = phi * x[i - 1] + math.sqrt(1 - phi**2) * noise[i]
    return x


def log_density(chain):
    return -0.5 * (chain**2).sum(-1)


def judged(post, chain, ensembles=E, **kwargs):
    return judge(post, chain, log_density(chain), ensembles, **kwargs)


# Estimators


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_autocorrelation_time_of_an_ar1_process(phi):
    rows, walkers = 4000, 32
    tau = (1 + phi) / (1 - phi)
    # Sokal (1997) eq. 3.19: var τ̂ = 2(2M + 1)/(N W) τ², with the window M = 5τ.
    sd = tau * math.sqrt(2 * (2 * 5 * tau + 1) / (rows * walkers))
    x = ar1(phi, rows, walkers, seed=1)
    assert autocorr_time(x, walkers) == pytest.approx(tau, abs=4 * sd)
    assert effective_size(x, walkers) == pytest.approx(rows * walkers / tau, rel=4 * sd / tau)


def test_autocorrelation_time_equals_the_sum_written_out():
    """τ = 1 + 2 Σ ρ_k up to the window; ρ_k by summing the products, without Fourier transforms."""
    n, walkers, c = 200, 3, 5.0
    x = ar1(0.8, n, walkers, seed=12)
    z = (x - x.mean()) / x.std()
    tau = 1.0
    for lag in range(1, n // 2 + 1):
        products = [z[i, w] * z[i + lag, w] for i in range(n - lag) for w in range(walkers)]
        tau += 2 * np.sum(products) / (walkers * (n - lag))
        if lag >= c * tau:
            break
    assert autocorr_time(x, walkers) == pytest.approx(tau, rel=1e-9)


def test_effective_size_predicts_the_error_of_the_mean():
    """Var of the mean over 400 replicas is 1/ESS, within four of its standard errors."""
    replicas, rows, walkers = 400, 500, 4
    x = ar1(0.8, rows, walkers * replicas, seed=2).reshape(rows, replicas, walkers)
    ess = np.mean([effective_size(x[:, r], walkers) for r in range(replicas)])
    variance = x.mean(axis=(0, 2)).var(ddof=1)
    assert variance * ess == pytest.approx(1, abs=4 * math.sqrt(2 / replicas))


@pytest.mark.parametrize("proposal", [Stretch(), DifferentialEvolution()], ids=["stretch", "de"])
def test_effective_size_where_walkers_propose_from_each_other(proposal):
    """log_prob of a Gaussian in 13 dimensions: the variance of the means of 400 ensembles is 1/ESS.

    That variance is known to a standard error of 7 %, the ESS of four ensembles at a time to less.
    Single walkers alone, each of which forgets faster than the mean of all, would give 1.5 times
    too much for stretch moves.
    """
    rows, ensembles, width, ndim = 2000, 400, 32, 13
    rng = np.random.RandomState(0)
    start = rng.standard_normal((ensembles * width, ndim))
    move = EnsembleMove(proposal, ensembles)
    model = Model(log_density, None, None, rng)
    state = State(start, log_prob=log_density(start))
    log_prob = np.empty((rows, len(start)))
    for row in log_prob:
        state, _ = move.propose(model, state)
        row[:] = state.log_prob
    groups = log_prob.reshape(rows, ensembles // E, E * width).swapaxes(0, 1)
    ess = np.mean([effective_size(group, E) for group in groups])
    means = log_prob.reshape(rows, ensembles, width).mean(axis=(0, 2))
    ratio = ess / E * means.var(ddof=1) / log_prob.var()
    assert ratio == pytest.approx(1, abs=4 * math.sqrt(2 / ensembles))


def test_walkers_elsewhere_lengthen_the_autocorrelation_time():
    """Around each walker's own mean these chains would look independent, τ = 1."""
    x = independent(3, dim=1)[..., 0] + np.repeat([0, 3], W // 2)
    assert autocorr_time(x, W) > N / 20


def test_components_are_measured_one_by_one():
    x = np.stack([ar1(0.5, N, W, 4), ar1(0.9, N, W, 5)], axis=-1)
    assert autocorr_time(x, E).tolist() == [autocorr_time(x[..., k], E) for k in range(2)]
    assert nested_rhat(x, E).tolist() == [nested_rhat(x[..., 0], E), nested_rhat(x[..., 1], E)]


def test_independent_draws_have_rhat_one_and_all_their_size():
    """(R-hat² − 1) is χ²₃/3 over the draws of one ensemble; the larger of two is taken."""
    per_ensemble = N * W / E
    for seed in range(10):
        x = independent(seed, dim=1)[..., 0]
        assert 1 <= nested_rhat(x, E) < math.sqrt(1 + 20 / 3 / per_ensemble)
        assert effective_size(x, W) > 0.9 * x.size


def test_rhat_of_a_shifted_ensemble_is_the_closed_form():
    """One of four means off by s·sd: B = s²/4, R-hat = √(1 + s²/4) before ranks are taken."""
    x = independent(6, rows=4000, dim=1)[..., 0]
    x[:, : W // E] += 0.3
    assert nested_rhat(x, E) == pytest.approx(math.sqrt(1 + 0.3**2 / 4), abs=0.002)


def test_rhat_compares_ensembles_and_not_walkers():
    shift = np.tile(np.linspace(-2, 2, W // E), E)  # the same spread inside every ensemble
    x = independent(7, dim=1)[..., 0] + shift
    assert nested_rhat(x, E) < 1.001
    assert nested_rhat(x[:, np.argsort(shift)], E) > 1.2


def test_rhat_sees_a_different_width_at_the_same_mean():
    x = independent(8, dim=1)[..., 0]
    x[:, : W // E] *= 2
    assert nested_rhat(x, E) > 1.01


@pytest.mark.parametrize("x", [np.ones((50, 8)), np.zeros((50, 8)), np.full((50, 8), np.inf)])
def test_what_cannot_be_measured_is_nan(x):
    assert np.isnan(autocorr_time(x, 4))
    assert np.isnan(nested_rhat(x, 4))
    assert np.isnan(autocorr_time(x[:3], 4))


def test_ensembles_at_rest_in_different_places_never_converge():
    x = np.broadcast_to(np.repeat(np.arange(4.0), 4), (50, 16))
    assert nested_rhat(x, 4) > 100


# The verdict


def test_independent_draws_converge(line):
    found = judged(line, independent(0), evidence=evidence_of([-1.0, -1.2, -0.9, -1.1]))
    assert found.converged
    assert found.evidence_trusted
    assert found.reasons == ()
    assert found.notes == ()
    sd = math.sqrt(2 * (2 * 10 + 1) / (N * E))  # of tau, from the means of E ensembles
    assert found.tau == pytest.approx(1, abs=4 * sd)
    for name in ("log_prob", "predictions", "theta"):
        assert 1 <= found.rhat[name] < 1.002
        assert found.ess[name] > N * W / (1 + 4 * sd)


def test_a_shift_of_a_third_of_a_standard_deviation_is_found(line):
    """In every one of ten chains; and nothing is found in any of them without the shift.

    R-hat is √(1 + 0.35²/4) = 1.0152 with a standard error of 0.0010: five of them above 1.01.
    """
    for seed in range(10):
        chain = independent(seed, rows=400, walkers=64)
        assert judged(line, chain).converged
        chain[:, :16, 1] += 0.35
        found = judged(line, chain)
        assert not found.converged
        assert any("R-hat of predictions at x" in reason for reason in found.reasons)


def test_a_shift_of_log_prob_alone_is_found(line):
    chain = independent(1)
    log_prob = log_density(chain)
    log_prob[:, -W // E :] -= 1
    found = judge(line, chain, log_prob, E)
    assert found.rhat["log_prob"] > 1.01 > found.rhat["predictions"]
    assert found.reasons[0].startswith("R-hat of log_prob is")
    assert not any("predictions" in reason for reason in found.reasons)


def test_the_worst_prediction_counts(line):
    """Slope and offset of one ensemble differ: nothing is seen at x = −1, most at x = 1."""
    chain = independent(2)
    chain[:, : W // E] += 0.5
    found = judged(line, chain)
    at_one = nested_rhat(chain.sum(-1)[::3], E)
    assert found.rhat["predictions"] == pytest.approx(at_one, abs=0.01)
    assert any("predictions at x = 1 is" in reason for reason in found.reasons)


@pytest.mark.parametrize("ensembles", [1, 2])
def test_too_few_ensembles_is_a_reason(line, ensembles):
    found = judged(line, independent(3), ensembles=ensembles)
    assert found.rhat == {"log_prob": None, "predictions": None, "theta": None}
    (reason,) = found.reasons
    assert f"{ensembles} independent ensemble" in reason
    assert "--set sample.ensembles=4" in reason


def test_stuck_walkers_are_counted(line):
    chain = independent(4)
    chain[N // 3 :, 5:7] = chain[N // 3, 5:7]
    found = judged(line, chain)
    assert not found.converged
    assert any(f"2 of {W} walkers did not move" in reason for reason in found.reasons)


def region(share, drawn, log_z=-1.0, laplace=-1.0, reached=True):
    return Region(-3.0, log_z, laplace, share, 0.01, drawn, 0.01, reached)


RELIABLE = Survey(-1.05, 0.01, 2000.0, 0.4, (region(0.6, 0.6), region(0.4, 0.4)), ())
POOR = replace(RELIABLE, effective=20.0, pareto_k=1.2)


@pytest.mark.parametrize(
    ("survey", "missed"),
    [
        (RELIABLE, False),
        (replace(RELIABLE, regions=(region(0.6, 0.66), region(0.4, 0.34))), False),
        (replace(RELIABLE, regions=(region(0.6, 0.68), region(0.4, 0.32))), True),
        (replace(RELIABLE, regions=(region(0.98, 0.0), region(0.02, 1.0))), True),
        (POOR, False),
        # Where weights cannot be trusted: not climbed to, five nats above all that was.
        (replace(POOR, regions=(region(0.98, 0.0, 4.1, 4.3, False), region(0.02, 1.0))), True),
        (replace(POOR, regions=(region(0.98, 0.0, 3.9, 4.3, False), region(0.02, 1.0))), False),
        (replace(POOR, regions=(region(0.98, 0.0, 4.1, 3.9, False), region(0.02, 1.0))), False),
        (replace(POOR, regions=(region(0.98, 0.0, 4.1, 4.3), region(0.02, 1.0))), False),
    ],
)
def test_a_mode_that_all_ensembles_missed_is_told(line, survey, missed):
    """Five errors of √(0.01² + 0.01²) = 0.071 between the shares."""
    found = judged(line, independent(0), survey=survey)
    assert found.converged is not missed
    assert found.steps_help is not missed
    assert ["missed it together" in reason for reason in found.reasons] == [True] * missed


def test_means_that_differ_from_importance_sampling_are_told(line):
    means = (Compared("f(0.5)", 1.0, 0.01, 1.02, 0.01), Compared("f(1)", 1.0, 0.01, 1.08, 0.01))
    assert judged(line, independent(0), survey=replace(RELIABLE, means=means[:1])).converged
    found = judged(line, independent(0), survey=replace(RELIABLE, means=means))
    (reason,) = found.reasons
    assert reason.startswith("the mean of f(1) is 1.08 ± 0.01 by the chain and 1 ± 0.01 by")
    assert found.steps_help
    assert judged(line, independent(0), survey=replace(POOR, means=means)).converged


@pytest.mark.parametrize(
    ("log_z", "survey", "doubt"),
    [
        ([-1.0, -1.1, -1.05, -1.05], RELIABLE, ""),
        ([-1.5, -1.52, -1.49, -1.5], RELIABLE, "further apart than their errors allow"),
        ([-7.0, -7.1, -6.9, -7.0], POOR, "have missed most of it"),
        ([-5.0, -5.1, -4.9, -5.0], POOR, ""),
        ([-1.0, -1.1, np.nan, -1.0], None, "is not finite"),
    ],
)
def test_log_z_is_judged_apart_from_the_chain(line, log_z, survey, doubt):
    found = judged(line, independent(0), evidence=evidence_of(log_z), survey=survey)
    assert found.converged
    assert found.evidence_trusted is not bool(doubt)
    assert all(doubt in text for text in found.evidence_reasons)


def test_a_ladder_that_stood_still_is_told(line):
    stalled = replace(evidence_of([-1.0, -1.0]), acceptance=0.002, stalled_at=0.04)
    (doubt,) = judged(line, independent(0), evidence=stalled).evidence_reasons
    assert "only 0.20% of the moves were accepted where the likelihood had the power 0.04" in doubt


def test_the_cause_of_ensembles_apart_is_named():
    """Data within the prior's reach are not told to be brought there; sharp ones are called so."""
    x = np.linspace(-1, 1, 20)
    chain = independent(0, dim=4)
    chain[:, : W // E] += 1
    for sigma, size, words in ((0.5, 1.0, ()), (1e-3, 1.0, ("sharp",)), (1.0, 1e6, ("y reaches",))):
        post = Posterior(MLP(1, (1,)), Dataset(x, size * x), Gaussian(sigma))
        found = judged(post, chain)
        assert any("in ensemble 1 of 4" in reason for reason in found.reasons)
        for word in ("sharp", "y reaches"):
            told = any(word in reason for reason in found.reasons)
            assert told or word not in words
            assert word in words or size > 1 or not told


def test_noise_that_runs_to_zero_is_named():
    x = np.linspace(-1, 1, 20)
    post = Posterior(MLP(1, (1,)), Dataset(x, x), Gaussian("infer"))
    chain = independent(0, dim=5)
    chain[:, : W // E] += 1
    chain[..., -1] -= 20
    reasons = judged(post, chain).reasons
    assert any("sigma runs to zero" in reason for reason in reasons)
    assert not any("outweigh the prior" in reason for reason in reasons)


def test_a_chain_too_short_is_told_how_long_it_must_be(line):
    chain = np.stack([ar1(0.95, 800, 128, 5), ar1(0.95, 800, 128, 6)], axis=-1)
    found = judged(line, chain)
    sd = 39 * math.sqrt(2 * (2 * 5 * 39 + 1) / (800 * 128))
    assert found.tau == pytest.approx(39, abs=4 * sd)  # (1 + φ)/(1 − φ)
    (reason,) = [r for r in found.reasons if "autocorrelation times" in r]
    assert f"chain of 800 steps after the burn-in is {800 / found.tau:.2g} " in reason
    advised = int(reason.split("run at least ")[1].split()[0].replace(",", ""))
    assert 50 * found.tau < advised < 70 * found.tau


@pytest.mark.parametrize(
    ("walkers", "words"), [(128, "run at least "), (4, "run about ")], ids=["length", "ess"]
)
def test_a_chain_as_long_as_advised_is_long_enough(line, walkers, words):
    """A fifth is burn-in now and then; the advice counts it in, and keeps what the rule asks."""

    def found(steps):
        chain = np.stack([ar1(0.9, steps, walkers, s) for s in (5, 6)], axis=-1)
        return judged(line, chain[steps // 5 :], discarded=steps // 5)

    short = [reason for reason in found(500).reasons if words in reason]
    advised = [int(r.split(words)[1].split()[0].replace(",", "")) for r in short]
    assert advised
    kept = 0.8 * max(advised)
    tau = 19  # (1 + φ)/(1 − φ)
    assert kept > (50 * tau if walkers == 128 else 400 * tau / walkers)
    assert not any(words in reason for reason in found(max(advised)).reasons)


def test_a_run_tells_the_verdict_what_it_discards(line):
    chain = np.stack([ar1(0.95, 1000, W, 5), ar1(0.95, 1000, W, 6)], axis=-1)
    settings = {"moves": "collapsed", "start": "prior", "seed": 0, "seconds": 1.0}
    run = Run(line, chain, log_density(chain), np.full(W, 0.3), E, 200, 1, **settings)
    expected = judged(line, chain[200:], discarded=200)
    assert run.verdict.reasons == expected.reasons != judged(line, chain[200:]).reasons


def test_too_few_effective_draws(line):
    chain = np.stack([ar1(0.9, 1500, 4, 7), ar1(0.9, 1500, 4, 8)], axis=-1)  # ESS near 320
    found = judged(line, chain)
    assert found.ess["predictions"] < 400
    assert any("effective sample size of predictions" in reason for reason in found.reasons)


def test_steps_are_counted_through_thinning(line):
    chain = np.stack([ar1(0.9, 3000, W, 9), ar1(0.9, 3000, W, 10)], axis=-1)
    full, thinned = judged(line, chain, 16), judged(line, chain[4::5], 16, thin=5)
    # Lag-5 correlation 0.9^5 gives 5 (1 + 0.59)/(1 − 0.59) = 19.4 steps against 19.
    sd = math.sqrt(2 * (2 * 10 * 19 + 1) / (3000 * 16))  # relative, from the means of 16 ensembles
    assert full.tau == pytest.approx(19, rel=4 * sd)
    assert thinned.tau == pytest.approx(19.4 / 19 * full.tau, rel=0.1)
    # 600 rows are fewer than 50 τ = 950 steps, but they are 3,000 steps.
    assert thinned.converged
    assert thinned.ess["predictions"] == pytest.approx(full.ess["predictions"], rel=0.15)


@pytest.mark.parametrize(
    ("log_z", "apart"),
    [
        ([-22.7, -22.8, -22.6, -22.7], False),
        ([-22.7, -22.8, -22.6, -24.0], True),
        ([-22.7, -22.7, -22.7, -23.69], False),
        ([-22.7, -22.8, -np.inf, -22.7], True),
        ([-22.7], False),
    ],
)
def test_log_z_of_the_ensembles_must_agree(line, log_z, apart):
    found = judged(line, independent(5), evidence=evidence_of(log_z))
    assert any(r.startswith("log Z of") for r in found.evidence_reasons) is apart
    assert found.evidence_trusted is not apart
    assert found.converged


@pytest.mark.parametrize(
    ("criteria", "word"),
    [
        (Criteria(min_ensembles=5), "R-hat needs at least 5"),
        (Criteria(max_rhat=1.0), "must be below 1,"),
        (Criteria(min_ess=1e6), "must be above 1000000"),
        (Criteria(min_length=1e4), "must be longer than 10000"),
        (Criteria(max_log_z_gap=0.1), "must be within 0.10"),
        (Criteria(max_evidence_z=0.01), "further apart than their errors"),
        (Criteria(max_survey_z=-1), "missed it together"),
    ],
)
def test_bounds_are_arguments(line, criteria, word):
    """Draws that pass all standard bounds, and fail one that is narrower."""
    known = {"evidence": evidence_of([-1.0, -1.2, -0.9, -1.1]), "survey": RELIABLE}
    found = judged(line, independent(0), **known)
    assert found.converged
    assert found.evidence_trusted
    found = judged(line, independent(0), criteria=criteria, **known)
    told = [*found.reasons, *found.evidence_reasons]
    assert told
    assert all(word in reason for reason in told)


def test_long_chains_are_looked_at_in_part(line):
    chain = independent(13, rows=900)
    whole, part = judged(line, chain), judged(line, chain, rows=JudgedRows(rhat=10, ess=30))
    assert part.ess["log_prob"] == whole.ess["log_prob"]  # of log_prob all is known already
    assert part.ess["predictions"] < 30 * W * 1.1 < whole.ess["predictions"]
    assert part.rhat["log_prob"] == nested_rhat(log_density(chain)[::90], E)


def test_parameters_that_wander_are_a_note_and_not_a_reason():
    """A saturated unit is a constant: f = a + c up to rounding, and only the sum is identified."""
    x = np.linspace(-1, 1, 20)
    post = Posterior(MLP(inputs=1, hidden=(1,)), Dataset(x=x, y=x))
    rng = np.random.default_rng(6)
    total = rng.standard_normal((N, W))
    a = 10 * np.repeat(np.arange(E), W // E) + rng.standard_normal((N, W))
    chain = np.stack([np.full((N, W), 1e-3), np.full((N, W), 50.0), a, total - a], axis=-1)
    found = judge(post, chain, -0.5 * total**2, E)
    assert found.converged
    assert found.rhat["theta"] > 1.5
    (note,) = found.notes
    assert "folded parameters" in note
    assert "same curves" in note


def test_values_that_are_not_finite_are_named(line):
    chain = independent(7)
    log_prob = log_density(chain)
    log_prob[0, :3] = -np.inf
    found = judge(line, chain, log_prob, E)
    assert not found.converged
    assert "3 of 32000 stored values of log_prob are not finite" in found.reasons[0]
    assert found.tau is None


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_handful_of_rows_is_refused_in_words(line, rows):
    found = judged(line, independent(8, rows=rows))
    assert not found.converged
    assert f"{rows} stored steps" in found.reasons[0]


@pytest.mark.parametrize("rows", [4, 5, 10])
def test_short_chains_are_judged_without_warnings(line, rows):
    assert not judged(line, independent(9, rows=rows)).converged


def test_a_chain_that_never_moves(line):
    found = judged(line, np.ones((200, W, 2)))
    assert not found.converged
    assert any("log_prob never changes" in reason for reason in found.reasons)
    assert any(f"{W} of {W} walkers did not move" in reason for reason in found.reasons)


def test_shapes_that_do_not_fit_are_refused(line):
    chain = independent(10)
    with pytest.raises(RequestError, match="not flattened"):
        judge(line, chain.reshape(-1, 2), log_density(chain).ravel(), E)
    with pytest.raises(RequestError, match="32 walkers cannot be shared equally by 5 ensembles"):
        judged(line, chain, ensembles=5)


def test_predictions_are_judged_inside_the_data():
    one = prediction_grid(np.array([[3.0], [-1.0], [2.0]]))
    assert one.shape == (16, 1)
    assert (one.min(), one.max()) == (-1, 3)
    table = np.arange(200.0).reshape(100, 2)
    several = prediction_grid(table)
    assert several.shape == (16, 2)
    assert {tuple(row) for row in several} <= {tuple(row) for row in table}
    assert len(prediction_grid(table[:5])) == 5
    assert prediction_grid(table, places=3).tolist() == [[0, 1], [98, 99], [198, 199]]


def test_a_verdict_prints_itself(line):
    found = judged(line, independent(11), ensembles=2)
    for text in (repr(found), found._repr_html_()):
        assert "not converged" in text
        assert found.reasons[0] in text


@pytest.mark.parametrize(("ensembles", "rows"), [(4, N), (2, N), (4, 2)])
def test_a_verdict_goes_through_json_and_the_run_file(line, tmp_path, ensembles, rows):
    found = judged(line, independent(11, rows=rows), ensembles=ensembles)
    assert json.loads(json.dumps(found.to_tree())) == found.to_tree()
    write_groups(tmp_path / "run.h5", {"experiment": {"seed": 0}, "verdict": found.to_tree()})
    assert Verdict.from_tree(read_group(tmp_path / "run.h5", "verdict")) == found


def test_files_of_before_judged_log_z_with_the_chain(line):
    found = judged(line, independent(11), evidence=evidence_of([0.0, 5.0]))
    tree = found.to_tree()
    assert (tree["evidence_trusted"], len(tree["evidence_reasons"])) == (False, 1)
    old = {k: v for k, v in tree.items() if not k.startswith("evidence")}
    assert Verdict.from_tree(old).evidence_trusted is None
