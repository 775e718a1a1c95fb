"""How well the posterior would predict each point without that point, from one chain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from ..common.tables import Table, Tabled
from ..numerics.monte_carlo import Estimate

__all__ = ["LeaveOneOut"]

MOST_VARIANCE = 0.4  # of a point's log density, above which WAIC is unreliable there


@dataclass(frozen=True, eq=False, repr=False)
class LeaveOneOut(Tabled):
    """Expected log predictive densities (elpd), sums over the n points with their standard errors,
    of y in units of the file.

    ``loo`` is leave-one-out by Pareto-smoothed importance sampling (Vehtari, Gelman & Gabry 2017,
    Stat. Comput. 27, 1413), ``waic`` the widely applicable information criterion as an elpd
    (Watanabe 2010; their eq. 10); ``p_loo`` and ``p_waic`` the effective numbers of parameters.
    ``pareto_k`` (n,) says how far each point's weights can be trusted: up to ``good_k``, which goes
    with the number of draws (Vehtari et al. 2024, J. Mach. Learn. Res. 25, 72). ``elpd`` and
    ``variance`` (n,) are by point: of ``loo``, and of the log density over draws.
    """

    group: ClassVar[str] = "leave_one_out"

    loo: Estimate
    p_loo: float
    waic: Estimate
    p_waic: float
    good_k: float
    draws: int
    elpd: np.ndarray
    pareto_k: np.ndarray
    variance: np.ndarray

    @property
    def trusted(self) -> bool:
        """Whether the weights of every point are."""
        return bool((self.pareto_k <= self.good_k).all())

    def notes(self) -> Iterator[str]:
        """What the numbers have to be read with, a line each."""
        points = len(self.elpd)
        yield f"elpd in nats, of {points:,} points together; ± is the standard error over points"
        bad = int((~(self.pareto_k <= self.good_k)).sum())
        if bad:
            yield (
                f"PSIS-LOO is not reliable: Pareto k is above {self.good_k:.2f} at "
                f"{counted(bad)}, the largest {self.pareto_k.max():.2f}; hold points out instead "
                "(data.test)"
            )
        far = int((self.variance > MOST_VARIANCE).sum())
        if far:
            yield (
                f"WAIC is not reliable: the log density varies by more than {MOST_VARIANCE} at "
                f"{counted(far)}"
            )

    def tables(self) -> list[Table]:
        """Both, for the whole and for a point."""
        rows = [["", "elpd", "elpd a point", "effective parameters"]]
        for name, whole, size in (
            ("PSIS-LOO", self.loo, self.p_loo),
            ("WAIC", self.waic, self.p_waic),
        ):
            points = len(self.elpd)
            each = Estimate(whole.value / points, whole.error / points)
            rows.append([name, str(whole), str(each), f"{size:.2f}"])
        return [Table(rows, "Leaving one point out", head=True, notes=list(self.notes()))]

    def to_tree(self) -> dict[str, Any]:
        """A plain dict of arrays, numbers and further dicts."""
        return asdict(self)

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> LeaveOneOut:
        """What :meth:`to_tree` gave."""
        read = {name: Estimate.from_tree(tree[name]) for name in ("loo", "waic")}
        numbers = {name: float(tree[name]) for name in ("p_loo", "p_waic", "good_k")}
        return cls(**{**tree, **read, **numbers, "draws": int(tree["draws"])})

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON (arrays still numpy)."""
        return self.to_tree() | {"trusted": self.trusted}


def counted(points: int) -> str:
    return f"{points:,} point" + "s" * (points != 1)
