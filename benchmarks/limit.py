"""The shortest possible training step on this machine, from measured rates.

    python -m benchmarks.limit

Prints the rates. The limit of a step is the sum of three consecutive parts:

- the recurrence: in each time step one product forward, h [B, H] · W [H, G·H], and one backward,
  d gates [B, G·H] · Wᵀ [G·H, H], with G = 4 (LSTM) or 3 (GRU). Each needs 2·B·G·H² operations and reads
  G·H² weights; the slower of the two counts.
- the merged products over all T·B rows: the gradient of the recurrent weights, the input product of each
  further layer and its two gradients, the output layer and its two gradients. The first layer's input product
  is a table of V rows (V: vocabulary): 3 · 2·V·E·G·H operations.
- the optimiser: 36 bytes per parameter (read weight, gradient and two moments, write all but the gradient;
  before that, write the gradient and read it for its norm), and 2 more for a bf16 copy.

Operations are divided by the highest rate that any product reached in that precision, bytes by the highest
rate at which any operation repeatedly read an array of that size, which then is in the fastest cache that can
hold it. (Code that alternates the direction of reading keeps part of the array in a faster cache; for that,
the limit is a little too high.) Elementwise work (gates, softmax) is not included.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.alternation import markdown_table
from benchmarks.machine import use_all_cores
from benchmarks.ours import Shape
from musicgen.engine.products import can_reorder

GATES = {"lstm": 4, "gru": 3}
BYTES = {"fp32": 4, "bf16": 2}
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
OPTIMISER_BYTES = {"fp32": 36, "bf16": 38}
"""Per parameter and iteration."""
NUM_TRIES = 5
SECONDS_PER_TRY = 0.02


def fastest(work: Callable[[], object]) -> float:
    """Seconds of one call: the best of several tries of many calls each."""
    work()
    best = float("inf")
    for _ in range(NUM_TRIES):
        calls, started = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - started) < SECONDS_PER_TRY or not calls:
            work()
            calls += 1
        best = min(best, elapsed / calls)
    return best


@cache
def product_rates(rows: int, inner: int, columns: int, precision: str) -> dict[str, float]:
    """Operations per second of [rows, inner] · [inner, columns], for each of torch's implementations.

    "linear" is functional.linear (MKL in fp32, oneDNN in bf16). "packed" is oneDNN with a weight converted
    once into oneDNN's layout, which suits a recurrence that uses it in every time step.
    """
    dtype = DTYPES[precision]
    left, weight = torch.randn(rows, inner, dtype=dtype), torch.randn(columns, inner, dtype=dtype)
    ways: dict[str, Callable[[], Tensor]] = {"linear": lambda: functional.linear(left, weight)}
    if can_reorder(dtype):
        packed = torch.ops.mkldnn._reorder_linear_weight(weight, rows)
        ways["packed"] = lambda: torch.ops.mkldnn._linear_pointwise(left, packed, None, "none", [], "")
    with torch.no_grad():
        return {name: 2 * rows * inner * columns / fastest(way) for name, way in ways.items()}


@cache
def bandwidth(num_bytes: int) -> float:
    """Bytes per second of repeated passes over arrays with `num_bytes` in total."""
    count = max(num_bytes // 4, 1024)
    full, half = torch.ones(count), torch.ones(count // 2)
    third, another_half = torch.ones(count // 3), torch.ones(count // 2)
    second_third, last_third = torch.ones(count // 3), torch.ones(count // 3)
    ways = (
        lambda: torch.dot(full, full),
        lambda: full.sum(),
        lambda: half.copy_(another_half),
        lambda: torch.add(third, second_third, out=last_third),
    )
    return 4 * count / min(fastest(way) for way in ways)


@dataclass(frozen=True)
class Limit:
    """Seconds of the indispensable parts of a step."""

    recurrence_compute: float
    recurrence_traffic: float
    merged: float
    optimiser: float
    rate: float
    """Operations per second of the fastest product of this precision."""
    recurrent_rates: Mapping[str, float]
    """Implementation -> operations per second of the forward product of one time step."""
    recurrent_bandwidth: float
    """Bytes per second for arrays as large as the recurrent weights."""

    @property
    def seconds(self) -> float:
        """The limit of the step."""
        return max(self.recurrence_compute, self.recurrence_traffic) + self.merged + self.optimiser

    @property
    def binds(self) -> str:
        """The name of the largest part."""
        parts = {
            "recurrence: operations": self.recurrence_compute,
            "recurrence: reading the weights": self.recurrence_traffic,
            "merged products": self.merged,
            "optimiser": self.optimiser,
        }
        return max(parts, key=lambda name: parts[name])


def training_limit(shape: Shape, vocabulary_size: int, precision: str) -> Limit:
    """The limit of a training step of this shape in "fp32" or "bf16"."""
    gates, hidden, embedding = GATES[shape.cell], shape.hidden_size, shape.embedding_size
    rows, layers = shape.batch_size * shape.sequence_length, shape.num_layers
    forward = product_rates(shape.batch_size, hidden, gates * hidden, precision)
    tried = [
        forward,
        product_rates(shape.batch_size, gates * hidden, hidden, precision),
        product_rates(rows, hidden, gates * hidden, precision),
        product_rates(gates * hidden, rows, hidden, precision),
        product_rates(2048, 2048, 2048, precision),
    ]
    rate = max(value for rates in tried for value in rates.values())
    weights = layers * gates * hidden**2
    # The forward and the backward pass read different copies of the weights, T times each.
    footprint = gates * hidden**2 * BYTES[precision]
    recurrent_bandwidth = bandwidth(footprint)
    merged_operations = (
        2 * weights * rows  # gradients of the recurrent weights
        + 3 * 2 * (weights - gates * hidden**2) * rows  # input products of further layers
        + 3 * 2 * hidden * vocabulary_size * rows  # output layer
        + 3 * 2 * vocabulary_size * embedding * gates * hidden  # table of the first layer's input products
    )
    num_parameters = num_parameters_of(shape, vocabulary_size)
    # 16 bytes: weight, gradient and two moments.
    optimiser_bandwidth = bandwidth(16 * num_parameters)
    return Limit(
        recurrence_compute=2 * 2 * weights * rows / rate,
        recurrence_traffic=2 * shape.sequence_length * layers * footprint / recurrent_bandwidth,
        merged=merged_operations / rate,
        optimiser=OPTIMISER_BYTES[precision] * num_parameters / optimiser_bandwidth,
        rate=rate,
        recurrent_rates=forward,
        recurrent_bandwidth=recurrent_bandwidth,
    )


def num_parameters_of(shape: Shape, vocabulary_size: int) -> int:
    """Number of parameters of embedding, recurrent layers and output layer."""
    gates, hidden = GATES[shape.cell], shape.hidden_size
    inputs = [shape.embedding_size, *[hidden] * (shape.num_layers - 1)]
    recurrent = sum(gates * hidden * (size + hidden + 2) for size in inputs)
    return recurrent + vocabulary_size * (shape.embedding_size + hidden + 1)


def rates_tables() -> str:
    """Two tables with the measured rates of products and of memory."""
    use_all_cores()
    shapes = [
        *[(rows, 1024, 4096) for rows in (8, 64, 800)],
        (8, 1024, 3072),
        (8, 4096, 1024),
        (32, 256, 1024),
        (32, 256, 768),
        (3200, 256, 1024),
        (4096, 800, 1024),
        (2048, 2048, 2048),
    ]
    rows = []
    for shape in shapes:
        cells = ["{} × {} · {} × {}".format(*shape[:2], *shape[1:])]
        for precision in BYTES:
            rates = product_rates(*shape, precision)
            cells += [f"{rates[way] / 1e9:.0f}" if way in rates else "–" for way in ("linear", "packed")]
        rows.append(cells)
    products = markdown_table(
        ["product, GFLOP/s", "fp32 `F.linear`", "fp32 oneDNN, packed", "bf16 `F.linear`", "bf16 packed"], rows
    )
    sizes = [0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128]
    memory = markdown_table(
        ["footprint, MB", *[f"{size:g}" for size in sizes]],
        [["GB/s", *[f"{bandwidth(int(size * 1e6)) / 1e9:.0f}" for size in sizes]]],
    )
    return f"{products}\n\n{memory}"


if __name__ == "__main__":
    print(rates_tables())
