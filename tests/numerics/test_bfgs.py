"""Many climbs at once to a top that is known."""

import numpy as np

from nnpost.numerics.bfgs import bfgs


def test_a_climb_reaches_the_top_of_a_narrow_valley():
    rng = np.random.RandomState(0)
    root = rng.standard_normal((5, 5)) * np.logspace(0, 3, 5)
    top = rng.standard_normal(5)

    def parabola(x):
        r = (x - top) @ root
        return -0.5 * (r**2).sum(axis=1), -r @ root.T

    start = rng.standard_normal((20, 5))
    x, value = bfgs(parabola, start, 500, enough=1e-9)
    np.testing.assert_allclose(value, 0, atol=1e-3)
    np.testing.assert_allclose(parabola(x)[0], value, atol=1e-9)
    inverse = np.linalg.inv(root @ root.T)
    _, value = bfgs(parabola, start, 1, inverse=np.tile(inverse, (20, 1, 1)))
    np.testing.assert_allclose(value, 0, atol=1e-8)  # one step, where the curvature is known
