"""``python -m nnpost`` is ``nnpost``."""

from .cli import entry

entry()
