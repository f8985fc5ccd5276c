"""What a card does: the CPU's results, a run that resumes after a kill, and speed. At most four minutes.

    python -m benchmarks.cuda [--small]

Checks that training and greedy sampling agree with the CPU, and that a killed run resumes. Then times the
default training step, a large LSTM on 50 MB of text, a sweep of ten short runs and the sampling of 1000
tunes, next to plain torch modules in the same process and to this machine's CPU. Ends with status 1 if a
check fails.

Without CUDA, and with --small, everything is small and runs on the CPU, where torch's own modules take the
place of the card: that tries this script out, and its times say nothing. It has not run on a card yet.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.alternation import format_seconds
from benchmarks.corpora import default_corpus, repeated_tokens, training_tokens
from benchmarks.machine import describe_machine
from benchmarks.ours import CPU, drawing_seconds, run_command, step_seconds, threads_of, training_task
from benchmarks.peers.plain import PlainTraining
from musicgen.config import Config, compose_config, resolve
from musicgen.engine.computing import computing_on
from musicgen.model.checkpoint import Checkpoint
from musicgen.records.runs import FoundRun, find_runs
from musicgen.sampling.generation import sample_tunes
from musicgen.sampling.prompts import Prompt
from musicgen.training.loop import fit
from musicgen.training.state_file import read_content

MAX_LOSS_DIFFERENCE = 1e-3
"""Nats per character, at any compared step."""
MAX_SECONDS_BEFORE_A_PART = 180
"""No part begins later, so that all ends within four minutes."""
NUM_GREEDY_TUNES = 8
WARM_UP_STEPS = 5
SHORT_RUN = (
    *("experiment=smoke", "tracker=none", "rendering=none", "rendering.plots=false"),
    *("evaluation.num_reference_splits=2", "sampling.num_tunes=8"),
)


@dataclass(frozen=True)
class Form:
    """How much is computed, and on what."""

    device: torch.device
    compared_steps: int = 50
    killed_iterations: int = 3000
    """Of the run that is killed: enough for it to be under way when its first state is seen."""
    model: tuple[str, ...] = ()
    """Overrides of the default network."""
    large: tuple[str, ...] = (
        *("experiment=lab", "model.cell=lstm", "model.hidden_size=1024", "model.num_layers=3"),
        *("training.batch_size=32", "training.sequence_length=100"),
    )
    text_characters: int = 50_000_000
    timed_steps: int = 100
    cpu_steps: int = 5
    num_tunes: int = 1000
    cpu_tunes: int = 100
    max_chars: int = 400
    num_sweep_runs: int = 10

    @property
    def engine(self) -> str:
        """What takes the card's place on the CPU is torch's own modules."""
        return "torch" if self.device.type == "cpu" else "native"


SMALL = Form(
    device=CPU,
    compared_steps=10,
    killed_iterations=300,
    model=("model.hidden_size=16", "model.embedding_size=8", "training.sequence_length=40"),
    large=("experiment=lab", "model.hidden_size=16", "model.num_layers=3", "training.sequence_length=20"),
    text_characters=200_000,
    timed_steps=3,
    cpu_steps=3,
    num_tunes=20,
    cpu_tunes=10,
    max_chars=60,
    num_sweep_runs=3,
)


def config_on(device: torch.device, engine: str, *overrides: str) -> Config:
    """The resolved config of a run in 32 bits, without dropout, whose draws differ between devices."""
    fixed = (f"device={device.type}", f"training.engine={engine}", "model.dropout=0.0")
    return resolve(compose_config([*fixed, "training.precision=fp32", *overrides]))


def train_on(device: torch.device, config: Config, num_steps: int) -> tuple[list[float], Checkpoint]:
    """The loss of every step of a short training, and its network."""
    training = replace(
        config.training, num_iterations=num_steps, validation_interval=num_steps, warmup_iterations=0
    )
    corpus = default_corpus()
    with tempfile.TemporaryDirectory() as folder, computing_on(threads_of(config)):
        task = training_task(
            replace(config, training=training),
            Path(folder),
            corpus,
            corpus.part("validation")[:16],
            device=device,
        )
        fitted = fit(task, lambda _step: None, lambda _row: None)
        return read_content(fitted.state).log.train_losses, fitted.checkpoint


def loss_difference(form: Form, *, allows_tf32: bool) -> float:
    """The largest difference between the losses of the same training here and on the CPU, in nats.

    allows_tf32: whether cuDNN may round the factors of products to ten bits, as it does by default.
    """
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=allows_tf32):
        ours, _ = train_on(form.device, config_on(form.device, form.engine, *form.model), form.compared_steps)
    expected, _ = train_on(CPU, config_on(CPU, "native", *form.model), form.compared_steps)
    return max(abs(first - second) for first, second in zip(ours, expected, strict=True))


def num_equal_tunes(form: Form) -> int:
    """How many of NUM_GREEDY_TUNES tunes at temperature 0 are the same here and on the CPU."""
    config = config_on(CPU, "native", *form.model)
    _, checkpoint = train_on(CPU, config, form.compared_steps)
    sampling = replace(
        config.sampling, num_tunes=NUM_GREEDY_TUNES, max_chars=form.max_chars, temperature=0.0, top_p=None
    )
    prompts = [Prompt.verbatim(f"X:{number}\n") for number in range(1, NUM_GREEDY_TUNES + 1)]
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        here, there = (
            sample_tunes(
                checkpoint.network(device, "fp32", engine),  # type: ignore[arg-type]
                checkpoint.vocabulary,
                sampling,
                prompts,
                seed=0,
                device=device,
            )
            for device, engine in ((form.device, form.engine), (CPU, "native"))
        )
    return sum(first.text == second.text for first, second in zip(here, there, strict=True))


@dataclass(frozen=True)
class Resumed:
    """A run that was killed and started again, next to one that was not."""

    iterations: int
    """Iterations that it took over from the killed process."""
    loss_difference: float
    """Between the validation losses of the two runs, the largest over all rows."""
    has_same_tunes: bool


def kill_and_resume(form: Form, folder: Path) -> Resumed:
    """Kill a run once it has saved a state, repeat its command, and compare with an undisturbed run."""
    interval = form.killed_iterations // 10
    run = (
        *(*SHORT_RUN, f"device={form.device.type}", f"training.num_iterations={form.killed_iterations}"),
        *(f"training.validation_interval={interval}", f"training.engine={form.engine}"),
    )
    killed = folder / "killed"
    command = [sys.executable, "-m", "musicgen.train", *run, f"paths.outputs={killed}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not any(killed.glob("store/*/state-*.pt")):
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    resumed, whole = (
        _read_run(run_command(*run, folder=place)[0]) for place in (killed, folder / "undisturbed")
    )
    losses = [
        np.array([row["validation_loss"] for row in one.history_rows() or [] if row["validation_loss"]])
        for one in (resumed, whole)
    ]
    tunes = [(one.directory / "tunes.abc").read_bytes() for one in (resumed, whole)]
    return Resumed(
        int(resumed.record.timing["reused_iterations"]),
        float(np.abs(losses[0] - losses[1]).max()),
        tunes[0] == tunes[1],
    )


def _read_run(directory: Path) -> FoundRun:
    (run,) = find_runs([directory])
    return run


@dataclass(frozen=True)
class Speed:
    """Seconds of a training step."""

    here: float
    plain: float
    cpu: float


def training_speed(form: Form, overrides: Sequence[str], tokens: np.ndarray | None) -> Speed:
    """A training step of this config here, by plain modules of its sizes here, and by us on the CPU.

    tokens: the text to train on; None: the default corpus in the network's spelling.
    """
    config = config_on(form.device, form.engine, *overrides)
    model, training = config.model, config.training
    here = step_seconds(config, form.timed_steps, WARM_UP_STEPS, tokens=tokens, device=form.device)
    plain = PlainTraining(
        training_tokens() if tokens is None else tokens,
        default_corpus().vocabulary.size,
        cell=model.cell,
        hidden_size=model.hidden_size,
        batch_size=training.batch_size,
        sequence_length=training.sequence_length,
        embedding_size=model.embedding_size,
        num_layers=model.num_layers,
        device=form.device,
    )
    with computing_on(threads_of(config)):
        plain_seconds = _seconds_each(plain.step, form.timed_steps, form.device)
    on_cpu = resolve(compose_config(["device=cpu", "model.dropout=0.0", *overrides]))
    return Speed(here, plain_seconds, step_seconds(on_cpu, form.cpu_steps, 2, tokens=tokens))


def _seconds_each(step: Callable[[], object], number: int, device: torch.device) -> float:
    for _ in range(WARM_UP_STEPS):
        step()
    _wait_for(device)
    started = time.perf_counter()
    for _ in range(number):
        step()
    _wait_for(device)
    return (time.perf_counter() - started) / number


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def characters_per_second(form: Form, device: torch.device, num_tunes: int) -> float:
    """Characters drawn a second by an untrained default network, whose tunes all reach their cap."""
    engine = form.engine if device == form.device else "native"
    config = config_on(device, engine, *form.model)
    return num_tunes * form.max_chars / drawing_seconds(config, num_tunes, form.max_chars, device)


def sweep_seconds(form: Form, folder: Path, *options: str) -> tuple[int, float]:
    """The number of short runs in a sweep, and the seconds of the whole command."""
    rates = ",".join(f"{number}.5e-3" for number in range(1, form.num_sweep_runs))
    directory, seconds = run_command(
        "--multirun", *SHORT_RUN, f"device={form.device.type}", f"training.engine={form.engine}",
        f"training.learning_rate={rates}", *options, folder=folder,
    )  # fmt: skip
    return len(find_runs([directory])), seconds


def describe_card(device: torch.device) -> str:
    """The card with its memory, driver libraries and torch, or the processor."""
    if device.type == "cpu":
        return f"no card: {describe_machine()['processor']}, torch {torch.__version__}"
    card = torch.cuda.get_device_properties(device)
    return (
        f"{card.name}, {card.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}, "
        f"cuDNN {torch.backends.cudnn.version()}, torch {torch.__version__}; "
        f"processor: {describe_machine()['processor']}, {describe_machine()['cores in use']} cores"
    )


class Page:
    """Prints a line for each result as it comes, and remembers which checks failed."""

    def __init__(self) -> None:
        self.has_failed = False
        self._started = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.perf_counter() - self._started

    def line(self, text: str) -> None:
        """A result."""
        print(f"{self.seconds:6.1f} s  {text}", flush=True)

    def check(self, text: str, *, holds: bool) -> None:
        """A result that must hold."""
        self.has_failed |= not holds
        self.line(f"{'ok' if holds else 'FAILED'}: {text}")


def check_losses(form: Form, _folder: Path, page: Page) -> None:
    """Compare the losses of a training with the CPU's."""
    difference = loss_difference(form, allows_tf32=False)
    page.check(
        f"losses of {form.compared_steps} steps differ from the CPU's by {difference:.1e} nats at most "
        f"(allowed: {MAX_LOSS_DIFFERENCE:g})",
        holds=difference <= MAX_LOSS_DIFFERENCE,
    )
    page.line(f"with TF32, cuDNN's default: {loss_difference(form, allows_tf32=True):.1e} nats")


