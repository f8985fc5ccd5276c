import pytest

from musicgen.engine import products
from musicgen.errors import InputError
from musicgen.training import device
from musicgen.training.precision import SMALLEST_FOR_BF16, resolve_precision
from tests.test_config import parsed


def resolved(*overrides: str, device_name: str = "cpu") -> str | None:
    config = parsed(*overrides)
    return resolve_precision(config.training, config.model, device_name).precision


@pytest.mark.parametrize(
    ("is_fast", "hidden_size", "expected"),
    [
        (True, SMALLEST_FOR_BF16, "bf16"),
        (True, SMALLEST_FOR_BF16 - 1, "fp32"),
        (False, SMALLEST_FOR_BF16, "fp32"),
    ],
)
def test_the_rule_looks_at_shape_and_processor_alone(
    is_fast: bool, hidden_size: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "has_fast_bf16", lambda: is_fast)
    assert resolved(f"model.hidden_size={hidden_size}") == expected


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_given_precision_stays(precision: str) -> None:
    assert resolved(f"training.precision={precision}", "model.hidden_size=64") == precision


def test_cuda_computes_in_32_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(products, "has_fast_bf16", lambda: True)
    assert resolved("model.hidden_size=1024", device_name="auto") == "fp32"
    with pytest.raises(InputError, match=r"training.precision=bf16: on CUDA allowed are null and fp32"):
        resolved("training.precision=bf16", device_name="cuda")
