"""Matrix products with a processor's tile instructions (Intel's AMX), for compiled code.

Such a processor has eight tiles of 16 rows of 64 bytes. One instruction adds the product of two tiles of
bfloat16 to a tile of 32-bit sums: [16, 32] · [32, 16] -> [16, 16]. The tile of the right factor holds pairs:
row p has the elements 2p and 2p + 1 of each of the 16 columns (Intel, "Architecture Instruction Set
Extensions Programming Reference", TDPBF16PS).

A weight [N, K] is the right factor of many products with a few rows [B, K]. It is stored as N/32 *blocks* of
32 outputs, in the order in which a product reads them: for every 32 inputs, two tiles.

Everything here works on addresses. Tiles belong to a thread, which calls `begin` before its first product and
`end` after its last one.
"""

from functools import cache
from typing import Any

import torch
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from musicgen.engine import kernels
from musicgen.engine.kernels import rounded
from musicgen.system.compiled_code import compiled

WIDTH = 32
"""Outputs of a block, and inputs taken at a time."""
_ROWS = 16
"""Rows of a tile."""
_TILE = 1024
"""Bytes of a tile."""

_compiled = compiled(uses=(kernels,))
# torch's private names are looked up here, so that a torch without them fails at import: see engine/scans.py.
_processor_has_tiles, _ask_for_tiles = torch.cpu._is_amx_tile_supported, torch.cpu._init_amx


@cache
def has_tiles() -> bool:
    """Whether the processor has bfloat16 tiles and the system lets this process use them."""
    return _processor_has_tiles() and _ask_for_tiles()


_BYTE, _LONG = ir.IntType(8), ir.IntType(64)
_ADDRESS = _BYTE.as_pointer()


