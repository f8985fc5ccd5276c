"""The elementwise part of a time step, compiled: gates, cells, hidden states, and their gradients.

The formulas are those of lstm.py and gru.py, in the same notation. As operations on whole tensors they would
cost more than the matrix products, since each would read and write memory again.

Functions named `…_units` compute units `first` to `last` of the H, so that several threads can share a step.

Shapes: T time steps, B rows of a batch, H hidden size. uint16 arrays hold bfloat16, the upper halves of
32-bit numbers; all others are float32. A tape shorter than the sequence is overwritten cyclically: step t is
at t modulo its length. Compiled functions have no type hints: numba infers the types.
"""

from typing import Any

import numpy as np
import torch
from numba import carray, types  # pyright: ignore[reportPrivateImportUsage]
from numba.extending import intrinsic, overload
from numpy.typing import NDArray
from torch import Tensor

from musicgen.system.compiled_code import compiled

# Allows fused multiply-add, but nothing that may lose a NaN: training notices divergence by it.
_compiled = compiled(fastmath={"contract"})


def as_array(tensor: Tensor) -> NDArray[np.generic]:
    """A tensor's memory as an array for kernels, bfloat16 as uint16; CPU only."""
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


def _type_pointer(_context: Any, address: Any) -> Any:
    """Types and code of `pointer`, for numba's intrinsic."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.voidptr(address), generate


pointer: Any = intrinsic(_type_pointer)
"""In compiled code: an integer address as a pointer for numba's carray."""


def _widened(value: Any) -> Any:
    """An element of an array as a 32-bit number."""
    raise NotImplementedError


@overload(_widened, strict=False)
def _widened_compiled(value: Any) -> Any:
    if value == types.uint16:
        return lambda value: np.uint32(np.uint32(value) << np.uint32(16)).view(np.float32)
    return lambda value: value


@_compiled
def rounded(value):
    """A 32-bit number as bfloat16, rounded to nearest, ties to even."""
    bits = np.float32(value).view(np.uint32)
    is_odd = (bits >> np.uint32(16)) & np.uint32(1)
    return np.uint16((bits + np.uint32(0x7FFF) + is_odd) >> np.uint32(16))


def _store(array: Any, index: Any, value: Any) -> None:
    """Write a 32-bit number into an array, rounded if that has 16 bits."""
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
    """Like _store, but leave an array of 32 bits alone."""
    raise NotImplementedError


@overload(_store_if_rounded, strict=False)
def _store_if_rounded_compiled(array: Any, index: Any, value: Any) -> Any:
    if array.dtype == types.uint16:
        return lambda array, index, value: _store(array, index, value)
    return lambda array, index, value: None


ONE, HALF = np.float32(1.0), np.float32(0.5)
_BOUND = np.float32(7.99881172180175781)


