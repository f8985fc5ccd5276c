"""The cost of preparing a corpus as it grows: writes corpus_preparation.md and figures/corpus.png.

    python -m benchmarks.corpus_preparation [MEGABYTES ...]

Separate processes write each size (corpora.py), read it from scratch and read it from the cache, because
memory is measured. Preparing is all that the default run does before its first step: read, clean,
group near-duplicates, split, spell for the network, encode. The process that reads from the cache then trains
some steps, next to its encoded validation tunes. Tables and figure say on which machine.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import torch

from benchmarks.alternation import report_progress
from benchmarks.machine import describe_machine
from benchmarks.scaling_figures import draw_corpus
from musicgen.config import Config, compose_config, resolve
from musicgen.engine.computing import computing_on
from musicgen.run.inputs import RunInputs
from musicgen.run.task import new_task
from musicgen.training.loop import fit
from musicgen.training.loss import encode_tunes

MEGABYTES = (0.2, 1.0, 5.0, 20.0, 50.0, 100.0)
NUM_STEPS, WARM_UP_STEPS = 6, 2
SECONDS_BETWEEN_SAMPLES = 0.2
"""Of the memory of several processes."""
TABLE = Path(__file__).resolve().with_suffix(".md")
VALUES = TABLE.parent / "figures" / "corpus.json"
Row = Mapping[str, float]


def measure(megabytes: float) -> Row:
    """The costs of a corpus of this size."""
    report_progress(f"corpus of {megabytes:g} MB")
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "tunes.abc")
        _child("benchmarks.corpora", str(megabytes), path)
        (fresh, peak), (cached, _) = (
            _child("benchmarks.corpus_preparation", "--once", path, how) for how in ("fresh", "cached")
        )
    # A large corpus is read by several processes.
    fresh["peak_bytes"] = max(peak, fresh["peak_bytes"])
    row = {"megabytes": megabytes, **fresh, **{f"cached_{name}": value for name, value in cached.items()}}
    report_progress(f"  {row}")
    return row


def _child(*command: str) -> tuple[dict[str, float], int]:
    """What the command prints as JSON, and the peak memory of all its processes together in bytes."""
    peak = 0
    with subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            peak = max(peak, _shared_bytes(process.pid))
            time.sleep(SECONDS_BETWEEN_SAMPLES)
        assert process.stdout is not None
        lines = process.stdout.read().splitlines()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    content = json.loads(lines[-1])
    return content if isinstance(content, dict) else {}, peak


def _shared_bytes(pid: int) -> int:
    """Memory of a process and those it has started; what they share counts once."""
    total = 0
    # A process may end while it is looked at.
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            total += one.memory_full_info().pss
    return total


def measure_once(path: Path, how: str) -> dict[str, float]:
    """Seconds, processor seconds and peak memory of preparing the corpus, next to which its cache is."""
    outputs = path.parent / "outputs"
    (outputs / "cache").mkdir(parents=True, exist_ok=True)
    training = f"num_iterations={NUM_STEPS} warmup_iterations=0 validation_interval={NUM_STEPS}".split()
    config = resolve(
        compose_config(
            ["data=file", f"data.path={path}", f"paths.outputs={outputs}"]
            + [f"training.{setting}" for setting in training]
        )
    )
    base = peak_bytes()
    started, used = time.perf_counter(), processor_seconds()
    inputs = RunInputs.read(config)
    inputs.windows(config.training, config.seed)
    found: dict[str, float] = {
        "tunes": len(inputs.corpus.tunes),
        "seconds": time.perf_counter() - started,
        "processor_seconds": processor_seconds() - used,
        "base_bytes": base,
        "peak_bytes": peak_bytes(),
    }
    if how == "cached":
        found["step_seconds"] = _train(config, inputs)
        found["training_peak_bytes"] = peak_bytes()
    return found


def _train(config: Config, inputs: RunInputs) -> float:
    """Seconds of a training step."""
    assert config.training.num_threads is not None
    moments: list[float] = []
    shortest = min(inputs.corpus.part("validation"), key=len)
    with computing_on(config.training.num_threads):
        # A run keeps all validation tunes in memory. Scoring them would not belong to a step.
        whole = new_task(config, inputs, torch.device("cpu"), training_id="trained")
        task = replace(whole, validation=encode_tunes([shortest], inputs.vocabulary, config.model))
        fit(task, lambda _step: moments.append(time.perf_counter()), lambda _row: None)
    assert whole.validation.num_characters > 0
    return (moments[-1] - moments[WARM_UP_STEPS - 1]) / (NUM_STEPS - WARM_UP_STEPS)


def processor_seconds() -> float:
    """Of this process and of those that it started and that have ended."""
    return sum(
        sum(resource.getrusage(whose)[:2]) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )


def peak_bytes() -> int:
    """The peak memory of this process so far."""
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


COLUMNS: Mapping[str, Callable[[Row], str]] = {
    "MB of ABC": lambda row: f"{row['megabytes']:g}",
    "tunes": lambda row: f"{row['tunes']:,.0f}",
    "from scratch, s": lambda row: f"{row['seconds']:.1f}",
    "processor s": lambda row: f"{row['processor_seconds']:.1f}",
    "peak GB": lambda row: f"{row['peak_bytes'] / 1e9:.2f}",
    "from the cache, s": lambda row: f"{row['cached_seconds']:.1f}",
    "processor s, cached": lambda row: f"{row['cached_processor_seconds']:.1f}",
    "peak GB, cached": lambda row: f"{row['cached_peak_bytes'] / 1e9:.2f}",
    "peak GB, trained": lambda row: f"{row['cached_training_peak_bytes'] / 1e9:.2f}",
}
ABOUT = """What a corpus costs before the first training step: `python -m benchmarks.corpus_preparation`.
The tunes are made from the collections at hand (corpora.py). They are read on all cores; the rest of the work
uses one. Next to other programs only memory and processor seconds mean something, since all other times
include waiting."""


def render(rows: Sequence[Row], place: str) -> str:
    """The table, as Markdown."""
    cells = [[cell(row) for cell in COLUMNS.values()] for row in rows]
    table = [list(COLUMNS), ["---:"] * len(COLUMNS), *cells]
    lines = [f"| {' | '.join(row)} |" for row in table]
    return "\n".join(["# Preparing a corpus", "", f"{ABOUT} Machine: {place}.", "", *lines, ""])


def main(arguments: Sequence[str]) -> None:
    """Measure the sizes, and write table and figure; with --once, print the costs of one file."""
    if arguments[:1] == ["--once"]:
        print(json.dumps(measure_once(Path(arguments[1]), arguments[2])))
        return
    machine = describe_machine()
    place = f"{machine['processor']}, {machine['cores in use']} cores, torch {machine['torch'].split(',')[0]}"
    for size in map(float, arguments or MEGABYTES):
        row = measure(size)
        # Other sizes keep their values, so that one of them can be measured again.
        known = json.loads(VALUES.read_text(encoding="utf-8")) if VALUES.exists() else []
        rows = sorted(
            [*(one for one in known if one["megabytes"] != size), row], key=lambda one: one["megabytes"]
        )
        VALUES.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        TABLE.write_text(render(rows, place), encoding="utf-8")
        draw_corpus(rows, place, VALUES.parent)


if __name__ == "__main__":
    main(sys.argv[1:])
