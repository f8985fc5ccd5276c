"""The commands that the soak of crashes disturbs: what each needs, how it is started, what must come of it.

Every scene lives in a folder of its own, `outputs` below it. The corpus, and a sweep for those that read
one, are made once.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pandas
import psutil
import torch

from musicgen.config import compose_config
from musicgen.corpus.sources import read_source
from musicgen.corpus.tunes import split_tunes
from musicgen.records.runs import FoundRun, find_runs
from musicgen.system.files import write_text_atomically
from tests.soak.warm import Command

NUM_TUNES = 80
TINY = (
    "experiment=smoke",
    "training.num_iterations=120",
    "training.validation_interval=20",
    "training.batch_size=16",
    "training.sequence_length=40",
    "training.num_threads=1",
    "sampling.max_chars=160",
    "sampling.num_tunes=6",
    'sampling.prompts=["X:1\\nT:Tune\\nR:reel\\nM:4/4\\nL:1/8\\nK:C\\nCDEF"]',
    "data=file",
)
SWEEP = ("--multirun", "training.learning_rate=5e-3,2e-3", "sampling.temperature=0.7,1.0", "seed=0,1")
SEARCH = (
    "--multirun",
    "hydra/sweeper=optuna",
    "hydra.sweeper.n_trials=5",
    "hydra.sweeper.n_jobs=1",
    "hydra.sweeper.confirm_seeds=1",
    "hydra.sweeper.sampler.seed=0",
    "hydra.sweeper.study_name=soak",
    "hydra.sweeper.params=null",
    "training.learning_rate=tag(log, interval(1e-3, 1e-2))",
    "model.hidden_size=choice(16, 32)",
)
SHORT = ("rendering.num_tunes=1", "rendering.plots=false", "tracker=none")
SECONDS_TO_END = 60.0
"""For what a killed command leaves behind, which saves first and ends by itself."""


@dataclass(frozen=True)
class Materials:
    """What all scenes share: the corpus, and a finished sweep for those that read one."""

    folder: Path

    @property
    def corpus(self) -> Path:
        """A few dozen real tunes."""
        return self.folder / "corpus.abc"

    @property
    def outputs(self) -> Path:
        """Of the finished sweep."""
        return self.folder / "outputs"

    def make(self) -> None:
        """Write the corpus, unless that is done."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.corpus.is_file():
            tunes = split_tunes(read_source(compose_config(["data=airds"]).data))[:NUM_TUNES]
            write_text_atomically(self.corpus, "\n\n".join(tunes) + "\n")

    def copy_sweep(self, folder: Path) -> None:
        """The finished sweep with its store, for a scene that reads or changes it."""
        made = self.folder / "made"
        if not made.is_file():
            done = start_training(self, self.outputs, *SWEEP, *SHORT).wait()
            if done.returncode:
                raise SystemExit(f"the sweep that others read failed:\n{done.stdout}\n{done.stderr}")
            made.touch()
        shutil.copytree(self.outputs, folder / "outputs")


@dataclass
class Scene:
    """A command in a folder of its own."""

    name: str
    materials: Materials
    start: Callable[[Materials, Path], Command]
    """Start the command that belongs into the folder; the same for every time."""
    results: Callable[[Path], dict[str, object]]
    """What it left that must be the same however often it was disturbed."""
    reads_sweep: bool = False
    places: Sequence[str] = field(default_factory=lambda: ("outputs", "store", "cache"))
    """Folders below `outputs` that may lie on disks of their own; "outputs" is all of them."""

    def prepare(self, folder: Path) -> None:
        """Make the folder as it is before the command starts."""
        folder.mkdir(parents=True, exist_ok=True)
        if self.reads_sweep:
            self.materials.copy_sweep(folder)


def start_command(module: str, *arguments: object) -> Command:
    """Start `python -m musicgen.<module>`."""
    return Command(f"musicgen.{module}", *map(str, arguments))


def start_training(materials: Materials, outputs: Path, *overrides: str) -> Command:
    """Start a tiny run, sweep or search."""
    return start_command(
        "train", *TINY, f"data.path={materials.corpus}", f"paths.outputs={outputs}", *overrides
    )


