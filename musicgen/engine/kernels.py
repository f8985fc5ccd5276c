"""What a time step does to every element by itself, compiled: gates, memory, hidden states, and the way back.

The formulas are those of lstm.py and gru.py, written as they stand there. As operations on whole tensors
they would cost more than the products between them: each reads and writes the memory anew.

A function named after `units` does so for the units `first` to `last` of the H, so that several threads can
share a step.

Shapes: T time steps, B rows of a batch, H hidden size. A float32 array holds itself; a uint16 array holds the
upper halves of 32-bit numbers, which is what bfloat16 is. A tape shorter than the sequence is written over in
turns: step t stands at t modulo its length.
"""

from typing import Any

import numpy as np
import torch
from numba import carray, types  # pyright: ignore[reportPrivateImportUsage]
from numba.extending import intrinsic, overload
from numpy.typing import NDArray
from torch import Tensor

from musicgen.system.compiled_code import compiled

# A product and a sum may be one instruction. Nothing may lose a NaN, by which training knows it diverged.
_compiled = compiled(fastmath={"contract"})


def as_array(tensor: Tensor) -> NDArray[np.generic]:
    """The memory of a tensor on the CPU as kernels take it; bfloat16 becomes uint16."""
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


def _type_pointer(_context: Any, address: Any) -> Any:
    """As numba asks: the types of `pointer` and its code."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.voidptr(address), generate


pointer: Any = intrinsic(_type_pointer)
"""In compiled code: an address as numba's carray takes it."""


def _widened(value: Any) -> Any:
    """The number that an element of an array stands for, in 32 bits."""
    raise NotImplementedError


@overload(_widened, strict=False)
def _widened_compiled(value: Any) -> Any:
    if value == types.uint16:
        return lambda value: np.uint32(np.uint32(value) << np.uint32(16)).view(np.float32)
    return lambda value: value


@_compiled
def rounded(value: Any) -> Any:
    """The upper half of a 32-bit number, rounded to nearest, ties to even."""
    bits = np.float32(value).view(np.uint32)
    is_odd = (bits >> np.uint32(16)) & np.uint32(1)
    return np.uint16((bits + np.uint32(0x7FFF) + is_odd) >> np.uint32(16))


def _store(array: Any, index: Any, value: Any) -> None:
    """Write a 32-bit number into an array; where that has 16 bits, rounded."""
    raise NotImplementedError


@overload(_store, strict=False)
def _store_compiled(array: Any, index: Any, value: Any) -> Any:
    if array.dtype == types.uint16:

        def store_rounded(array: Any, index: Any, value: Any) -> None:
            array[index] = rounded(value)

        return store_rounded

    def store(array: Any, index: Any, value: Any) -> None:
        array[index] = value

    return store


def _store_if_rounded(array: Any, index: Any, value: Any) -> None:
    """As _store into an array of 16 bits; one of 32 bits is left alone."""
    raise NotImplementedError


@overload(_store_if_rounded, strict=False)
def _store_if_rounded_compiled(array: Any, index: Any, value: Any) -> Any:
    if array.dtype == types.uint16:
        return lambda array, index, value: _store(array, index, value)
    return lambda array, index, value: None


ONE, HALF = np.float32(1.0), np.float32(0.5)
_BOUND = np.float32(7.99881172180175781)


@_compiled
def _tanh(x: Any) -> Any:
    """As a quotient of polynomials, of degree 13 and 6, to 4 units in the last place; NaN stays NaN.

    Its coefficients are those of Eigen's `ptanh_float` (Eigen/src/Core/MathFunctionsImpl.h, MPL 2.0).
    """
    x = -_BOUND if x < -_BOUND else x
    x = _BOUND if x > _BOUND else x
    s = x * x
    p = np.float32(-2.76076847742355e-16)
    p = p * s + np.float32(2.00018790482477e-13)
    p = p * s + np.float32(-8.60467152213735e-11)
    p = p * s + np.float32(5.12229709037114e-08)
    p = p * s + np.float32(1.48572235717979e-05)
    p = p * s + np.float32(6.37261928875436e-04)
    p = p * s + np.float32(4.89352455891786e-03)
    q = np.float32(1.19825839466702e-06)
    q = q * s + np.float32(1.18534705686654e-04)
    q = q * s + np.float32(2.26843463243900e-03)
    q = q * s + np.float32(4.89352518554385e-03)
    return x * p / q


@_compiled
def _sigmoid(x: Any) -> Any:
    return HALF + HALF * _tanh(HALF * x)


@_compiled
def _of_four(row: Any, first: int, last: int) -> Any:
    """What a row [4H] holds of some units, gate by gate."""
    H = len(row) // 4
    i, f, g, o = row[:H], row[H : 2 * H], row[2 * H : 3 * H], row[3 * H :]
    return i[first:last], f[first:last], g[first:last], o[first:last]


@_compiled
def _of_three(row: Any, first: int, last: int) -> Any:
    H = len(row) // 3
    r, z, n = row[:H], row[H : 2 * H], row[2 * H :]
    return r[first:last], z[first:last], n[first:last]


