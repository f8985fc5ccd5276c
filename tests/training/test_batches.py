import numpy as np
import torch

from musicgen.corpus.windows import RandomWindows
from musicgen.training.batches import DeviceBatches, batches

ROWS = np.arange(90, dtype=np.int32).reshape(30, 3)


def windows() -> RandomWindows:
    # Long enough for some to run over the end of the text.
    return RandomWindows(ROWS, 8, 20, np.random.default_rng(5), [3, 28], 0.5)


def test_a_device_gathers_the_same_batches_as_numpy() -> None:
    on_device, expected = DeviceBatches(windows(), torch.device("cpu")), windows()
    for _ in range(5):
        batch = on_device()
        assert batch.dtype == torch.int64
        assert np.array_equal(batch.numpy(), expected.draw())


def test_on_the_cpu_numpy_gathers() -> None:
    draw = batches(windows(), torch.device("cpu"))
    assert not isinstance(draw, DeviceBatches)
    assert np.array_equal(draw().numpy(), windows().draw())


def test_a_resumed_generator_continues_its_batches() -> None:
    first, second = windows(), windows()
    draw = DeviceBatches(first, torch.device("cpu"))
    draw()
    second.generator.bit_generator.state = first.generator.bit_generator.state
    assert torch.equal(draw(), DeviceBatches(second, torch.device("cpu"))())
