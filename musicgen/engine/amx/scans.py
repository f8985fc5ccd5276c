"""All time steps of a recurrence in one compiled call, on all threads of a processor with tiles.

In every step a thread computes the same units: their columns of the product, then their elements. Between
steps it waits for the others, since the next products read their hidden states (or gradients of gates).

A core's own cache holds the weights that were read last, so every other step reads them in reverse.

For the formulas see lstm.py and gru.py, for the arguments kernels.py. Shapes: T time steps, B rows of a
batch, H hidden size, N inputs.
"""

from typing import Any

import numpy as np
import torch
from numba import carray  # pyright: ignore[reportPrivateImportUsage]
from torch import Tensor

from musicgen.engine import kernels
from musicgen.engine.amx import team, tiles
from musicgen.engine.amx.team import TeamFunction, argument_record, barrier, has_team, share
from musicgen.engine.amx.tiles import (
    WIDTH,
    begin,
    block_of,
    block_of_transposed,
    end,
    form_of,
    has_tiles,
    multiply,
)
from musicgen.engine.kernels import gru_units, gru_units_back, lstm_units, lstm_units_back, pointer
from musicgen.system.compiled_code import compiled

_CALLED = (kernels, team, tiles)
_compiled = compiled(uses=_CALLED)


def can_scan(dtype: torch.dtype, hidden_size: int) -> bool:
    """Whether the functions below take factors of this type and this many units, on this processor."""
    return dtype == torch.bfloat16 and hidden_size % WIDTH == 0 and has_tiles() and has_team()


