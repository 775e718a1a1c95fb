"""Stored chains, and with them older run files: told and exported without their posterior."""

import json
from pathlib import Path

import numpy as np
import pytest

import nnpost
from nnpost.common.tables import plain_label
from nnpost.comparison.compare import compare
from nnpost.comparison.effort import Detail
from nnpost.comparison.result import Comparison
from nnpost.network.symmetry import fold
from nnpost.posterior.description import Description
from nnpost.report.export import export
from nnpost.report.info import overview, summarise, table
from nnpost.storage.results import read_stage
from nnpost.storage.runfile import read_group

CHAINS = sorted((Path(__file__).parents[2] / "chains" / "reference").glob("*.h5"))


@pytest.fixture(scope="module", params=CHAINS, ids=lambda path: path.stem)
def run(request):
    return nnpost.load(request.param)


def test_there_are_chains():
    assert len(CHAINS) >= 7


def test_info_says_what_the_run_says(run):
    found = summarise(run.path)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["labels"] == [plain_label(label) for label in run.post.labels]
    assert found["parameters"] == run.post.ndim
    network = {"sizes": list(run.post.net.sizes), "activation": run.post.net.activation}
    assert found["network"] == network | {
        "bias": True, "skip": False, "words": run.post.net.words
    }  # fmt: skip
    assert found["data"]["misfit"] == run.post.data.misfit
    chain = found["chain"]
    assert (chain["steps"], chain["walkers"]) == (run.nsteps, run.nwalkers)
    assert chain["acceptance"] == pytest.approx(run.acceptance)
    assert found["convergence"] == run.verdict.to_tree()
    for name in ("sgd", "map", "mle"):
        theta = np.array(found[name]["theta_found"])
        # log posteriors of these files were found by earlier versions, in another order of sums
        assert found[name]["log_posterior"] == pytest.approx(run.post.log_prob(theta), rel=1e-9)
    if run.tempering is not None:
        assert found["evidence"]["log_z"] == pytest.approx(run.log_evidence)


def test_stored_log_probs_are_those_of_the_posterior(run):
    """Whatever computed them then, and whatever computes them now."""
    np.testing.assert_allclose(run.post.log_prob(run.chain), run.log_prob, rtol=1e-9)


def test_the_table_needs_no_score_card(run):
    found = overview(run.path)
    assert {**summarise(run.path), "scorecard": 0} == {**found, "scorecard": 0}
    assert f"{run.post.ndim} parameters" in table(found)


def exported(path, what, folder, unfolded=False):
    export(path, what, folder / "out.npz", unfolded)
    with np.load(folder / "out.npz") as archive:
        return {name: archive[name] for name in archive.files}


@pytest.mark.parametrize("what", ["sgd", "map", "fits", "samples"])
def test_export_gives_the_vectors_of_the_run(run, tmp_path, what):
    kept, raw = exported(run.path, what, tmp_path), exported(run.path, what, tmp_path, True)
    assert kept["labels"].tolist() == [plain_label(label) for label in run.post.labels]
    net, all_draws = run.post.net, run.get_chain(discard=run.burnin, flat=True)
    stored = {"fits": run.fits.theta, "sgd": run.fits.sgd.theta, "samples": all_draws}
    shown = {"fits": fold(net, run.fits.theta), "samples": run.samples}
    if what in stored:
        np.testing.assert_array_equal(raw["theta"], stored[what])
    if what in shown:
        np.testing.assert_array_equal(kept["theta"], shown[what])
    else:
        assert kept["theta"].tolist() == summarise(run.path)[what]["theta"]
    np.testing.assert_allclose(raw["log_prob"], run.post.log_prob(raw["theta"]), rtol=1e-9)
    np.testing.assert_array_equal(kept["log_prob"], raw["log_prob"])


def test_the_description_says_which_entries_theta_has(run):
    tree = read_group(run.path, "experiment")["posterior"]
    described = Description.from_tree(tree)
    assert described.infers_noise == run.post.likelihood.infers_noise
    assert (described.labels, described.sizes) == (run.post.labels, run.post.net.sizes)


def test_a_stored_chain_is_drawn_and_compared_anew():
    """The draws of the thinned copy say what the whole chain said when it was made."""
    run = nnpost.load(next(path for path in CHAINS if path.stem == "parabola"))
    few = Detail(predicted=200, polished=1)
    found = compare(run.post, run.fits, run, detail=few)
    kept = read_stage(run.path, Comparison)
    assert found.hpd_level == pytest.approx(kept.hpd_level, abs=1 / len(run.samples))
    assert found.map.log_prob == pytest.approx(kept.map.log_prob, abs=1e-6)
    independent = min(run.verdict.ess["theta"], len(run.samples))
    shift = (found.theta.mean - kept.theta.mean) / kept.theta.sd
    assert np.abs(shift).max() < 4 / np.sqrt(independent)
    figure = nnpost.figures.corner(run, comparison=found, parameters=[0, 1])
    drawn = np.array(figure.axes).reshape(2, 2)
    assert [ax.get_xlabel() for ax in drawn[-1]] == run.post.labels[:2]
    points = [line.get_xydata()[0] for line in drawn[1, 0].lines if len(line.get_xdata()) == 1]
    assert any(np.allclose(point, found.folded[1, :2]) for point in points)  # the MAP
    title = figure.legends[0].get_title().get_text()
    assert ("NOT converged" in title) == (not run.verdict.converged)
