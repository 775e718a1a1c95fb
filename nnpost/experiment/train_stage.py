"""Training: restarts, MAP and MLE, into the run file."""

from __future__ import annotations

from ..storage.results import as_groups, read_stage, write_stages
from ..storage.runfile import new_file
from ..training.fits import Fits
from ..training.kept_restarts import KeptRestarts
from ..training.sgd import Trained
from ..training.train import train
from .announce import announce
from .keep import in_words, keep
from .request import Request

__all__ = ["half_trained", "train_stage"]


def train_stage(request: Request, new: bool) -> Fits:
    """Train; a ``new`` run file replaces an older one, otherwise the fits in it are replaced.

    Restarts that are trained before the others are kept in the meantime, where all take minutes.
    """
    asked, begun = in_words(request.experiment.train, request), new
    kept = read_stage(request.path, KeptRestarts) if not new and request.resume else None

    def keep_some(trained: Trained) -> None:
        nonlocal begun
        some = KeptRestarts(asked, trained)
        if begun:
            new_file(request.path, request.groups() | as_groups(some))
        else:
            write_stages(request.path, some)
        begun = False

    fits = train(
        request.post,
        **request.experiment.train.table(),
        seed=request.experiment.seed,
        validation=request.validation,
        progress=request.progress,
        before=kept.trained if kept is not None and kept.asked == asked else None,
        keep=keep_some,
    )
    best, done = fits.sgd, f"trained {len(fits.mse)} restarts in {fits.seconds:.1f} s"
    announce(request, f"{done}: best {best.misfit} {best.mse:.4g}")
    if new:
        new_file(request.path, request.groups() | as_groups(fits))
    else:
        keep(request, fits, drop=(KeptRestarts.group,))
    return fits


def half_trained(request: Request) -> bool:
    """Whether the run file has some of the restarts that are asked for."""
    kept = read_stage(request.path, KeptRestarts) if request.path.exists() else None
    return kept is not None and kept.asked == in_words(request.experiment.train, request)
