"""Has a chain converged? Mixing, the verdict, and its reasons."""

from typing import TYPE_CHECKING

from ..common.lazy import lazily

if TYPE_CHECKING:
    from .criteria import Criteria as Criteria
    from .mixing import autocorr_time as autocorr_time
    from .mixing import effective_size as effective_size
    from .mixing import nested_rhat as nested_rhat
    from .verdict import Verdict as Verdict
    from .verdict import judge as judge

_HOMES = {
    "Criteria": "criteria",
    "Verdict": "verdict",
    "autocorr_time": "mixing",
    "effective_size": "mixing",
    "judge": "verdict",
    "nested_rhat": "mixing",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = lazily(__name__, _HOMES)
