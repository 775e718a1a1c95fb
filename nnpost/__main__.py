"""``python -m nnpost`` is ``nnpost``."""

from .cli.commands import entry

entry()
