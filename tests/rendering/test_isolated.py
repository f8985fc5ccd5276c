"""Processes that answer requests."""

import pytest

from musicgen.rendering.isolated import IsolatedProgram
from musicgen.system.limits import LIMITS_ARE_SET

ECHO = """
import sys
while length := sys.stdin.buffer.read(8):
    request = sys.stdin.buffer.read(int.from_bytes(length, "big"))
    print("heard", len(request), file=sys.stderr, flush=True)
    sys.stdout.buffer.write(length + request)
    sys.stdout.buffer.flush()
"""


@pytest.fixture
def start(tmp_path):
    def of(code: str) -> IsolatedProgram:
        program = tmp_path / "program.py"
        program.write_text(code)
        return IsolatedProgram(program, memory_bytes=2**30)

    return of


def test_requests_are_answered_one_after_the_other(start):
    helper = start(ECHO)
    for request in (b"", b"a\n\x00", bytes(2**20)):
        assert helper.ask(request, 60) == request
        assert helper.messages() == [f"heard {len(request)}"]
    assert helper.end() == (0, ["heard 1048576"])


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("import os; os.abort()", -6),
        ("import sys; sys.exit(3)", 3),
        ("import sys; sys.stdout.buffer.write((9).to_bytes(8, 'big') + b'half')", 0),
        ("import sys; sys.stdout.buffer.write(b'\\xff' * 100)", 0),
        ("", 0),
    ],
)
def test_a_program_that_ends_or_answers_nonsense_gives_no_answer(start, code, status):
    helper = start(code)
    assert helper.ask(b"request", 60) is None
    assert helper.end()[0] == status


def test_its_memory_is_limited(start):
    if not LIMITS_ARE_SET:
        pytest.skip("limits are set on Linux")
    helper = start("import sys; sys.stdin.buffer.read(15); bytearray(2**31)")
    assert helper.ask(b"request", 60) is None
    status, messages = helper.end()
    assert (status, messages[-1]) == (1, "MemoryError")


def test_one_that_says_nothing_is_given_up(start):
    helper = start("import time; time.sleep(600)")
    with pytest.raises(TimeoutError):
        helper.ask(b"request", 0.1)
    assert helper.end(patience_seconds=0)[0] == -9
