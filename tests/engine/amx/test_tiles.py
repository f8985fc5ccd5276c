import numpy as np
import pytest
import torch
from numba import njit

from musicgen.engine.amx import tiles
from musicgen.engine.kernels import as_array

needs_tiles = pytest.mark.skipif(not tiles.has_tiles(), reason="this processor has no bfloat16 tiles")


@njit
def _product(left, num_rows, num_inputs, blocks, sums, num_outputs, form):
    tiles.begin(form, num_rows)
    for number in range(num_outputs // tiles.WIDTH):
        block, columns = blocks + number * 64 * num_inputs, sums + number * 128
        tiles.multiply(left, 2 * num_inputs, num_rows, form, block, num_inputs, columns, 4 * num_outputs)
    tiles.end()


@njit
def _all_blocks(make, weight, blocks):
    for number in range(len(blocks)):
        make(weight, number, blocks)


@needs_tiles
@pytest.mark.parametrize("num_rows", [1, 8, 16, 17, 31, 32, 33, 50, 64, 95])
@pytest.mark.parametrize("is_transposed", [False, True])
def test_products_by_tiles_are_exact_to_rounding(num_rows: int, is_transposed: bool) -> None:
    N, K = 96, 64
    weight, left = torch.randn(N, K), torch.randn(num_rows, K).to(torch.bfloat16)
    blocks = torch.empty(N // 32, K // 32, 2, 16, 32, dtype=torch.bfloat16)
    make = tiles.block_of_transposed if is_transposed else tiles.block_of
    _all_blocks(
        make, np.ascontiguousarray((weight.t() if is_transposed else weight).numpy()), as_array(blocks)
    )
    sums, form = torch.full((num_rows + 1, N), 7.0), tiles.form_of(num_rows)
    _product(left.data_ptr(), num_rows, K, blocks.data_ptr(), sums.data_ptr(), N, form.data_ptr())
    expected = left.double() @ weight.to(torch.bfloat16).double().t()
    torch.testing.assert_close(sums[:-1].double(), expected, rtol=1e-5, atol=1e-4)
    assert (sums[-1] == 7.0).all(), "it writes only its rows"