def check_tunes(form: Form, _folder: Path, page: Page) -> None:
    """Compare greedy tunes with the CPU's."""
    number = num_equal_tunes(form)
    page.check(
        f"{number} of {NUM_GREEDY_TUNES} tunes at temperature 0 are the CPU's",
        holds=number == NUM_GREEDY_TUNES,
    )


def check_resuming(form: Form, folder: Path, page: Page) -> None:
    """Kill a run."""
    resumed = kill_and_resume(form, folder)
    page.check(
        f"a killed run resumed from iteration {resumed.iterations} of {form.killed_iterations}; its losses "
        f"differ by {resumed.loss_difference:.1e} nats at most, its tunes "
        f"{'are the same' if resumed.has_same_tunes else 'differ'}",
        holds=0 < resumed.iterations < form.killed_iterations
        and resumed.loss_difference <= MAX_LOSS_DIFFERENCE,
    )


def time_default(form: Form, _folder: Path, page: Page) -> None:
    """Time a step of the default network."""
    page.line(f"default network: {_speed_words(training_speed(form, form.model, None))}")


def time_large(form: Form, _folder: Path, page: Page) -> None:
    """Time a step of a large network on a long text."""
    speed = training_speed(form, form.large, repeated_tokens(form.text_characters))
    page.line(f"LSTM of three layers, {form.text_characters / 1e6:g} MB of text: {_speed_words(speed)}")


