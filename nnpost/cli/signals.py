"""Signals that end a command: Ctrl-C (SIGINT), SIGTERM as batch systems send it, and SIGHUP of a
terminal that is closed. All are one KeyboardInterrupt, which leaves a file to go on from.

Python runs a handler between any two lines, also within a callback of a weak reference or of C,
where nobody hears what it raises: such an interrupt is sent once more.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

__all__ = ["end", "ending_signals", "exit_status"]

AGAIN = 0.02  # seconds until an interrupt that nobody heard comes again
_first: list[int] = []  # the signal that ends this process, once there is one


def ending_signals() -> None:
    """From now on each of the signals ends the command. One that is ignored, as by nohup, stays so.

    A second SIGTERM or SIGHUP does not disturb what the first has set going; a second Ctrl-C does.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # SIGHUP is not on every system
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)
    sys.unraisablehook = _hear


def exit_status() -> int:
    """128 and the number of the signal that came first, as shells have it; 130 for none."""
    return 128 + (_first[0] if _first else signal.SIGINT)


def end(status: int) -> NoReturn:
    """End this process with an exit status; after a signal, with that of the signal.

    Python's own way is not sure of that under ``python -m``: once a KeyboardInterrupt has come out
    of code that exec() was given as text, as dataclasses do while modules are imported, it counts
    as one that nobody has caught, and the process ends by SIGINT (run_eval_code_obj and Py_RunMain
    of CPython).
    """
    if _first:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # whoever read it has left, or it is closed
                stream.flush()
        os._exit(status)
    sys.exit(status)


def _interrupt(number: int, frame: FrameType | None) -> None:
    again = bool(_first) and number != signal.SIGINT
    _first.append(number)
    if not again:
        raise KeyboardInterrupt


def _hear(lost: UnraisableHookArgs) -> None:
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    number = _first[0] if _first else signal.SIGINT
    _first.clear()
    timer = threading.Timer(AGAIN, os.kill, (os.getpid(), number))
    timer.daemon = True
    timer.start()
