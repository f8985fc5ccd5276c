"""How fast a training step could be on this machine, from rates measured on it.

    python -m benchmarks.limit

prints the rates. The limit of a step is the sum of three parts that follow one another:

- the recurrence: per time step one product forward, h [B, H] · W [H, G·H], and one backward,
  d gates [B, G·H] · Wᵀ [G·H, H], with G = 4 (LSTM) or 3 (GRU). Each must do 2·B·G·H² operations and read
  G·H² weights; the longer of both counts.
- the merged products over all T·B rows: the weights' gradient of the recurrence, the input product of every
  further layer and its two gradients, the output layer and its two gradients. The first layer's input product
  is a table of V rows (V: vocabulary): 3 · 2·V·E·G·H operations.
- the optimiser: 36 bytes for every parameter (read weight, gradient and two moments, write back all but the
  gradient; before that the gradient is written, and read for its norm), 2 more for a bf16 copy.

Operations are divided by the highest rate that any product reached here in that precision, bytes by the
highest rate at which any operation went through an array of that size, again and again, so that it lies in
whichever cache is large enough for it. (Read from both ends in turns, as model/scans.py does, some of it lies
in a faster one: the limit is a little too high there.) Elementwise work (gates, the softmax) is not in it.
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
"""A parameter and iteration."""
NUM_TRIES = 5
SECONDS_PER_TRY = 0.02


def fastest(work: Callable[[], object]) -> float:
    """Seconds of one call, of several tries the shortest; a try is many calls."""
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
    """Operations per second of [rows, inner] · [inner, columns], by each way that torch has.

    "linear" is functional.linear (MKL in fp32, oneDNN in bf16); "packed" is oneDNN with a weight brought
    into its own layout once, as a recurrence does that uses it at every time step.
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
    """Bytes per second at which arrays of so many bytes together are gone through again and again."""
    count = max(num_bytes // 4, 1024)
    whole, half = torch.ones(count), torch.ones(count // 2)
    third, another_half = torch.ones(count // 3), torch.ones(count // 2)
    second_third, last_third = torch.ones(count // 3), torch.ones(count // 3)
    ways = (
        lambda: torch.dot(whole, whole),
        lambda: whole.sum(),
        lambda: half.copy_(another_half),
        lambda: torch.add(third, second_third, out=last_third),
    )
    return 4 * count / min(fastest(way) for way in ways)


@dataclass(frozen=True)
class Limit:
    """Seconds of the parts of a step that nothing can do without."""

    recurrence_compute: float
    recurrence_traffic: float
    merged: float
    optimiser: float
    rate: float
    """Operations per second of the fastest product of this precision."""
    recurrent_rates: Mapping[str, float]
    """Way -> operations per second of the forward product of one time step."""
    recurrent_bandwidth: float
    """Bytes per second with the recurrent weights' footprint."""

    @property
    def seconds(self) -> float:
        """Of the whole step."""
        return max(self.recurrence_compute, self.recurrence_traffic) + self.merged + self.optimiser

    @property
    def binds(self) -> str:
        """The largest part, in words."""
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
    # The forward pass reads the weights in one layout T times, then the backward pass in another one.
    footprint = gates * hidden**2 * BYTES[precision]
    recurrent_bandwidth = bandwidth(footprint)
    merged_operations = (
        2 * weights * rows  # gradients of the recurrent weights
        + 3 * 2 * (weights - gates * hidden**2) * rows  # input products of further layers
        + 3 * 2 * hidden * vocabulary_size * rows  # output layer
        + 3 * 2 * vocabulary_size * embedding * gates * hidden  # table of the first layer's input products
    )
    num_parameters = num_parameters_of(shape, vocabulary_size)
    # Weights, gradients and two moments lie there together.
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
    """Of embedding, recurrent layers and output layer."""
    gates, hidden = GATES[shape.cell], shape.hidden_size
    inputs = [shape.embedding_size, *[hidden] * (shape.num_layers - 1)]
    recurrent = sum(gates * hidden * (size + hidden + 2) for size in inputs)
    return recurrent + vocabulary_size * (shape.embedding_size + hidden + 1)


def rates_tables() -> str:
    """Measured rates of products and of memory, as two tables."""
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
