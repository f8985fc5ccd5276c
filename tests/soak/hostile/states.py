"""Training states that must not be loaded: truncated, changed, foreign or malicious."""

import copy
import io
import pickle
import random
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch


def damaged(good: bytes, num_flips: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """The file truncated at several places, and with single bits flipped."""
    for share in (0.0, 0.01, 0.3, 0.7, 0.99):
        yield f"truncated at {share:.0%}", good[: round(share * len(good))]
    yield "last byte missing", good[:-1]
    yield "zeros at the end", good[: len(good) // 2] + bytes(len(good) - len(good) // 2)
    yield "random bytes", random.Random(seed).randbytes(10_000)
    rng = random.Random(seed)
    for _ in range(num_flips):
        place = rng.randrange(8 * len(good))
        changed = bytearray(good)
        changed[place // 8] ^= 1 << place % 8
        yield f"bit {place} of {8 * len(good)} flipped", bytes(changed)


def made(good: Path, marker: Path) -> Iterator[tuple[str, bytes]]:
    """Files in the right format with wrong content; if code in one is run, it creates the marker file."""
    content = torch.load(good, weights_only=True)
    yield "code in a state", _saved({**content, "batches": _Call(Path.touch, marker)})
    yield "code alone", pickle.dumps(_Call(Path.touch, marker))
    yield "a call that allocates 100 GB", _saved({**content, "batches": _Call(bytearray, 10**11)})
    for name, change in _CHANGES.items():
        yield name, _saved(_changed(content, change))
    archive = good.read_bytes()
    yield "a zip bomb", _with_zeros(archive)
    yield "overlapping parts", _overlapping(archive)
    yield "a million objects", _with_pickle(archive, lambda _: b"\x80\x02](" + b"]" * 10**6 + b"e.")


def claiming(good: bytes) -> bytes:
    """The state with a first tensor that claims to be part of 40 GB of numbers, which are not in the file."""
    return _with_pickle(good, _claim_numbers)


class _Call:
    """Unpickling it calls the function."""

    def __init__(self, function: Callable, argument: object) -> None:
        self._function, self._argument = function, argument

    def __reduce__(self) -> tuple:
        return self._function, (self._argument,)


def _hidden(size: int) -> Callable[[dict], None]:
    def change(content: dict) -> None:
        content["model"]["hidden_size"] = size

    return change


def _expanded(content: dict) -> None:
    """A network with one layer of 16,384, each of whose weights is one number expanded without memory."""
    content["model"] |= {"hidden_size": 16_384, "num_layers": 1}
    rows = {"lstm": 4, "gru": 3}[content["model"]["cell"]] * 16_384
    columns = content["model"]["embedding_size"]
    zero = torch.zeros(1)
    shapes = {
        "recurrent.weight_ih_l0": (rows, columns),
        "recurrent.weight_hh_l0": (rows, 16_384),
        "recurrent.bias_ih_l0": (rows,),
        "recurrent.bias_hh_l0": (rows,),
        "output.weight": (len(content["vocabulary"]) + 1, 16_384),
    }
    for weights in (content["weights"], content["best_weights"]):
        for name in [name for name in weights if name[:-1].endswith("_l") and name not in shapes]:
            del weights[name]
        weights |= {name: zero.expand(shape) for name, shape in shapes.items()}
    content["optimizer"]["state"] = {
        number: {"step": torch.ones(()), "exp_avg": zero.expand(shape), "exp_avg_sq": zero.expand(shape)}
        for number, shape in enumerate(weight.shape for weight in content["weights"].values())
    }
    content["optimizer"]["param_groups"][0]["params"] = list(range(len(content["weights"])))


def _without(name: str) -> Callable[[dict], None]:
    def change(content: dict) -> None:
        del content[name]

    return change


def _set(name: str, value: Any) -> Callable[[dict], None]:
    def change(content: dict) -> None:
        content[name] = value

    return change


def _other_shape(content: dict) -> None:
    content["weights"][next(iter(content["weights"]))] = torch.zeros(3)


def _other_moment(content: dict) -> None:
    content["optimizer"]["state"][0]["exp_avg"] = torch.zeros(3)


def _integer_weights(content: dict) -> None:
    name = next(iter(content["weights"]))
    content["weights"][name] = content["weights"][name].byte()


_CHANGES: dict[str, Callable[[dict], None]] = {
    "hidden size 10^9": _hidden(10**9),
    "hidden size 16,384 with small weights": _hidden(16_384),
    "hidden size 16,384 with expanded weights": _expanded,
    "weights of another shape": _other_shape,
    "moments of another shape": _other_moment,
    "integer weights": _integer_weights,
    "weights are a string": _set("weights", "w"),
    "an older version": _without("dropout"),
    "a newer version": _set("format", 9),
    "no log": _set("log", {}),
    "a log of strings": _set("log", {"train_losses": ["x"], "step_seconds": [1.0], "validation_losses": {}}),
    "duplicates in the vocabulary": _set("vocabulary", "\nAA"),
    "random state is a string": _set("batches", {"bit_generator": "x"}),
    "dropout too short": _set("dropout", torch.zeros(3, dtype=torch.uint8)),
    "an empty mapping": lambda content: content.clear(),
}


def _changed(content: dict, change: Callable[[dict], None]) -> dict:
    changed = copy.deepcopy(content)
    change(changed)
    return changed


def _saved(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def _with_pickle(archive: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The archive with a changed data.pkl."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(buffer, "w") as new:
        for member in old.infolist():
            part = old.read(member)
            new.writestr(member.filename, change(part) if member.filename.endswith("data.pkl") else part)
    return buffer.getvalue()


def _claim_numbers(index: bytes) -> bytes:
    """Make the first tensor's storage claim 10^10 numbers."""
    head, device, tail = index.partition(b"X\x03\x00\x00\x00cpuq")
    assert device
    # After the device come its place in the memo and the number of elements, in one, two or four bytes.
    width = {b"K": 1, b"M": 2, b"J": 4}[tail[1:2]]
    return head + device + tail[:1] + b"\x8a\x05" + (10**10).to_bytes(5, "little") + tail[2 + width :]


def _with_zeros(archive: bytes) -> bytes:
    """Add 128 MiB of zeros, compressed to a hundred kilobytes."""
    buffer = io.BytesIO(archive)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as new:
        folder = new.namelist()[0].partition("/")[0]
        with new.open(f"{folder}/data/zeros", "w") as part:
            for _ in range(128):
                part.write(bytes(2**20))
    return buffer.getvalue()


def _overlapping(archive: bytes) -> bytes:
    """Add a second entry for the bytes of the largest part."""
    buffer = io.BytesIO(archive)
    with zipfile.ZipFile(buffer, "a") as new:
        largest = max(new.infolist(), key=lambda member: member.file_size)
        double = copy.copy(largest)
        double.filename = largest.filename + "0"
        new.filelist.append(double)
        new.NameToInfo[double.filename] = double
        new._didModify = True  # pyright: ignore[reportAttributeAccessIssue]
    return buffer.getvalue()
