"""Limits on other programs, set from outside."""

import signal
import subprocess
import sys

import pytest

from musicgen.system.limits import LIMITS_ARE_SET, limit_process

pytestmark = pytest.mark.skipif(not LIMITS_ARE_SET, reason="limits are set on Linux")


def ended(code: str, prefix: str = "") -> tuple[int, str]:
    """Status and output of a program that waits for its limits before it does anything."""
    command = f"{prefix} exec {sys.executable} -c 'input(); {code}'"
    with subprocess.Popen(
        ["sh", "-c", command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        limit_process(process.pid, memory_bytes=2**29, cpu_seconds=1, file_bytes=2**16, open_files=9)
        output, errors = process.communicate("\n")
    return process.returncode, output + errors


def test_the_memory_limit_is_enforced():
    assert "MemoryError" in ended("bytearray(2**30)")[1]


def test_the_processor_time_limit_ends_the_program():
    assert ended("any(iter(int, 1))")[0] == -signal.SIGXCPU


def test_the_file_size_limit_is_enforced(tmp_path):
    # Python ignores the signal that ends other programs.
    code = f'file = open("{tmp_path}/file", "wb", 0); file.write(bytes(2**16)); file.write(bytes(1))'
    assert "File too large" in ended(code)[1]


def test_a_lower_inherited_limit_stays():
    status, output = ended("import resource as r; print(r.getrlimit(r.RLIMIT_NOFILE))", "ulimit -n 7;")
    assert (status, output) == (0, "(7, 7)\n")


def test_an_ended_process_needs_no_limits():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        limit_process(process.pid, memory_bytes=2**29, cpu_seconds=1, file_bytes=0)
