import numpy as np
import pytest
import torch
from numba import carray  # pyright: ignore[reportPrivateImportUsage]

from musicgen.engine.amx import team
from musicgen.engine.amx.team import TeamFunction, argument_record, barrier, share
from musicgen.engine.kernels import pointer

pytestmark = pytest.mark.skipif(not team.has_team(), reason="torch uses no OpenMP here")

_RECORD = argument_record("number rounds arrivals done neighbours")


def _count(address):
    given = carray(address, 1, _RECORD)[0]
    done = carray(pointer(given.done), (given.rounds, given.number), np.int64)
    neighbours = carray(pointer(given.neighbours), (given.rounds, given.number), np.int64)
    first, last = share(given.number)
    for turn in range(given.rounds):
        for thing in range(first, last):
            done[turn, thing] += 1
        barrier(given.arrivals, turn)
        for thing in range(first, last):
            neighbours[turn, thing] = done[turn].sum()


@pytest.fixture(params=[1, 2])
def num_threads(request: pytest.FixtureRequest):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("number", [1, 2, 7, 64])
def test_threads_share_the_work_and_wait_for_each_other(num_threads: int, number: int) -> None:
    rounds = 500
    done, neighbours = (torch.zeros(rounds, number, dtype=torch.int64) for _ in range(2))
    arrivals = torch.zeros(1, dtype=torch.int64)
    function = TeamFunction(_count, _RECORD, (team,))
    function(number=number, rounds=rounds, arrivals=arrivals, done=done, neighbours=neighbours)
    assert (done == 1).all()
    assert (neighbours == number).all()


def test_arguments_must_be_those_of_the_record() -> None:
    function = TeamFunction(_count, _RECORD)
    with pytest.raises(AssertionError, match="fields of the record"):
        function(number=1, rounds=1, done=torch.zeros(1, dtype=torch.int64))
    with pytest.raises(AssertionError):
        function(number=1, rounds=1, arrivals=1, done=torch.zeros(4, 4)[:, 0], neighbours=1)