def forward_blocks(weight: Tensor) -> Tensor:
    """A weight [G·H, H] in 32 bits -> the blocks that the forward functions take."""
    N, H = weight.shape
    blocks = torch.empty(N // WIDTH, H // WIDTH, 2, WIDTH // 2, WIDTH, dtype=torch.bfloat16)
    _BLOCKS(N=N, H=H, weight=weight, blocks=blocks)
    return blocks


def lstm_forward(
    first: int,
    blocks: Tensor,
    inputs: Tensor,
    rows: Tensor,
    gates: Tensor,
    cells: Tensor,
    hiddens: Tensor,
    read: Tensor,
) -> None:
    """Compute the steps of an LSTM from `first` on, one for each of rows [T, B]."""
    kept = {"kept": len(gates), "kept_cells": len(cells)}
    _run_forward(_LSTM, first, blocks, inputs, rows, hiddens, read, gates=gates, cells=cells, **kept)


def gru_forward(
    first: int,
    blocks: Tensor,
    bias: Tensor,
    inputs: Tensor,
    rows: Tensor,
    gates: Tensor,
    news: Tensor,
    hiddens: Tensor,
    read: Tensor,
) -> None:
    """Compute the steps of a GRU from `first` on, one for each of rows [T, B]."""
    tape = {"kept": len(gates), "gates": gates, "news": news}
    _run_forward(_GRU, first, blocks, inputs, rows, hiddens, read, bias=bias, **tape)


def _run_forward(
    function: TeamFunction,
    first: int,
    blocks: Tensor,
    inputs: Tensor,
    rows: Tensor,
    hiddens: Tensor,
    read: Tensor,
    **others: int | Tensor,
) -> None:
    B, H = hiddens.shape[1:]
    N, G = inputs.shape
    function(
        first=first,
        T=len(rows),
        B=B,
        H=H,
        N=N,
        kept_hiddens=len(hiddens),
        kept_read=len(read),
        arrivals=torch.zeros(1, dtype=torch.int64),
        form=form_of(B),
        blocks=blocks,
        sums=torch.empty(B, G),
        inputs=inputs,
        rows=rows.long().contiguous(),
        hiddens=hiddens,
        read=read,
        **others,
    )


def lstm_backward(
    weight: Tensor,
    outputs: Tensor,
    gates: Tensor,
    cells: Tensor,
    d_hidden: Tensor,
    d_cell: Tensor,
    d_gates: Tensor,
) -> None:
    """The backward pass of an LSTM with weight [4H, H] in 32 bits.

    d_hidden and d_cell [B, H] are the gradients of the last state, and become those of the first.
    """
    tape = {"gates": gates, "cells": cells, "d_cell": d_cell, "d_gates": d_gates}
    _run_backward(_LSTM_BACK, weight, outputs, d_hidden, **tape)


def gru_backward(
    weight: Tensor,
    outputs: Tensor,
    gates: Tensor,
    news: Tensor,
    hiddens: Tensor,
    d_hidden: Tensor,
    d_gates: Tensor,
    d_news: Tensor,
    d_bias: Tensor,
) -> None:
    """The backward pass of a GRU with weight [3H, H] in 32 bits.

    d_hidden [B, H] is the gradient of the last state, and becomes that of the first.
    """
    through_product = torch.zeros_like(d_hidden)
    tape = {"gates": gates, "news": news, "hiddens": hiddens, "d_hidden": d_hidden}
    gradients = {"d_gates": d_gates, "d_news": d_news, "d_bias": d_bias}
    _run_backward(_GRU_BACK, weight, outputs, through_product, **tape, **gradients)
    d_hidden += through_product


def _run_backward(
    function: TeamFunction, weight: Tensor, outputs: Tensor, sums: Tensor, **others: Tensor
) -> None:
    T, B, H = outputs.shape
    function(
        T=T,
        B=B,
        H=H,
        arrivals=torch.zeros(1, dtype=torch.int64),
        form=form_of(B),
        weight=weight,
        blocks=torch.empty_like(weight, dtype=torch.bfloat16),
        sums=sums,
        outputs=outputs,
        **others,
    )


@_compiled
def _integers(address, shape):
    return carray(pointer(address), shape, np.int64)


@_compiled
def _floats(address, shape):
    return carray(pointer(address), shape, np.float32)


@_compiled
def _halves(address, shape):
    return carray(pointer(address), shape, np.uint16)


@_compiled
def _multiply(t, first, last, left, B, K, form, blocks, sums, H, gates):
    """Multiply rows [B, K] by blocks into the columns of sums [B, gates·H] of units 32·first to 32·last.

    left, form, blocks and sums are addresses.
    """
    for i in range(first, last):
        unit = WIDTH * (i if t % 2 else first + last - 1 - i)
        for gate in range(gates):
            column = gate * H + unit
            multiply(left, 2 * K, B, form, blocks + 2 * K * column, K, sums + 4 * column, 4 * gates * H)


_BLOCKS_ARGUMENTS = argument_record("N H weight blocks")


def _blocks(address: Any) -> None:
    given = carray(address, 1, _BLOCKS_ARGUMENTS)[0]
    N, H = given.N, given.H
    weight = _floats(given.weight, (N, H))
    blocks = _halves(given.blocks, (N // WIDTH, H // WIDTH, 2, WIDTH // 2, WIDTH))
    # Each thread makes the blocks it will use.
    first, last = share(H // WIDTH)
    for gate in range(N // H):
        for number in range(first, last):
            block_of(weight, gate * (H // WIDTH) + number, blocks)


_LSTM_ARGUMENTS = argument_record(
    "first T B H N arrivals kept kept_cells kept_hiddens kept_read"
    " form blocks sums inputs rows gates cells hiddens read"
)


def _lstm(address: Any) -> None:
    given = carray(address, 1, _LSTM_ARGUMENTS)[0]
    T, B, H, N = given.T, given.B, given.H, given.N
    sums, inputs = _floats(given.sums, (B, 4 * H)), _halves(given.inputs, (N, 4 * H))
    rows, gates = _integers(given.rows, (T, B)), _halves(given.gates, (given.kept, B, 4 * H))
    cells = _floats(given.cells, (given.kept_cells, B, H))
    hiddens = _floats(given.hiddens, (given.kept_hiddens, B, H))
    read = _halves(given.read, (given.kept_read, B, H))
    first, last = share(H // WIDTH)
    begin(given.form, B)
    for t in range(given.first, given.first + T):
        left = given.read + 2 * (t % given.kept_read) * B * H
        _multiply(t, first, last, left, B, H, given.form, given.blocks, given.sums, H, 4)
        lstm_units(t, WIDTH * first, WIDTH * last, sums, inputs, rows, gates, cells, hiddens, read)
        barrier(given.arrivals, t - given.first)
    end()


_LSTM_BACK_ARGUMENTS = argument_record(
    "T B H arrivals form weight blocks sums outputs gates cells d_cell d_gates"
)


def _lstm_back(address: Any) -> None:
    given = carray(address, 1, _LSTM_BACK_ARGUMENTS)[0]
    T, B, H = given.T, given.B, given.H
    sums, outputs = _floats(given.sums, (B, H)), _floats(given.outputs, (T, B, H))
    gates, d_gates = _halves(given.gates, (T, B, 4 * H)), _halves(given.d_gates, (T, B, 4 * H))
    cells, d_cell = _floats(given.cells, (T + 1, B, H)), _floats(given.d_cell, (B, H))
    first, last = share(H // WIDTH)
    _transposed_blocks(given.blocks, _floats(given.weight, (4 * H, H)), first, last)
    begin(given.form, B)
    for t in range(T - 1, -1, -1):
        lstm_units_back(t, WIDTH * first, WIDTH * last, sums, outputs, gates, cells, d_cell, d_gates)
        barrier(given.arrivals, T - 1 - t)
        left = given.d_gates + 8 * t * B * H
        _multiply(t, first, last, left, B, 4 * H, given.form, given.blocks, given.sums, H, 1)
    end()


@_compiled
def _transposed_blocks(address, weight, first, last):
    """Fill the blocks of the transposed weight [H, G·H] for units 32·first to 32·last."""
    blocks = _halves(address, (weight.shape[1] // WIDTH, len(weight) // WIDTH, 2, WIDTH // 2, WIDTH))
    for number in range(first, last):
        block_of_transposed(weight, number, blocks)


_GRU_ARGUMENTS = argument_record(
    "first T B H N arrivals kept kept_hiddens kept_read"
    " form blocks sums bias inputs rows gates news hiddens read"
)


def _gru(address: Any) -> None:
    given = carray(address, 1, _GRU_ARGUMENTS)[0]
    T, B, H, N = given.T, given.B, given.H, given.N
    sums, bias = _floats(given.sums, (B, 3 * H)), _floats(given.bias, H)
    inputs, rows = _halves(given.inputs, (N, 3 * H)), _integers(given.rows, (T, B))
    gates, news = _halves(given.gates, (given.kept, B, 3 * H)), _halves(given.news, (given.kept, B, H))
    hiddens = _floats(given.hiddens, (given.kept_hiddens, B, H))
    read = _halves(given.read, (given.kept_read, B, H))
    first, last = share(H // WIDTH)
    begin(given.form, B)
    for t in range(given.first, given.first + T):
        left = given.read + 2 * (t % given.kept_read) * B * H
        _multiply(t, first, last, left, B, H, given.form, given.blocks, given.sums, H, 3)
        gru_units(t, WIDTH * first, WIDTH * last, sums, bias, inputs, rows, gates, news, hiddens, read)
        barrier(given.arrivals, t - given.first)
    end()


_GRU_BACK_ARGUMENTS = argument_record(
    "T B H arrivals form weight blocks sums outputs gates news hiddens d_hidden d_gates d_news d_bias"
)


def _gru_back(address: Any) -> None:
    given = carray(address, 1, _GRU_BACK_ARGUMENTS)[0]
    T, B, H = given.T, given.B, given.H
    sums, outputs = _floats(given.sums, (B, H)), _floats(given.outputs, (T, B, H))
    gates, d_gates = _halves(given.gates, (T, B, 3 * H)), _halves(given.d_gates, (T, B, 3 * H))
    news, d_news = _halves(given.news, (T, B, H)), _halves(given.d_news, (T, B, H))
    hiddens, d_hidden = _floats(given.hiddens, (T + 1, B, H)), _floats(given.d_hidden, (B, H))
    tape = (sums, outputs, gates, news, hiddens, d_hidden, d_gates, d_news, _floats(given.d_bias, H))
    first, last = share(H // WIDTH)
    _transposed_blocks(given.blocks, _floats(given.weight, (3 * H, H)), first, last)
    begin(given.form, B)
    for t in range(T - 1, -1, -1):
        gru_units_back(t, WIDTH * first, WIDTH * last, *tape)
        barrier(given.arrivals, T - 1 - t)
        left = given.d_gates + 6 * t * B * H
        _multiply(t, first, last, left, B, 3 * H, given.form, given.blocks, given.sums, H, 1)
    end()


_BLOCKS = TeamFunction(_blocks, _BLOCKS_ARGUMENTS, _CALLED)
_LSTM = TeamFunction(_lstm, _LSTM_ARGUMENTS, _CALLED)
_LSTM_BACK = TeamFunction(_lstm_back, _LSTM_BACK_ARGUMENTS, _CALLED)
_GRU = TeamFunction(_gru, _GRU_ARGUMENTS, _CALLED)
_GRU_BACK = TeamFunction(_gru_back, _GRU_BACK_ARGUMENTS, _CALLED)
