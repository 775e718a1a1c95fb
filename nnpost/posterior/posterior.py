"""The posterior of a network: a likelihood times a prior, in logs.

``Posterior.log_prob`` is a plain function of flat vectors, vectorised over any leading shape. Most
likelihoods are Gaussian in the residuals, log L = −τ/2 · SSE + constant(τ), and differ in the
precision τ and in the constants that they keep; that is what lets ``output_layer`` integrate the
output layer out exactly. Those of any other form (likelihoods/) are summed by torch; under some
the output layer is integrated out given latent numbers of the points (augmented_layer.py), and
under others all parameters are sampled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from ..common.errors import RequestError
from ..common.progress import Progress, note
from ..common.tables import plain_label
from ..common.tensors import BLOCK, as_array, check_device, finite_or_never, of_rows
from ..data.dataset import Dataset
from ..network.as_tree import network_from_tree, network_to_tree
from ..network.mlp import MLP
from .density import Drawn
from .engine import Engine, engine_for
from .gaussian_sums import GaussianSums, Noise
from .likelihoods.augmentable import Augmentable
from .likelihoods.by_kind import likelihood_from_tree, likelihood_to_tree, with_noise_times
from .likelihoods.gaussian import MSE, Likelihood
from .likelihoods.own import OwnLikelihood
from .likelihoods.pointwise import Extra, Pointwise
from .parts import check_parts, errors_at, extras_of, prior_scales
from .points import Points, WeightedPoints
from .pointwise_sums import PointwiseData, PointwiseSums
from .prior import GaussianPrior, Prior, ShapedPrior, StudentTPrior, prior_from_tree, prior_to_tree
from .prior_density import Normals, PriorDensity, draw_scales, gaussian_at

__all__ = ["Posterior"]


@dataclass(frozen=True, eq=False)
class Posterior:
    """Log density of a network's parameters given data, (..., P) -> (...,).

    numpy in, numpy out; a torch tensor in, a tensor on the same device out. Everything is float64.
    Whatever is not finite has log probability −inf, never NaN and never +inf. Densities and theta
    are on the network's scale, predictions and ``mse`` in units of the data's file (scaling.py).

    ``device`` is "cpu" or a CUDA device. Compiled kernels sum over the data, a walker at a time, or
    torch does (engine.py): in blocks, so that memory stays within a few times ``block`` numbers (or
    of the data's own size, if that is larger).

    ``likelihood`` and ``prior`` may be of classes of one's own (likelihoods/, prior.py).
    """

    net: MLP
    data: Dataset
    likelihood: Likelihood | Pointwise = MSE()
    prior: Prior = GaussianPrior()
    device: str = "cpu"
    block: int = BLOCK
    labels: list[str] = field(init=False, repr=False)
    scales: np.ndarray = field(init=False, repr=False)
    points: Points = field(init=False, repr=False)
    engine: Engine = field(init=False, repr=False)
    extras: tuple[Extra, ...] = field(init=False, repr=False)
    sums: GaussianSums | PointwiseSums = field(init=False, repr=False)
    prior_density: PriorDensity = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_parts(self.net, self.data, self.likelihood, self.prior)
        check_device(self.device)
        keep = object.__setattr__
        keep(self, "extras", extras_of(self.likelihood))
        keep(self, "labels", [*self.net.labels, *(extra.label for extra in self.extras)])
        keep(self, "scales", prior_scales(self.prior, self.net, self.extras))
        keep(self, "points", Points.of(self.data, self.device))
        keep(self, "engine", self.engine_on(WeightedPoints.of(self.points)))
        keep(self, "sums", self._sums())
        keep(self, "prior_density", self._prior_density())

    def _sums(self) -> GaussianSums | PointwiseSums:
        if not isinstance(self.likelihood, Pointwise):
            return GaussianSums(self.net, self.likelihood, self.data, self.points, self.engine)
        points = PointwiseData.of(self.data.x, self.data.y, self.data.yerr, self.device)
        return PointwiseSums(self.net, self.likelihood, points, self.block)

    def _prior_density(self) -> PriorDensity:
        if isinstance(self.prior, ShapedPrior):
            return self.prior.density(self.net.kinds, self.scales, self.net.inputs)
        return Normals.of(self.scales)

    def engine_on(self, points: WeightedPoints) -> Engine:
        """What sums over other points than the data's own."""
        return engine_for(self.net, points, self.device, self.block)

    def check_targets(self, data: Dataset) -> None:
        """Raise RequestError where points that are not those of the posterior have other targets
        than its likelihood knows: more columns, or labels, classes and counts that are none."""
        if len(data.targets) != len(self.data.targets):
            raise RequestError(
                f"data '{data.name}': found {len(data.targets)} target(s), expected "
                f"{len(self.data.targets)} as in '{self.data.name}'"
            )
        if isinstance(self.likelihood, Pointwise):
            at = data.scaled(self.data.scaling)
            self.likelihood.check(at.y, at.yerr)

    def to_tree(self) -> dict[str, Any]:
        """The network, likelihood and prior as a plain dict; the data are not in it.

        Raises RequestError where the likelihood or the prior is of a class that this cannot keep.
        """
        kept = likelihood_to_tree(self.likelihood) | prior_to_tree(self.prior)
        return network_to_tree(self.net) | kept

    @classmethod
    def from_tree(
        cls,
        tree: Mapping[str, Any],
        data: Dataset,
        device: str = "cpu",
        net: MLP | None = None,
        likelihood: Likelihood | Pointwise | None = None,
    ) -> Posterior:
        """What :meth:`to_tree` described, on its data.

        ``net`` is the network where that is a module of one's own, and ``likelihood`` the
        likelihood where that is, which no tree can hold. Raises RequestError where one is missing,
        or has other parameters.
        """
        network, noise = network_from_tree(tree, net), likelihood_from_tree(tree, likelihood)
        return cls(network, data, noise, prior_from_tree(tree), device)

    # -- what it is --------------------------------------------------------------------------------

    @property
    def ndim(self) -> int:
        """P, with log σ if it is inferred, and whatever else the likelihood has."""
        return self.net.ndim + len(self.extras)

    @property
    def gaussian(self) -> bool:
        """Whether log L = −τ/2 · SSE + constant."""
        return isinstance(self.sums, GaussianSums)

    @property
    def exact_layer(self) -> bool:
        """Whether the output layer can be integrated out: the likelihood is Gaussian, and the
        network has one that is known and whose prior is Gaussian."""
        return self.gaussian and self._gaussian_layer

    @property
    def collapses(self) -> bool:
        """Whether it can be integrated out so, or given latent numbers of the points
        (augmented_layer.py), where anything is left to be sampled then."""
        return self.exact_layer or (self._augmentable and self._gaussian_layer)

    @property
    def _augmentable(self) -> bool:
        return isinstance(self.likelihood, Augmentable) and self.ndim > self.net.n_output

    @property
    def _gaussian_layer(self) -> bool:
        layer = np.arange(self.net.n_hidden, self.net.ndim)
        return self.net.linear_output and gaussian_at(self.prior_density, layer)

    @property
    def least_squares(self) -> bool:
        """Whether, given the noise, the log posterior is a sum of squares: all priors are Gaussian,
        too."""
        return self.exact_layer and isinstance(self.prior_density, Normals)

    @property
    def exact_layer_needs(self) -> str:
        """What :attr:`exact_layer` would ask for, in words."""
        if not self.gaussian:
            return f"a Gaussian likelihood, and this is {self.words}"
        return self._gaussian_layer_needs

    @property
    def collapse_needs(self) -> str:
        """What :attr:`collapses` would ask for, in words."""
        return self._gaussian_layer_needs if self._augmentable else self.exact_layer_needs

    @property
    def _gaussian_layer_needs(self) -> str:
        if self.net.linear_output:
            return f"a Gaussian prior of the output layer, and this is {type(self.prior).__name__}"
        return f"a network whose layers are known, and this is {self.net.words}"

    @property
    def infers_noise(self) -> bool:
        """Whether theta ends with the log σ of a Gaussian likelihood."""
        return self.gaussian and bool(self.extras)

    @property
    def words(self) -> str:
        """The likelihood in words."""
        return self.likelihood.words(self.data.n, self.data.yerr is not None)

    @property
    def file_words(self) -> str:
        """The likelihood in words, with the noise in units of the data's file."""
        n, weighted = self.data.n, self.data.yerr is not None
        if type(self.likelihood) is MSE:
            return self.likelihood.words(n, weighted, math.sqrt(self.data.misfit_unit))
        return self.file_likelihood.words(n, weighted)

    @property
    def file_likelihood(self) -> Likelihood | Pointwise:
        """The likelihood with its noise, where that is given, in units of the data's file."""
        unit = math.sqrt(self.data.misfit_unit)
        found: Likelihood | Pointwise = with_noise_times(self.likelihood, unit)
        return found

    # -- the density -------------------------------------------------------------------------------

    def log_prob(self, theta: Any) -> Any:
        """Log likelihood plus log prior, (..., P) -> (...,)."""
        return self._mapped(self._log_prob, theta)

    def log_prob_and_grad(self, theta: Any) -> tuple[Any, Any]:
        """Log probability and its gradient, (..., P) -> (...,) and (..., P).

        The gradient is zero where the log probability is −inf.
        """
        both: tuple[Any, Any] = self._mapped(self._value_and_grad, theta)
        return both

    def log_likelihood(self, theta: Any) -> Any:
        """Log likelihood, (..., P) -> (...,)."""
        return self._mapped(lambda t: finite_or_never(self.sums.log_likelihood(t)), theta)

    def log_prior(self, theta: Any) -> Any:
        """Log prior, (..., P) -> (...,)."""
        return self._mapped(self.prior_density.log_prob, theta)

    def _log_prob(self, theta: np.ndarray) -> np.ndarray:
        return finite_or_never(self.sums.log_likelihood(theta) + self.prior_density.log_prob(theta))

    def _value_and_grad(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        likelihood, slope = self.sums.value_and_grad(theta)
        value = finite_or_never(likelihood + self.prior_density.log_prob(theta))
        grad = self.prior_density.grad(theta) + slope
        grad[value == -np.inf] = 0.0
        return value, grad

    @property
    def scale_names(self) -> list[str]:
        """What :meth:`draw_scales` draws, in its order."""
        if not isinstance(self.prior, StudentTPrior):
            return []
        return list(dict.fromkeys(self.prior.groups(self.net.kinds, self.net.inputs)))

    def draw_scales(self, theta: Any, rng: np.random.Generator) -> Any:
        """The scales that a :class:`~.prior.StudentTPrior` gives each group of weights, in units of
        its std, drawn exactly given theta: (..., P) -> (..., G)."""
        if not self.scale_names:
            raise RequestError(
                f"scales: found {type(self.prior).__name__}, which infers none, expected "
                "nnpost.StudentTPrior(std)"
            )
        return self._mapped(lambda t: draw_scales(self.prior_density, t, rng), theta)

    def make_ready(self, progress: Progress | bool = True) -> None:
        """Compile now what a first use would take long for, if anything; ``progress`` hears it."""
        self.engine.make_ready(partial(note, progress))

    # -- a Gaussian likelihood ---------------------------------------------------------------------

    @property
    def gaussian_sums(self) -> GaussianSums:
        """The sums of a Gaussian likelihood. Raises RequestError where it is none."""
        if not isinstance(self.sums, GaussianSums):
            raise RequestError(
                f"posterior likelihood: found {self.words}, expected a Gaussian one, nnpost.MSE() "
                "or nnpost.Gaussian(sigma)"
            )
        return self.sums

    def noise(self, flat: np.ndarray, beta: float = 1.0) -> Noise:
        """τ and the constant at power ``beta`` of a Gaussian likelihood; log σ, if any, ends each
        row."""
        return self.gaussian_sums.noise(flat, beta)

    def precision(self, log_sigma: Tensor | None = None) -> Tensor:
        """τ as a tensor: (B,) of log σ (B,), or (1,) where the noise is given."""
        return self.gaussian_sums.precision(log_sigma)

    # -- what training minimises -------------------------------------------------------------------

    @property
    def loss_name(self) -> str:
        """What tables call :meth:`loss`."""
        return self.sums.loss_name

    def loss(self, theta: Any) -> Any:
        """What training minimises, (..., P) -> (...,): :meth:`mse`, or −log L/n where the
        likelihood is not Gaussian."""
        if self.gaussian:
            return self.mse(theta)
        return -self.log_likelihood(theta) / self.data.n

    @property
    def loss_unit(self) -> float:
        """What turns :meth:`loss` on the network's scale into that of the data's file: −log L/n
        stays as it is."""
        return self.data.misfit_unit if self.gaussian else 1.0

    def mse(self, theta: Any) -> Any:
        """Mean of r² in units of the data's file (of (r/yerr)² where they bring errors),
        (..., P) -> (...,)."""
        return self.mean_square(theta) * self.loss_unit

    def mean_square(self, theta: Any) -> Any:
        """Mean of r² on the network's scale (of (r/yerr)² where the data bring errors),
        (..., P) -> (...,).

        Raises RequestError where the likelihood is not Gaussian: what is minimised is :meth:`loss`.
        """
        if not self.gaussian:
            raise RequestError(
                f"mse: this likelihood ({self.words}) has none, it minimises {self.loss_name}; "
                "use loss"
            )
        return self._mapped(lambda t: self.engine.sse(t) / self.data.n, theta)

    # -- what theta says of y ----------------------------------------------------------------------

    def predict(self, theta: Any, x: Any = None) -> Any:
        """Outputs f(x) in units of the data's file, (..., P) -> (..., n).

        Of networks with several outputs, f(x) on the network's scale, (..., n, outputs); what they
        say of y is :meth:`expected`. ``x`` is (n, d) in units of the file, or (n,) for one input;
        by default that of the data.
        """
        places = None if x is None else self._places(x)
        if self.net.outputs > 1:
            return self._mapped(lambda t: self._outputs(t, places), theta)
        to_file = self.data.scaling.y_to_file
        return self._mapped(lambda t: to_file(self._outputs(t, places)), theta)

    def expected(self, theta: Any, x: Any = None) -> Any:
        """What y is on average at x in units of the file, (..., P) -> (..., n): f(x), or the
        probability or rate that the likelihood makes of it; (..., n, C) where it says several
        numbers of a point, as the probabilities of classes. ``x`` is as for :meth:`predict`."""
        places = None if x is None else self._places(x)
        return self._mapped(lambda t: self.expected_of(self._outputs(t, places), t), theta)

    def expected_of(self, f: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """:meth:`expected` where the outputs on the network's scale are known: f (B, n) or
        (B, n, outputs), theta (B, P) -> (B, n)."""
        expected: np.ndarray = self.data.scaling.y_to_file(self.sums.mean(f, theta))
        return expected

    def curves(self, theta: Any, x: Any = None) -> Any:
        """:meth:`expected` as one row of numbers, place by place, (..., P) -> (..., n·C)."""
        found = self.expected(theta, x)
        if self.components == 1:
            return found
        return found.reshape(*theta.shape[:-1], found.shape[-2] * found.shape[-1])

    @property
    def components(self) -> int:
        """How many numbers :meth:`expected` says of a point, C: one, or a probability a class."""
        return self.sums.components

    @property
    def component_names(self) -> tuple[str, ...]:
        """What :meth:`expected` says, C names: those of the targets, or P(y = k) of each class."""
        name = self.data.y_name
        if self.components == 1:
            return (name,)
        if self.data.y_names:
            return self.data.y_names
        return tuple(f"P({name} = {k})" for k in range(self.components))

    @property
    def observed(self) -> np.ndarray:
        """What the data say of each component, in units of the file, (n, C): y itself, or a 1 for
        the class that was seen and 0 for the others."""
        y = self.data.raw.y
        if y.ndim == 2:
            return y
        return y[:, None] if self.components == 1 else np.eye(self.components)[y.astype(int)]

    def pointwise_log_likelihood(self, theta: Any, data: Dataset | None = None) -> Any:
        """Log density of every target under the network and its noise, (..., P) -> (..., n).

        ``data``, by default that of the posterior, may be on any scale, and brings errors where
        that does. Densities are on the network's scale (``data.scaling.log_density_to_file`` makes
        them those of y in units of the file). They are normalised, whatever constants the
        likelihood leaves out, so that those of ``Gaussian`` sum to ``log_likelihood``, and those of
        ``MSE`` to that less n/2 · log πn + Σ log yerr.
        """
        at = self.data if data is None else data.scaled(self.data.scaling)
        errors = errors_at(self.data, at.n, at.yerr)
        densities = self.sums.densities(self._places(at.x), at.y, errors)
        return self._mapped(lambda t: finite_or_never(densities(t)), theta)

    @property
    def draws_targets(self) -> bool:
        """Whether there is a way to draw new targets: one's own likelihood may have none."""
        return not isinstance(self.likelihood, OwnLikelihood) or bool(self.likelihood.draw_of)

    def draw_targets(self, theta: Any, x: Any, rng: np.random.Generator, yerr: Any = None) -> Any:
        """New targets at x (n, d), noise included, one for each vector: (..., P) -> (..., n).

        All are in units of the data's file. ``yerr`` (n,) has the standard deviations there, where
        the data bring errors.
        """
        scaling = self.data.scaling
        places = scaling.x_to_network(self._places(x))
        given = None if yerr is None else scaling.sd_to_network(np.asarray(yerr, dtype=float))
        errors = errors_at(self.data, len(places), given)

        def targets(t: np.ndarray) -> np.ndarray:
            new = self.sums.draw(self.engine.outputs(t, places), t, errors, rng)
            return np.asarray(scaling.y_to_file(new))

        return self._mapped(targets, theta)

    def _outputs(self, flat: np.ndarray, x: np.ndarray | None) -> np.ndarray:
        """f(x) on the network's scale at x (n, d) in units of the data's file; None for the
        data's."""
        places = None if x is None else self.data.scaling.x_to_network(x)
        return self.engine.outputs(flat, places)

    # -- as a Density: all parameters move, and nothing is left to draw ----------------------------

    def split(self, theta: np.ndarray) -> np.ndarray:
        """A copy, (B, P) -> (B, P)."""
        return theta.copy()

    def complete(
        self, x: np.ndarray, rng: np.random.RandomState, density: np.ndarray | None = None
    ) -> Drawn:
        """The vectors themselves, (B, P); ``density`` (B,) is taken where it is known."""
        known = self.log_prob(x) if density is None else density
        return Drawn(x, known, known)

    # -- the border to whatever is given -----------------------------------------------------------

    def _mapped(self, function: Callable[[np.ndarray], Any], theta: Any) -> Any:
        """What ``function`` makes of theta as a (B, P) array, in the kind and shape of theta."""
        given = theta if isinstance(theta, Tensor) else np.asarray(theta)
        if given.ndim == 0 or given.shape[-1] != self.ndim:
            raise RequestError(
                f"theta has shape {tuple(given.shape)}, expected (..., {self.ndim}): "
                f"{self.ndim} parameters of {self.net}"
                + "".join(f" and {plain_label(extra.label)}" for extra in self.extras)
            )
        return of_rows(function, given)

    def _places(self, x: Any) -> np.ndarray:
        points = as_array(x)
        points = points[:, None] if points.ndim == 1 and self.net.inputs == 1 else points
        if points.ndim != 2 or points.shape[1] != self.net.inputs:
            raise RequestError(
                f"x has shape {tuple(np.shape(x))}, expected (n, {self.net.inputs}): a row a point"
            )
        return points
