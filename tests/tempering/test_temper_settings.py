"""[temper]: one class checks for the TOML, for `temper` and `sample`, and for every command."""

import inspect

import pytest
from scenarios import curve

from nnpost import MLP, Dataset, Posterior, RequestError
from nnpost.tempering.settings import TemperSettings
from nnpost.tempering.temper import temper


def test_particles_are_held_against_the_parameters_that_move_and_the_walkers():
    assert TemperSettings(24).checked_for(curve(3)) == TemperSettings(24)
    for particles, sigma, nwalkers, told in [
        (22, 0.2, 0, "at least 24 (four for each of the 6 parameters that move)"),
        (24, "infer", 0, "at least 28 (four for each of the 7 parameters that move)"),
        (25, 0.2, 0, "expected an even number of at least 24"),
        (24, 0.2, 26, "at least 26 (one for each of the 26 walkers of an ensemble)"),
    ]:
        with pytest.raises(RequestError) as caught:
            TemperSettings(particles).checked_for(curve(3, sigma=sigma), nwalkers)
        assert str(caught.value).startswith(f"temper.particles: found {particles}, expected")
        assert told in str(caught.value)
    linear = Posterior(MLP(1), Dataset([1.0, 2.0], [1.0, 2.0]))
    assert TemperSettings(4).checked_for(linear).particles == 4
    with pytest.raises(RequestError, match="at least 4"):
        TemperSettings(2).checked_for(linear)


def test_basins_are_of_one_hidden_layer():
    deep = Posterior(MLP(1, (2, 2)), curve().data)
    assert TemperSettings(start="auto").checked_for(deep).start == "auto"
    with pytest.raises(RequestError, match=r'found "basins", which needs one hidden layer, .* 2; '):
        TemperSettings(start="basins").checked_for(deep)


def test_temper_takes_every_setting_with_its_default():
    taken = inspect.signature(temper).parameters
    for name in TemperSettings.names():
        assert taken[name].default == getattr(TemperSettings(), name)
