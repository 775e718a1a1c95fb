"""Signals end a command once, whatever they come into the middle of."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import nnpost

START = """
import signal, sys, time, weakref, gc, os
from nnpost.cli.signals import ending_signals, exit_status
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup may have it ignored
"""
SWALLOW = """
class Thing: pass
def callback(_):  # what it raises, nobody hears
    signal.raise_signal(signal.SIGINT)
    for _ in range(10): pass
ending_signals()
thing = Thing()
ref = weakref.ref(thing, callback)
try:
    del thing
    time.sleep(60)
except KeyboardInterrupt:
    sys.exit(exit_status())
"""
TWICE = """
ending_signals()
try:
    print("go", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("first", flush=True)
    time.sleep(0.5)  # the second must not come into this
    sys.exit(exit_status())
"""
IGNORED = """
signal.signal(signal.SIGHUP, signal.SIG_IGN)
ending_signals()
signal.raise_signal(signal.SIGHUP)
try:
    signal.raise_signal(signal.SIGTERM)
except KeyboardInterrupt:
    sys.exit(exit_status())
"""


def start(code):
    environment = {**os.environ, "PYTHONPATH": str(Path(nnpost.__file__).parents[1])}
    return subprocess.Popen(
        [sys.executable, "-c", START + code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def test_an_interrupt_within_a_callback_is_not_lost():
    process = start(SWALLOW)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, "")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_a_second_signal_does_not_disturb_the_end(how):
    process = start(TWICE)
    assert process.stdout.readline() == "go\n"
    process.send_signal(how)
    assert process.stdout.readline() == "first\n"
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGHUP)
    assert (process.wait(30), process.communicate()[1]) == (128 + how, "")


def test_a_signal_that_is_ignored_stays_ignored():
    process = start(IGNORED)
    assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 128 + signal.SIGTERM


def test_an_interrupt_out_of_text_that_is_executed_has_its_status_too(tmp_path):
    """Python alone ends by SIGINT here, as test_python_alone_does_not shows."""
    ended = by_module(
        tmp_path,
        "from nnpost.cli.signals import end, ending_signals, exit_status\n"
        "ending_signals()\n" + EXECUTED + "    print('told'); end(exit_status())\n",
    )
    assert (ended.returncode, ended.stdout) == (143, "told\n")


def test_python_alone_does_not(tmp_path):
    handler = "signal.signal(signal.SIGTERM, signal.default_int_handler)\n"
    ended = by_module(
        tmp_path, "import signal\n" + handler + EXECUTED + "    raise SystemExit(143)\n"
    )
    assert ended.returncode == -signal.SIGINT


EXECUTED = """
try:
    exec("import signal; signal.raise_signal(signal.SIGTERM)")
except KeyboardInterrupt:
"""


def by_module(folder, code):
    """How ``python -m`` ends with this code."""
    (folder / "executed.py").write_text(code)
    paths = os.pathsep.join([str(folder), str(Path(nnpost.__file__).parents[1])])
    command, environment = [sys.executable, "-m", "executed"], {**os.environ, "PYTHONPATH": paths}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
