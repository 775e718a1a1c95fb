"""Progress: a bar on a terminal, plain lines elsewhere."""

import io

from nnpost.common import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_a_bar_with_the_text():
    out = Terminal()
    with progress.bar("sample", out) as advance:
        advance(1, 4, "accepted 0.30")
        advance(4, 4, "accepted 0.31")
    said = out.getvalue()
    assert "sample" in said
    assert "100%" in said
    assert "accepted 0.31" in said


def test_a_pipe_gets_plain_lines_now_and_then(monkeypatch):
    out, clock = io.StringIO(), iter([0.0, 1.0, 11.0, 11.0, 12.0, 30.0, 30.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with progress.bar("temper", out) as advance:
        for done in range(1, 5):
            advance(done, 8, f"step {done}")
    assert out.getvalue() == "temper: 25 %  step 2\ntemper: 50 %  step 4\n"


def test_silence(capsys):
    progress.silent(1, 2, "nothing")
    assert capsys.readouterr() == ("", "")
