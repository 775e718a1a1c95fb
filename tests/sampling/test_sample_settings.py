"""[sample]: one class checks for the TOML, for `sample` and for every command."""

import inspect
from types import SimpleNamespace

import pytest

from nnpost.common.errors import RequestError
from nnpost.sampling.sample import sample
from nnpost.sampling.settings import SampleSettings


def of(ndim):
    """As much of a posterior as matters: its parameters, three of them of the output layer."""
    net = SimpleNamespace(inputs=1, ndim=ndim, n_output=3)
    return SimpleNamespace(exact_layer=True, collapses=True, ndim=ndim, net=net)


def test_the_number_of_walkers_that_is_chosen():
    found = [SampleSettings("de").resolved(of(p)).nwalkers for p in (1, 7, 16, 17, 121)]
    assert found == [32, 32, 32, 34, 242]
    assert SampleSettings("collapsed").resolved(of(28)).nwalkers == 56
    assert SampleSettings("collapsed").resolved(of(29)).nwalkers == 8  # moves along gradients
    assert SampleSettings("hmc").resolved(of(7)).nwalkers == 8


@pytest.mark.parametrize(
    ("settings", "ndim", "told"),
    [
        ({"nwalkers": 12}, 7, "found 12, expected an even number of at least 14 (twice the 7 par"),
        ({"nwalkers": 15}, 7, "use 16"),
        ({"nwalkers": 7, "moves": "hmc"}, 7, "found 7, expected an even number of at least 2; use"),
    ],
)
def test_walkers_are_held_against_the_parameters(settings, ndim, told):
    with pytest.raises(RequestError) as caught:
        SampleSettings(**settings).resolved(of(ndim))
    assert told in str(caught.value)
    assert SampleSettings(nwalkers=14).resolved(of(7)).shape == (4, 14)
    assert SampleSettings("hmc", nwalkers=4).resolved(of(121)).shape == (4, 4)


def test_a_fifth_is_discarded_where_nothing_is_said():
    assert SampleSettings(nsteps=64).discarded == 12
    assert SampleSettings(nsteps=64, discard=0).discarded == 0
    assert SampleSettings(nsteps=64, thin=5).rows == 12


def test_sample_takes_every_setting_with_its_default():
    taken = inspect.signature(sample).parameters
    for name in SampleSettings.names():
        assert taken[name].default == getattr(SampleSettings(), name)