def kill(process: Command, *, alone: bool) -> None:
    """`kill -9`: of the command alone, as when memory runs out, or of all that it started, as a power cut."""
    members = process.members()
    for member in members[-1:] if alone else members:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait()
    until = time.monotonic() + SECONDS_TO_END
    while alive := [member for member in members if _is_alive(member)]:
        assert time.monotonic() < until, f"{len(alive)} processes outlive their command: {alive}"
        time.sleep(0.05)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def weights_of(store: Path) -> dict[str, object]:
    """Every state in the store: the bytes of its weights, last and best."""
    kept: dict[str, object] = {}
    for path in sorted(store.glob("*/*.pt")):
        state = torch.load(path, weights_only=True)
        for part in ("weights", "best_weights"):
            for name, tensor in state[part].items():
                kept[f"store/{path.parent.name}/{path.name} {part} {name}"] = tensor.numpy().tobytes()
    return kept


def run_results(runs: Sequence[FoundRun], folder: Path) -> dict[str, object]:
    """Losses, metrics, tunes and rendered files of runs, by their directory below the folder."""
    kept: dict[str, object] = {}
    for run in runs:
        name = run.directory.relative_to(folder)
        history = pandas.read_csv(run.directory / "history.csv").drop(columns="tokens_per_second")
        kept[f"{name} losses"] = history.to_csv()
        kept[f"{name} status"] = run.record.status
        kept[f"{name} metrics"] = run.record.metrics
        kept |= {
            f"{name} {key}": value for key, value in bytes_of(run.directory, ("tunes*", "tunes/*")).items()
        }
    return kept


def bytes_of(folder: Path, patterns: Sequence[str] = ("**/*",)) -> dict[str, object]:
    """The bytes of the files by their names below the folder; hidden ones are left out."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for pattern in patterns
        for path in sorted(folder.glob(pattern))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def _start_train(materials: Materials, folder: Path) -> Command:
    return start_training(materials, folder / "outputs", "rendering.num_tunes=2", "tracker=none")


def _train_results(folder: Path) -> dict[str, object]:
    outputs = folder / "outputs"
    last = newest(outputs / "runs", "run.json")
    return run_results(find_runs([last]), last) | weights_of(outputs / "store")


def _start_sweep(materials: Materials, folder: Path) -> Command:
    return start_training(materials, folder / "outputs", *SWEEP, *SHORT)


def _sweep_results(folder: Path) -> dict[str, object]:
    outputs = folder / "outputs"
    last = newest(outputs / "sweeps", "effects.csv")
    return (
        run_results(find_runs([last]), last)
        | bytes_of(last, ("effects.csv", "noise.csv"))
        | weights_of(outputs / "store")
    )


def _start_search(materials: Materials, folder: Path) -> Command:
    return start_training(materials, folder / "outputs", *SEARCH, *SHORT)


def _search_results(folder: Path) -> dict[str, object]:
    outputs, search = folder / "outputs", folder / "outputs" / "searches" / "soak"
    # How long it took, and how much of it in how many pieces, is another matter.
    trials = pandas.read_csv(search / "trials.csv").drop(columns=["seconds", "trained_iterations"])
    confirmation = search / "confirmation"
    return (
        {"trials": trials.to_csv()}
        | run_results(find_runs([confirmation]), search)
        | bytes_of(search, ("confirmation/effects.csv", "conf/training/best.yaml", "search.json"))
        | weights_of(outputs / "store")
    )


def _start_sample(_materials: Materials, folder: Path) -> Command:
    run = newest(folder / "outputs" / "sweeps", "effects.csv") / "baseline" / "seed=0"
    more = ("--num-tunes", 6, "--render", 3, "--seed", 3)
    return start_command("sample", run, *more, "--out", folder / "outputs" / "more")


def _start_report(_materials: Materials, folder: Path) -> Command:
    sweep = newest(folder / "outputs" / "sweeps", "effects.csv")
    return start_command("report", sweep, "--pack", "--out", folder / "outputs" / "report")


def newest(folder: Path, name: str) -> Path:
    """The newest folder two levels below (a day, a moment) with this file in it."""
    return max(path.parent for path in folder.glob(f"*/*/{name}"))


def scenes(materials: Materials) -> dict[str, Scene]:
    """All but the rating of tunes, which takes somebody who answers: see rating.py."""
    outputs = ("outputs",)
    return {
        one.name: one
        for one in (
            Scene("train", materials, _start_train, _train_results),
            Scene("sweep", materials, _start_sweep, _sweep_results),
            Scene("search", materials, _start_search, _search_results),
            Scene("sample", materials, _start_sample, lambda f: bytes_of(f / "outputs/more"), True, outputs),
            Scene(
                "report", materials, _start_report, lambda f: bytes_of(f / "outputs/report"), True, outputs
            ),
        )
    }