def _speed_words(speed: Speed) -> str:
    return (
        f"a step takes {format_seconds(speed.here)}; plain modules {format_seconds(speed.plain)} "
        f"({speed.plain / speed.here:.2f} ×), the CPU {format_seconds(speed.cpu)} "
        f"({speed.cpu / speed.here:.1f} ×)"
    )


def time_sampling(form: Form, _folder: Path, page: Page) -> None:
    """Time the sampling of many tunes."""
    rate = characters_per_second(form, form.device, form.num_tunes)
    on_cpu = characters_per_second(form, CPU, form.cpu_tunes)
    page.line(
        f"sampling {form.num_tunes} tunes at once: {rate:,.0f} characters a second; the CPU, "
        f"{form.cpu_tunes} tunes: {on_cpu:,.0f} ({rate / on_cpu:.1f} ×)"
    )


def time_sweep(form: Form, folder: Path, page: Page) -> None:
    """Time a sweep, one run at a time and side by side."""
    number, together = sweep_seconds(form, folder / "together")
    _, alone = sweep_seconds(form, folder / "alone", "hydra.launcher.num_jobs=1")
    page.line(
        f"a sweep of {number} short runs takes {alone:.0f} s one at a time and {together:.0f} s by default "
        f"({alone / together:.1f} ×)"
    )


PARTS = (
    *(check_losses, check_tunes, check_resuming),
    *(time_default, time_large, time_sampling, time_sweep),
)


def try_out(form: Form, parts: Sequence[Callable[[Form, Path, Page], None]] = PARTS) -> int:
    """Check and measure; returns 1 if a check failed."""
    page = Page()
    with tempfile.TemporaryDirectory() as folder:
        for part in parts:
            if page.seconds > MAX_SECONDS_BEFORE_A_PART:
                page.line(f"left out for lack of time: {part.__name__}")
            else:
                part(form, Path(folder), page)
    page.line("done")
    return int(page.has_failed)


def main() -> int:
    """Check and measure; returns 1 if a check failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cuda", description="Try a CUDA card.")
    parser.add_argument("--small", action="store_true", help="try the script out on the CPU")
    is_small = parser.parse_args().small or not torch.cuda.is_available()
    form = SMALL if is_small else Form(torch.device("cuda"))
    if is_small:
        print("the small form, on the CPU: it tries this script out, and its times say nothing")
    print(describe_card(form.device))
    return try_out(form)


if __name__ == "__main__":
    sys.exit(main())
