"""The compiled parts of a time step. test_recurrence.py tests them together."""

import math

import numpy as np
import pytest
import torch
from numba import njit

from musicgen.engine import kernels
from musicgen.engine.gru import GruTape
from musicgen.engine.kernels import add_rows, as_array
from musicgen.engine.lstm import LstmTape
from musicgen.engine.products import prepare


@njit
def _of_each(function, values):
    results = np.empty_like(values)
    for n in range(len(values)):
        results[n] = function(values[n])
    return results


def test_tanh_and_sigmoid_are_exact_to_a_few_ulps() -> None:
    values = np.concatenate([np.linspace(-20, 20, 20001), np.logspace(-30, -1, 500)]).astype(np.float32)
    wide = values.astype(np.float64)
    np.testing.assert_allclose(_of_each(kernels._tanh, values), np.tanh(wide), rtol=6e-7, atol=1e-38)
    np.testing.assert_allclose(_of_each(kernels._sigmoid, values), 1 / (1 + np.exp(-wide)), atol=2.5e-7)


@pytest.mark.parametrize("function", [kernels._tanh, kernels._sigmoid])
def test_nan_stays_nan_and_infinity_becomes_finite(function) -> None:
    assert np.isnan(_of_each(function, np.full(64, np.nan, np.float32))).all()
    assert np.isfinite(_of_each(function, np.array([-np.inf, np.inf], np.float32))).all()


@njit
def _store_each(array, values):
    for n in range(len(values)):
        kernels._store(array, n, values[n])


def test_bfloat16_is_stored_and_read_as_by_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randint(-(2**31), 2**31 - 1, (10_000,), generator=generator).to(torch.int32)
    floats = values.view(torch.float32)
    floats = torch.cat([floats[floats.isfinite()], torch.tensor([1.00390625, 1.01171875, 0.0, -0.0])])
    stored = torch.empty(len(floats), dtype=torch.bfloat16)
    _store_each(as_array(stored), floats.numpy())
    assert torch.equal(stored.view(torch.int16), floats.to(torch.bfloat16).view(torch.int16))
    total = np.zeros((1, len(floats)), np.float32)
    add_rows(total, np.zeros(1, np.int64), as_array(stored[None]))
    assert np.array_equal(total[0], stored.float().numpy())


@pytest.mark.parametrize(("dtype", "H"), [(torch.float32, 20), (torch.bfloat16, 20), (torch.bfloat16, 64)])
@pytest.mark.parametrize(("tape_type", "num_gates"), [(LstmTape, 4), (GruTape, 3)])
def test_an_overwritten_tape_gives_the_same_states(tape_type, num_gates, dtype, H) -> None:
    T, B = 7, 3
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(5, num_gates * H, generator=generator).to(dtype)
    rows = torch.randint(0, 5, (T, B), generator=generator)
    weight = prepare(torch.randn(num_gates * H, H, generator=generator).div(H), dtype, B)
    bias = torch.randn(num_gates * H, generator=generator)
    state = tuple(torch.randn(B, H, generator=generator) for _ in range(2 if num_gates == 4 else 1))
    kept = tape_type.begin(T, state, dtype, True)
    kept.run(inputs, rows, weight, bias)
    at_once = tape_type.begin(T, state, dtype, False)
    at_once.run(inputs, rows, weight, bias)
    one_by_one = tape_type.begin(1, state, dtype, False)
    for t in range(T):
        one_by_one.run(inputs, rows[t : t + 1], weight, bias, t)
    for other in (at_once, one_by_one):
        assert all(torch.equal(a, b) for a, b in zip(kept.state(T), other.state(T), strict=True))
    assert torch.equal(kept.hiddens, at_once.hiddens)
    assert not math.isclose(float(kept.hiddens[1].mean()), float(kept.hiddens[T].mean()))
