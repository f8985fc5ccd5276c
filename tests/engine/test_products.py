import pytest
import torch

from musicgen.engine.products import MIN_REORDERED_SIZE, StepProduct, transpose

LARGE = (1024, MIN_REORDERED_SIZE // 1024)


@pytest.mark.parametrize("shape", [(64, 16), (96, 31), (32, 1), (33, 7)])
def test_transpose_equals_torchs(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape)
    assert torch.equal(transpose(matrix), matrix.t())
    assert transpose(matrix).is_contiguous()


@pytest.mark.parametrize(
    ("shape", "dtype", "tolerance"),
    [
        ((48, 16), torch.float32, 1e-5),
        (LARGE, torch.float32, 1e-5),
        ((48, 16), torch.bfloat16, 1e-2),
        (LARGE, torch.bfloat16, 1e-2),
    ],
)
def test_products_are_exact_to_rounding(shape: tuple[int, int], dtype: torch.dtype, tolerance: float) -> None:
    weight = torch.randn(shape).to(dtype)
    product = StepProduct(weight, num_rows=6)
    for rows in (torch.randn(6, shape[1]).to(dtype), torch.randn(2, shape[1]).to(dtype)):
        expected = rows.double() @ weight.double().t()
        assert (product(rows) - expected).norm() <= tolerance * expected.norm()