@_compiled
def _tanh(x):
    """A quotient of polynomials of degree 13 and 6, exact to 4 units in the last place; NaN stays NaN.

    The coefficients are those of Eigen's `ptanh_float` (Eigen/src/Core/MathFunctionsImpl.h, MPL 2.0).
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
def _sigmoid(x):
    return HALF + HALF * _tanh(HALF * x)


@_compiled
def _of_four(row, first, last):
    """Units first to last of a row [4H], gate by gate."""
    H = len(row) // 4
    i, f, g, o = row[:H], row[H : 2 * H], row[2 * H : 3 * H], row[3 * H :]
    return i[first:last], f[first:last], g[first:last], o[first:last]


@_compiled
def _of_three(row, first, last):
    H = len(row) // 3
    r, z, n = row[:H], row[H : 2 * H], row[2 * H :]
    return r[first:last], z[first:last], n[first:last]


@_compiled
def lstm_step(t, product, inputs, rows, gates, cells, hiddens, read):
    """`lstm_units` for all units; product: the address of `recurrent`, in the type of the gates.

    An address, because making an array of a tensor takes nearly as long as the step itself.
    """
    B, H = hiddens.shape[1:]
    recurrent = carray(pointer(product), (B, 4 * H), gates.dtype)
    lstm_units(t, 0, H, recurrent, inputs, rows, gates, cells, hiddens, read)


@_compiled
def lstm_units(t, first, last, recurrent, inputs, rows, gates, cells, hiddens, read):
    """Step t of an LSTM.

    recurrent: U h_{t−1} [B, 4H]. inputs [N, 4H]: x is the row that rows [T, B] names. Writes gates i, f, g, o
    [·, B, 4H], cells c [·, B, H], hiddens h [·, B, H], and h into read [·, B, H] too if that has 16 bits.
    Cells, hiddens and read hold the state before step t at t, and that after it at t + 1.
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
def lstm_step_back(t, product, outputs, gates, cells, d_cell, d_gates):
    """`lstm_units_back` for all units; product: the address of `recurrent`, in the type of the gates."""
    B, H = d_cell.shape
    recurrent = carray(pointer(product), (B, H), gates.dtype)
    lstm_units_back(t, 0, H, recurrent, outputs, gates, cells, d_cell, d_gates)


@_compiled
def lstm_units_back(t, first, last, recurrent, outputs, gates, cells, d_cell, d_gates):
    """Step t of an LSTM's backward pass.

    recurrent: Uᵀ ∂a_{t+1} [B, H]. outputs: the gradient from the outputs [T, B, H]. Writes d_gates ∂a
    [T, B, 4H]. d_cell [B, H] is ∂c_t and becomes ∂c_{t−1}. The others as in `lstm_units`.
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
def gru_step(t, product, bias, inputs, rows, gates, news, hiddens, read):
    """`gru_units` for all units; product: the address of `recurrent`, in the type of the gates."""
    B, H = hiddens.shape[1:]
    recurrent = carray(pointer(product), (B, 3 * H), gates.dtype)
    gru_units(t, 0, H, recurrent, bias, inputs, rows, gates, news, hiddens, read)


@_compiled
def gru_units(t, first, last, recurrent, bias, inputs, rows, gates, news, hiddens, read):
    """Step t of a GRU.

    recurrent: U h_{t−1} [B, 3H]. bias: b_n [H]. inputs [N, 3H]: x is the row that rows [T, B] names. Writes
    gates r, z, m [·, B, 3H], news n [·, B, H], hiddens h [·, B, H], and h into read [·, B, H] if that has 16
    bits. Hiddens and read hold the state before step t at t, and that after it at t + 1.
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
def gru_step_back(t, product, outputs, gates, news, hiddens, d_hidden, d_gates, d_news, d_bias):
    """`gru_units_back` for all units; product: the address of `recurrent`, in the type of the gates."""
    B, H = d_hidden.shape
    recurrent = carray(pointer(product), (B, H), gates.dtype)
    gru_units_back(t, 0, H, recurrent, outputs, gates, news, hiddens, d_hidden, d_gates, d_news, d_bias)


@_compiled
def gru_units_back(
    t, first, last, recurrent, outputs, gates, news, hiddens, d_hidden, d_gates, d_news, d_bias
):
    """Step t of a GRU's backward pass.

    recurrent: Uᵀ ∂a_{t+1} [B, H]. outputs: the gradient from the outputs [T, B, H]. Writes d_gates ∂a
    [T, B, 3H] and d_news ∂n [T, B, H]; adds to d_bias ∂b_n [H]. d_hidden [B, H] is z ∘ ∂h of step t+1 and
    becomes that of step t. The others as in `gru_units`.
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
def add_rows(totals, rows, values):
    """Add each of values [N, G] to the row of totals [V, G], float32, that rows [N] names."""
    for n in range(len(rows)):
        total, value = totals[rows[n]], values[n]
        for k in range(len(value)):
            total[k] += _widened(value[k])
