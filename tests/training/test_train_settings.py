"""[train]: one class checks for the TOML, for `train` and for every command."""

import inspect
from types import SimpleNamespace

import pytest

from nnpost.common.errors import RequestError
from nnpost.training.settings import TrainSettings
from nnpost.training.train import train


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"restarts": 0}, "train.restarts: found 0, expected a whole number of at least 1"),
        ({"epochs": 0.5}, "train.epochs: found 0.5, expected a whole number of at least 1"),
        ({"lr": float("nan")}, "train.lr: found nan, expected a number above 0"),
        ({"lr": float("inf")}, "train.lr: found inf, expected a number above 0"),
        ({"batch_size": 0}, "train.batch_size: found 0, expected a whole number of at least 1"),
        ({"batches": "windows"}, "train.batch_size: missing"),
        (
            {"optimizer": "sgd", "momentum": 1.0},
            "train.momentum: found 1.0, expected a number of at least 0 and below 1",
        ),
        ({"momentum": 0.9}, "train.momentum: adam has its own"),
        ({"loss": "men"}, 'found "men", expected "mean" or "sum"; did you mean \'mean\'?'),
        ({"dtype": "float16"}, 'found "float16", expected "float64" or "float32"'),
    ],
)
def test_what_makes_no_sense_is_refused(settings, message):
    with pytest.raises(RequestError) as caught:
        TrainSettings(**settings)
    assert message in str(caught.value)


def test_batches_are_held_against_the_data():
    post = SimpleNamespace(data=SimpleNamespace(n=23))
    for size in (None, 1, 23):
        settings = TrainSettings(batch_size=size)
        assert settings.checked_for(post) is settings
    with pytest.raises(RequestError, match="batch_size: found 24, expected at most the 23 points"):
        TrainSettings(batch_size=24).checked_for(post)


def test_train_takes_every_setting_with_its_default():
    taken = inspect.signature(train).parameters
    for name in TrainSettings.names():
        assert taken[name].default == getattr(TrainSettings(), name)