def _instruction(name: str, operands: tuple[ir.Type, ...], arguments: tuple[Any, ...]) -> Any:
    """Types and code of one of LLVM's instructions, for numba's intrinsic.

    arguments: the types it is called with. Tiles are constants from 0 to 7, addresses are integers.
    """

    def generate(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        function_type = ir.FunctionType(ir.VoidType(), operands)
        function = builder.module.globals.get(name) or ir.Function(builder.module, function_type, name)
        given = []
        for operand, argument, value in zip(operands, arguments, values, strict=True):
            if operand == _ADDRESS:
                given.append(builder.inttoptr(value, _ADDRESS))
            elif isinstance(argument, types.IntegerLiteral):
                given.append(ir.Constant(operand, argument.literal_value))
            else:
                given.append(value)
        builder.call(function, given)
        return context.get_dummy_value()

    return types.void(*arguments), generate


def _type_configure(_context: Any, address: Any) -> Any:
    return _instruction("llvm.x86.ldtilecfg", (_ADDRESS,), (address,))


def _type_release(_context: Any) -> Any:
    return _instruction("llvm.x86.tilerelease", (), ())


def _type_clear(_context: Any, tile: Any) -> Any:
    return _instruction("llvm.x86.tilezero", (_BYTE,), (tile,))


def _type_load(_context: Any, tile: Any, address: Any, stride: Any) -> Any:
    return _instruction("llvm.x86.tileloadd64", (_BYTE, _ADDRESS, _LONG), (tile, address, stride))


def _type_save(_context: Any, tile: Any, address: Any, stride: Any) -> Any:
    return _instruction("llvm.x86.tilestored64", (_BYTE, _ADDRESS, _LONG), (tile, address, stride))


def _type_multiply_add(_context: Any, sums: Any, left: Any, right: Any) -> Any:
    return _instruction("llvm.x86.tdpbf16ps", (_BYTE, _BYTE, _BYTE), (sums, left, right))


_as_instruction: Any = intrinsic(prefer_literal=True)
_configure, _release = _as_instruction(_type_configure), _as_instruction(_type_release)
_clear, _load = _as_instruction(_type_clear), _as_instruction(_type_load)
_save, _multiply_add = _as_instruction(_type_save), _as_instruction(_type_multiply_add)


@cache
def form_of(num_rows: int) -> torch.Tensor:
    """The tile configurations for products with num_rows rows, bytes [2, 64]: for 32 rows, then for the rest.

    Tiles 0 and 1 hold the sums of 16 rows for the two halves of a block, tile 4 those rows; 2, 3 and 5 are
    the same for the next 16 rows. Tiles 6 and 7 hold weights.
    """
    form = torch.zeros(2, 64, dtype=torch.uint8)
    for content, rows in zip(form, (2 * _ROWS, num_rows % (2 * _ROWS)), strict=True):
        upper, lower = min(rows, _ROWS), max(rows - _ROWS, 0)
        tile_rows = torch.tensor([upper, upper, lower, lower, upper, lower, _ROWS, _ROWS])
        content[0] = 1
        content[16:32:2] = 64 * (tile_rows > 0)
        content[48:56] = tile_rows
    return form


@_compiled
def begin(form, num_rows):
    """Configure this thread's tiles for products with num_rows rows; form: the address of their form."""
    _configure(form if num_rows >= 2 * _ROWS else form + 64)


@_compiled
def end():
    """Release this thread's tiles."""
    _release()


@_compiled
def multiply(left, left_stride, num_rows, form, block, num_inputs, sums, sums_stride):
    """Multiply rows [B, K] of bfloat16 by one block of a weight into 32 columns of sums [B, N] in 32 bits.

    left, form, block and sums are addresses; strides are bytes from row to row.
    """
    full, rest = num_rows // (2 * _ROWS), num_rows % (2 * _ROWS)
    for _ in range(full):
        _multiply_two(left, left_stride, block, num_inputs, sums, sums_stride)
        left += 2 * _ROWS * left_stride
        sums += 2 * _ROWS * sums_stride
    if rest == 0:
        return
    if full:
        _configure(form + 64)
    if rest > _ROWS:
        _multiply_two(left, left_stride, block, num_inputs, sums, sums_stride)
    else:
        _multiply_one(left, left_stride, block, num_inputs, sums, sums_stride)
    if full:
        _configure(form)


@_compiled
def _multiply_one(left, left_stride, block, num_inputs, sums, sums_stride):
    """Up to 16 rows."""
    _clear(0)
    _clear(1)
    for k in range(num_inputs // WIDTH):
        _load(4, left + k * 64, left_stride)
        _load(6, block + k * 2 * _TILE, 64)
        _multiply_add(0, 4, 6)
        _load(7, block + (k * 2 + 1) * _TILE, 64)
        _multiply_add(1, 4, 7)
    _save(0, sums, sums_stride)
    _save(1, sums + 64, sums_stride)


@_compiled
def _multiply_two(left, left_stride, block, num_inputs, sums, sums_stride):
    """17 to 32 rows."""
    lower, lower_sums = left + _ROWS * left_stride, sums + _ROWS * sums_stride
    _clear(0)
    _clear(1)
    _clear(2)
    _clear(3)
    for k in range(num_inputs // WIDTH):
        _load(4, left + k * 64, left_stride)
        _load(5, lower + k * 64, left_stride)
        _load(6, block + k * 2 * _TILE, 64)
        _multiply_add(0, 4, 6)
        _multiply_add(2, 5, 6)
        _load(7, block + (k * 2 + 1) * _TILE, 64)
        _multiply_add(1, 4, 7)
        _multiply_add(3, 5, 7)
    _save(0, sums, sums_stride)
    _save(1, sums + 64, sums_stride)
    _save(2, lower_sums, sums_stride)
    _save(3, lower_sums + 64, sums_stride)


@_compiled
def block_of(weight, number, blocks):
    """Write block `number` of a weight [N, K] into blocks [N/32, K/32, 2, 16, 32], rounded to bfloat16."""
    for k in range(blocks.shape[1]):
        for half in range(2):
            for column in range(_ROWS):
                inputs = weight[number * WIDTH + half * _ROWS + column, k * WIDTH : (k + 1) * WIDTH]
                for pair in range(_ROWS):
                    blocks[number, k, half, pair, 2 * column] = rounded(inputs[2 * pair])
                    blocks[number, k, half, pair, 2 * column + 1] = rounded(inputs[2 * pair + 1])


@_compiled
def block_of_transposed(weight, number, blocks):
    """The same for the transpose of a weight [K, N]."""
    for k in range(blocks.shape[1]):
        for pair in range(_ROWS):
            even, odd = weight[k * WIDTH + 2 * pair], weight[k * WIDTH + 2 * pair + 1]
            for half in range(2):
                first = number * WIDTH + half * _ROWS
                for column in range(_ROWS):
                    blocks[number, k, half, pair, 2 * column] = rounded(even[first + column])
                    blocks[number, k, half, pair, 2 * column + 1] = rounded(odd[first + column])