@_compiled
def lstm_step(
    t: int, product: int, inputs: Any, rows: Any, gates: Any, cells: Any, hiddens: Any, read: Any
) -> None:
    """`lstm_units` for all of them; product: the address of `recurrent`, in the type of the gates.

    To make an array of a tensor would take nearly as long as the step itself.
    """
    B, H = hiddens.shape[1:]
    recurrent = carray(pointer(product), (B, 4 * H), gates.dtype)
    lstm_units(t, 0, H, recurrent, inputs, rows, gates, cells, hiddens, read)


@_compiled
def lstm_units(
    t: int,
    first: int,
    last: int,
    recurrent: Any,
    inputs: Any,
    rows: Any,
    gates: Any,
    cells: Any,
    hiddens: Any,
    read: Any,
) -> None:
    """Step t of an LSTM.

    recurrent: U h_{t−1} [B, 4H]. inputs: [N, 4H], of which rows [T, B] names x. Written: gates i, f, g, o
    [·, B, 4H], cells c [·, B, H], hiddens h [·, B, H], and h again into read [·, B, H] if that has 16 bits.
    Cells, hiddens and read hold the state before step t at t and get the one after it at t + 1.
    """
    now, a = rows[t % len(rows)], gates[t % len(gates)]
    before, after = cells[t % len(cells)], cells[(t + 1) % len(cells)]
    hidden_after, read_after = hiddens[(t + 1) % len(hiddens)], read[(t + 1) % len(read)]
    for b in range(len(recurrent)):
        u_i, u_f, u_g, u_o = _of_four(recurrent[b], first, last)
        x_i, x_f, x_g, x_o = _of_four(inputs[now[b]], first, last)
        a_i, a_f, a_g, a_o = _of_four(a[b], first, last)
        c_before, c_after = before[b, first:last], after[b, first:last]
        h_after, h_read = hidden_after[b, first:last], read_after[b, first:last]
        for k in range(last - first):
            i = _sigmoid(_widened(x_i[k]) + _widened(u_i[k]))
            f = _sigmoid(_widened(x_f[k]) + _widened(u_f[k]))
            g = _tanh(_widened(x_g[k]) + _widened(u_g[k]))
            o = _sigmoid(_widened(x_o[k]) + _widened(u_o[k]))
            c = f * c_before[k] + i * g
            squashed_c = _tanh(c)
            h = o * squashed_c
            _store(a_i, k, i)
            _store(a_f, k, f)
            _store(a_g, k, g)
            _store(a_o, k, o)
            c_after[k], h_after[k] = c, h
            _store_if_rounded(h_read, k, h)


@_compiled
def lstm_step_back(
    t: int, product: int, outputs: Any, gates: Any, cells: Any, d_cell: Any, d_gates: Any
) -> None:
    """`lstm_units_back` for all of them; product: the address of `recurrent`, in the type of the gates."""
    B, H = d_cell.shape
    recurrent = carray(pointer(product), (B, H), gates.dtype)
    lstm_units_back(t, 0, H, recurrent, outputs, gates, cells, d_cell, d_gates)


@_compiled
def lstm_units_back(
    t: int,
    first: int,
    last: int,
    recurrent: Any,
    outputs: Any,
    gates: Any,
    cells: Any,
    d_cell: Any,
    d_gates: Any,
) -> None:
    """Step t of the way back through an LSTM.

    recurrent: Uᵀ ∂a_{t+1} [B, H]. outputs: the gradient from the outputs [T, B, H]. Written: d_gates ∂a
    [T, B, 4H]. d_cell ∂c [B, H] is that of c_t and becomes that of c_{t−1}. The others as in `lstm_units`.
    """
    for b in range(len(recurrent)):
        a_i, a_f, a_g, a_o = _of_four(gates[t, b], first, last)
        d_i, d_f, d_g, d_o = _of_four(d_gates[t, b], first, last)
        d_h_recurrent, d_h_output = recurrent[b, first:last], outputs[t, b, first:last]
        d_c, c_before, c_after = d_cell[b, first:last], cells[t, b, first:last], cells[t + 1, b, first:last]
        for k in range(last - first):
            i, f, g, o = _widened(a_i[k]), _widened(a_f[k]), _widened(a_g[k]), _widened(a_o[k])
            squashed_c = _tanh(c_after[k])
            d_hidden = _widened(d_h_recurrent[k]) + d_h_output[k]
            d_c_now = d_c[k] + d_hidden * o * (ONE - squashed_c * squashed_c)
            _store(d_i, k, d_c_now * g * i * (ONE - i))
            _store(d_f, k, d_c_now * c_before[k] * f * (ONE - f))
            _store(d_g, k, d_c_now * i * (ONE - g * g))
            _store(d_o, k, d_hidden * squashed_c * o * (ONE - o))
            d_c[k] = d_c_now * f


