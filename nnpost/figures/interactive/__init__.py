"""Pictures to zoom into and to ask for values: functions of results that return a plotly Figure.

They show the numbers of the figures beside them, whose functions they share, and need no network.
``pip install 'nnpost[interactive]'`` brings plotly; `nnpost report FILE --interactive` writes a
page with all of them.
"""

from .corner import corner
from .curves import fits
from .restarts import restarts
from .traces import traces

__all__ = ["corner", "fits", "restarts", "traces"]
