import pytest

from musicgen.rendering.isolated import IsolatedProgram
from musicgen.system.limits import LIMITS_ARE_SET

ECHO = """
import sys
while length := sys.stdin.buffer.read(8):
    request = sys.stdin.buffer.read(int.from_bytes(length, "big"))
    print("received", len(request), file=sys.stderr, flush=True)
    sys.stdout.buffer.write(length + request)
    sys.stdout.buffer.flush()
"""


@pytest.fixture
def start(tmp_path):
    def of(code: str) -> IsolatedProgram:
        path = tmp_path / "program.py"
        path.write_text(code)
        return IsolatedProgram(path, memory_bytes=2**30)

    return of


def test_requests_are_answered_in_turn(start):
    program = start(ECHO)
    for request in (b"", b"a\n\x00", bytes(2**20)):
        assert program.ask(request, 60) == request
        assert program.messages() == [f"received {len(request)}"]
    assert program.end() == (0, ["received 1048576"])


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
def test_an_exit_or_a_broken_answer_is_none(start, code, status):
    program = start(code)
    assert program.ask(b"request", 60) is None
    assert program.end()[0] == status


def test_its_memory_is_limited(start):
    if not LIMITS_ARE_SET:
        pytest.skip("limits are set on Linux")
    program = start("import sys; sys.stdin.buffer.read(15); bytearray(2**31)")
    assert program.ask(b"request", 60) is None
    status, messages = program.end()
    assert (status, messages[-1]) == (1, "MemoryError")


def test_a_silent_program_times_out(start):
    program = start("import time; time.sleep(600)")
    with pytest.raises(TimeoutError):
        program.ask(b"request", 0.1)
    assert program.end(patience_seconds=0)[0] == -9