@_compiled
def gru_step(
    t: int,
    product: int,
    bias: Any,
    inputs: Any,
    rows: Any,
    gates: Any,
    news: Any,
    hiddens: Any,
    read: Any,
) -> None:
    """`gru_units` for all of them; product: the address of `recurrent`, in the type of the gates.

    To make an array of a tensor would take nearly as long as the step itself.
    """
    B, H = hiddens.shape[1:]
    recurrent = carray(pointer(product), (B, 3 * H), gates.dtype)
    gru_units(t, 0, H, recurrent, bias, inputs, rows, gates, news, hiddens, read)


@_compiled
def gru_units(
    t: int,
    first: int,
    last: int,
    recurrent: Any,
    bias: Any,
    inputs: Any,
    rows: Any,
    gates: Any,
    news: Any,
    hiddens: Any,
    read: Any,
) -> None:
    """Step t of a GRU.

    recurrent: U h_{t−1} [B, 3H]. bias: b_n [H]. inputs: [N, 3H], of which rows [T, B] names x. Written: gates
    r, z, m [·, B, 3H], news n [·, B, H], hiddens h [·, B, H], and h again into read [·, B, H] if that has 16
    bits. Hiddens and read hold the state before step t at t and get the one after it at t + 1.
    """
    now, a, new_now = rows[t % len(rows)], gates[t % len(gates)], news[t % len(news)]
    before, after = hiddens[t % len(hiddens)], hiddens[(t + 1) % len(hiddens)]
    read_after = read[(t + 1) % len(read)]
    for b in range(len(recurrent)):
        u_r, u_z, u_n = _of_three(recurrent[b], first, last)
        x_r, x_z, x_n = _of_three(inputs[now[b]], first, last)
        a_r, a_z, a_m = _of_three(a[b], first, last)
        h_before, h_after = before[b, first:last], after[b, first:last]
        h_read, new, bias_n = read_after[b, first:last], new_now[b, first:last], bias[first:last]
        for k in range(last - first):
            r = _sigmoid(_widened(x_r[k]) + _widened(u_r[k]))
            z = _sigmoid(_widened(x_z[k]) + _widened(u_z[k]))
            m = _widened(u_n[k]) + bias_n[k]
            n = _tanh(_widened(x_n[k]) + r * m)
            h = n + z * (h_before[k] - n)
            _store(a_r, k, r)
            _store(a_z, k, z)
            _store(a_m, k, m)
            _store(new, k, n)
            h_after[k] = h
            _store_if_rounded(h_read, k, h)


@_compiled
def gru_step_back(
    t: int,
    product: int,
    outputs: Any,
    gates: Any,
    news: Any,
    hiddens: Any,
    d_hidden: Any,
    d_gates: Any,
    d_news: Any,
    d_bias: Any,
) -> None:
    """`gru_units_back` for all of them; product: the address of `recurrent`, in the type of the gates."""
    B, H = d_hidden.shape
    recurrent = carray(pointer(product), (B, H), gates.dtype)
    gru_units_back(t, 0, H, recurrent, outputs, gates, news, hiddens, d_hidden, d_gates, d_news, d_bias)


@_compiled
def gru_units_back(
    t: int,
    first: int,
    last: int,
    recurrent: Any,
    outputs: Any,
    gates: Any,
    news: Any,
    hiddens: Any,
    d_hidden: Any,
    d_gates: Any,
    d_news: Any,
    d_bias: Any,
) -> None:
    """Step t of the way back through a GRU.

    recurrent: Uᵀ ∂a_{t+1} [B, H]. outputs: the gradient from the outputs [T, B, H]. Written: d_gates ∂a
    [T, B, 3H] and d_news ∂n [T, B, H]; d_bias ∂b_n [H] is added to. d_hidden [B, H] comes in as z ∘ ∂h of
    step t+1 and goes out as that of step t. The others as in `gru_units`.
    """
    for b in range(len(recurrent)):
        a_r, a_z, a_m = _of_three(gates[t, b], first, last)
        d_r, d_z, d_m = _of_three(d_gates[t, b], first, last)
        d_h_recurrent, d_h_output = recurrent[b, first:last], outputs[t, b, first:last]
        d_h_kept, d_n, d_b = d_hidden[b, first:last], d_news[t, b, first:last], d_bias[first:last]
        new, h_before = news[t, b, first:last], hiddens[t, b, first:last]
        for k in range(last - first):
            r, z, m, n = _widened(a_r[k]), _widened(a_z[k]), _widened(a_m[k]), _widened(new[k])
            d_h = d_h_kept[k] + _widened(d_h_recurrent[k]) + d_h_output[k]
            d_n_now = (ONE - z) * (ONE - n * n) * d_h
            d_m_now = r * d_n_now
            _store(d_r, k, m * r * (ONE - r) * d_n_now)
            _store(d_z, k, (h_before[k] - n) * z * (ONE - z) * d_h)
            _store(d_m, k, d_m_now)
            _store(d_n, k, d_n_now)
            d_h_kept[k] = z * d_h
            d_b[k] += d_m_now


@_compiled
def add_rows(totals: Any, rows: Any, values: Any) -> None:
    """Add each of values [N, G] to the row of totals [V, G], float32, that rows [N] names for it."""
    for n in range(len(rows)):
        total, value = totals[rows[n]], values[n]
        for k in range(len(value)):
            total[k] += _widened(value[k])
