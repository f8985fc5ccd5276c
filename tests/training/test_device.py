import pytest

from musicgen.engine import products
from musicgen.errors import InputError
from musicgen.training import device
from musicgen.training.config import TrainingConfig
from musicgen.training.device import (
    MIN_HIDDEN_SIZE_FOR_BF16,
    choose_device,
    resolve_engine,
    resolve_threads,
)
from tests.test_config import parsed


def resolved(*overrides: str, device_name: str = "cpu") -> TrainingConfig:
    config = parsed(*overrides)
    return resolve_engine(config.training, config.model, device_name)


@pytest.mark.parametrize(("hidden_size", "expected"), [(64, 1), (256, 1), (257, 6), (1024, 6)])
def test_threads_follow_from_size_and_cores(
    hidden_size: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "num_cores", lambda: 6)
    config = parsed(f"model.hidden_size={hidden_size}")
    assert resolve_threads(config.training, config.model).num_threads == expected


def test_a_given_number_of_threads_is_kept() -> None:
    config = parsed("training.num_threads=3")
    assert resolve_threads(config.training, config.model) == config.training


@pytest.mark.parametrize(
    ("is_fast", "hidden_size", "expected"),
    [
        (True, MIN_HIDDEN_SIZE_FOR_BF16, "bf16"),
        (True, MIN_HIDDEN_SIZE_FOR_BF16 - 1, "fp32"),
        (False, MIN_HIDDEN_SIZE_FOR_BF16, "fp32"),
    ],
)
def test_precision_follows_from_shape_and_processor(
    is_fast: bool, hidden_size: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "has_fast_bf16", lambda: is_fast)
    assert resolved(f"model.hidden_size={hidden_size}").precision == expected


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_given_precision_is_kept(precision: str) -> None:
    assert resolved(f"training.precision={precision}", "model.hidden_size=64").precision == precision


@pytest.mark.parametrize(("module", "name"), [("cuda", "cuda"), ("backends.mps", "mps")])
def test_gpus_compute_in_32_bits(module: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"torch.{module}.is_available", lambda: True)
    monkeypatch.setattr(products, "has_fast_bf16", lambda: True)
    for engine in ("native", "torch"):
        found = resolved(f"training.engine={engine}", "model.hidden_size=1024", device_name="auto")
        assert (found.precision, found.engine) == ("fp32", "native")
    with pytest.raises(InputError, match=rf"training.precision=bf16: on {name.upper()} allowed are null and"):
        resolved("training.precision=bf16", device_name=name)


def test_torchs_modules_compute_in_32_bits() -> None:
    found = resolved("training.engine=torch", "model.hidden_size=1024")
    assert (found.precision, found.engine) == ("fp32", "torch")
    with pytest.raises(InputError, match=r"training.engine=torch allowed are null and fp32"):
        resolved("training.engine=torch", "training.precision=bf16")


def test_a_machine_without_the_native_engine_uses_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "usable_engine", lambda _: "torch")
    found = resolved("training.precision=bf16")
    assert (found.precision, found.engine) == ("fp32", "torch")


def test_a_device_that_is_missing_is_an_input_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("cuda", "backends.mps"):
        monkeypatch.setattr(f"torch.{kind}.is_available", lambda: False)
    assert choose_device("auto").type == "cpu"
    with pytest.raises(InputError, match="finds no CUDA device here; allowed are auto and cpu"):
        choose_device("cuda")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    with pytest.raises(InputError, match="finds no MPS device here; allowed are auto, cuda and cpu"):
        choose_device("mps")


@pytest.mark.parametrize(("present", "chosen"), [({"cuda", "mps"}, "cuda"), ({"mps"}, "mps"), (set(), "cpu")])
def test_auto_prefers_cuda_to_mps_to_the_cpu(
    present: set[str], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: "cuda" in present)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: "mps" in present)
    assert choose_device("auto").type == chosen
    if present:
        assert choose_device("mps").type == "mps"
