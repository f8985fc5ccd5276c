"""The commands that tests.soak.crashes disturbs: their inputs, how they start, and their results.

Every scene has its own folder, with `outputs` in it. The corpus, and a sweep for commands that read one, are
made once.
"""

import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas
import psutil

from musicgen.config import compose_config
from musicgen.corpus.sources import read_source
from musicgen.corpus.tunebook import read_tunebook
from musicgen.system.files import write_text_atomically
from tests import commands
from tests.soak.forked_commands import Command
from tests.soak.results import results, weights_of

NUM_TUNES = 80
TINY = (
    *commands.TINY,
    "training.num_iterations=120",
    "training.num_threads=1",
    "sampling.num_tunes=6",
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
"""For the children of a killed command, which save their state and end by themselves."""
_COMPARED_KINDS = {"run.json", "losses", "tunes", "MIDI", "scores", "piano rolls"}


@dataclass(frozen=True)
class Materials:
    """The inputs of all scenes: the corpus, and a finished sweep."""

    folder: Path

    @property
    def corpus(self) -> Path:
        """A few dozen real tunes."""
        return self.folder / "corpus.abc"

    def make(self) -> None:
        """Write the corpus unless it exists."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.corpus.is_file():
            tunes = read_tunebook(read_source(compose_config(["data=airds"]).data)).tunes[:NUM_TUNES]
            write_text_atomically(self.corpus, "\n\n".join(tunes) + "\n")

    def copy_sweep(self, folder: Path) -> None:
        """Copy the finished sweep and its store; runs the sweep at the first call."""
        made = self.folder / "made"
        if not made.is_file():
            done = start_training(self, self.folder / "outputs", *SWEEP, *SHORT).wait()
            if done.returncode:
                raise SystemExit(f"the sweep that others read failed:\n{done.stdout}\n{done.stderr}")
            made.touch()
        shutil.copytree(self.folder / "outputs", folder / "outputs")


@dataclass
class Scene:
    """A command in its own folder."""

    name: str
    materials: Materials
    start: Callable[[Materials, Path], Command]
    """Starts the command of the folder, always the same one."""
    results: Callable[[Path], dict[str, object]]
    """Reads the results that must be the same after any disturbance."""
    reads_sweep: bool = False
    places: Sequence[str] = ("outputs", "store", "cache")
    """Folders that may be on separate disks: "outputs", or folders in it."""

    def prepare(self, folder: Path) -> None:
        """Make the folder, with the sweep if the command reads one."""
        folder.mkdir(parents=True, exist_ok=True)
        if self.reads_sweep:
            self.materials.copy_sweep(folder)

    def run(self, folder: Path) -> subprocess.CompletedProcess[str]:
        return self.start(self.materials, folder).wait()


def start_command(module: str, *arguments: object) -> Command:
    """Start `python -m musicgen.<module>`."""
    return Command(f"musicgen.{module}", *map(str, arguments))


def start_training(materials: Materials, outputs: Path, *overrides: str) -> Command:
    """Start a tiny run, sweep or search."""
    return start_command(
        "train", *TINY, f"data.path={materials.corpus}", f"paths.outputs={outputs}", *overrides
    )


def kill(process: Command, *, alone: bool) -> None:
    """`kill -9` the command alone, as when memory runs out, or all its processes, as in a power failure."""
    members = process.members()
    for member in members[-1:] if alone else members:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait()
    deadline = time.monotonic() + SECONDS_TO_END
    while alive := [member for member in members if _is_alive(member)]:
        assert time.monotonic() < deadline, f"{len(alive)} processes outlive their command: {alive}"
        time.sleep(0.05)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def store_results(outputs: Path) -> dict[str, object]:
    """Read the weights of every state in the store."""
    store = outputs / "store"
    return {f"store {path.relative_to(store)}": weights_of(path) for path in sorted(store.glob("*/*.pt"))}


def run_results(folder: Path) -> dict[str, object]:
    """Read record, losses, tunes and rendered files of all runs in a folder."""
    return {
        f"{kind} {name}": content
        for kind, contents in results(folder).items()
        if kind in _COMPARED_KINDS or kind.startswith("audio")
        for name, content in contents.items()
    }


def bytes_of(folder: Path, patterns: Sequence[str] = ("**/*",)) -> dict[str, object]:
    """Read all files that are not hidden, by their names in the folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for pattern in patterns
        for path in sorted(folder.glob(pattern))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def newest(folder: Path, name: str) -> Path:
    """Return the newest folder two levels below (date, time) that contains this file."""
    return max(path.parent for path in folder.glob(f"*/*/{name}"))


def _start_train(materials: Materials, folder: Path) -> Command:
    return start_training(materials, folder / "outputs", "rendering.num_tunes=2", "tracker=none")


def _train_results(folder: Path) -> dict[str, object]:
    outputs = folder / "outputs"
    return run_results(newest(outputs / "runs", "run.json")) | store_results(outputs)


def _start_sweep(materials: Materials, folder: Path) -> Command:
    return start_training(materials, folder / "outputs", *SWEEP, *SHORT)


def _sweep_results(folder: Path) -> dict[str, object]:
    outputs = folder / "outputs"
    last = newest(outputs / "sweeps", "effects.csv")
    return run_results(last) | bytes_of(last, ("effects.csv", "noise.csv")) | store_results(outputs)


def _start_search(materials: Materials, folder: Path) -> Command:
    return start_training(materials, folder / "outputs", *SEARCH, *SHORT)


def _search_results(folder: Path) -> dict[str, object]:
    outputs, search = folder / "outputs", folder / "outputs" / "searches" / "soak"
    # Times, and how many iterations each piece trained, depend on the disturbances.
    trials = pandas.read_csv(search / "trials.csv").drop(columns=["seconds", "trained_iterations"])
    return (
        {"trials": trials.to_csv()}
        | run_results(search / "confirmation")
        | bytes_of(search, ("confirmation/effects.csv", "conf/experiment/best.yaml", "search.json"))
        | store_results(outputs)
    )


def _start_sample(_materials: Materials, folder: Path) -> Command:
    run = newest(folder / "outputs" / "sweeps", "effects.csv") / "baseline" / "seed=0"
    more = ("--num-tunes", 6, "--render", 3, "--seed", 3)
    return start_command("sample", run, *more, "--out", folder / "outputs" / "more")


def _start_report(_materials: Materials, folder: Path) -> Command:
    sweep = newest(folder / "outputs" / "sweeps", "effects.csv")
    return start_command("report", sweep, "--pack", "--out", folder / "outputs" / "report")


def scenes(materials: Materials) -> dict[str, Scene]:
    """All commands except the rating of tunes, which needs a listener: see rating.py."""
    outputs = ("outputs",)
    all_scenes = (
        Scene("train", materials, _start_train, _train_results),
        Scene("sweep", materials, _start_sweep, _sweep_results),
        Scene("search", materials, _start_search, _search_results),
        Scene("sample", materials, _start_sample, lambda f: bytes_of(f / "outputs/more"), True, outputs),
        Scene("report", materials, _start_report, lambda f: bytes_of(f / "outputs/report"), True, outputs),
    )
    return {scene.name: scene for scene in all_scenes}
