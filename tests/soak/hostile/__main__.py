"""`python -m tests.soak.hostile`: every command that reads a file is given files that it must not trust.

One small network is trained; then its state, its run.json, the tables, logs and database beside it, and the
corpus are replaced one by one. A command must end with one line and status 1, without a traceback, with at
most 2 GB of memory and two minutes of processor time, and run nothing and write nothing outside its folders.

It prints a row for each part (`--part` does one) and each broken promise, and ends with status 1 where there
is one.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.soak.hostile import corpora, records, states
from tests.soak.hostile.trial import Trial, attempt

_TINY = (
    "experiment=smoke",
    "training.num_iterations=20",
    "training.num_threads=1",
    "training.validation_interval=10",
    "sampling.num_tunes=4",
    'sampling.prompts=["X:1\\nT:Tune\\nR:reel\\nM:4/4\\nL:1/8\\nK:C\\n"]',
    "rendering.num_tunes=1",
    "tracker=none",
    "data=file",
    "paths.outputs=outputs",
)
_READERS_OF_RUNS = ("compare", "report", "note", "sample", "listen")


class Ground:
    """A folder with a run that is whole, of which every trial gets a copy."""

    def __init__(self, folder: Path) -> None:
        """Train a network there."""
        self.folder = folder
        self.marker = folder / "marker"
        self.tunes = corpora.tunebook(folder / "tunes.abc")
        trained = attempt("train", "train", *_TINY, f"data.path={self.tunes}", folder=folder)
        if trained.status:
            raise RuntimeError(trained.errors)
        (record,) = (folder / "outputs" / "runs").rglob("run.json")
        self.run = record.parent
        (self.state,) = (folder / "outputs" / "store").rglob("end-*.pt")

    def copy(self) -> Path:
        """A fresh copy of the run, beside it so that it finds its state."""
        copy = self.run.with_name("copy")
        shutil.rmtree(copy, ignore_errors=True)
        return Path(shutil.copytree(self.run, copy))

    def read_with(self, module: str, run: Path, name: str) -> Trial:
        """Let a command read the run."""
        arguments: dict[str, list[str | Path]] = {
            "compare": [run, "--out", "compared"],
            "report": [run, "--out", "reported"],
            "note": [run, "It comes back"],
            "sample": [run, "--num-tunes", "1", "--render", "0", "--out", "sampled"],
            "listen": [run, "--results", "--out", run],
        }
        return attempt(name, module, *arguments[module], folder=self.folder)


def try_states(ground: Ground) -> Iterator[tuple[Trial, bool]]:
    """`sample` with every kind of state; most single bits in the test of the same name, in one process."""
    good = ground.state.read_bytes()
    kinds = [*states.damaged(good, num_flips=8), *states.made(ground.state, ground.marker)]
    for name, content in kinds:
        ground.state.write_bytes(content)
        yield ground.read_with("sample", ground.run, name), True
    ground.state.write_bytes(good)
    yield ground.read_with("sample", ground.run, "as it was"), False


def try_records(ground: Ground) -> Iterator[tuple[Trial, bool]]:
    """Every command that reads run.json with every kind of it."""
    record = (ground.run / "run.json").read_bytes()
    kinds = dict(records.TEXTS) | {
        name: records.changed(record, change) for name, change in records.VALUES.items()
    }
    for number, (name, content) in enumerate(kinds.items()):
        run = ground.copy()
        (run / "run.json").write_bytes(content)
        # All of them read it through one function: each kind with two, so that each command sees many.
        for module in (_READERS_OF_RUNS[number % 5], _READERS_OF_RUNS[(number + 2) % 5]):
            yield ground.read_with(module, run, name), True
    for weights in ("/dev/zero", "/etc/passwd", "../../../../../../etc/hostname", "..", "run.json"):
        run = ground.copy()
        (run / "run.json").write_bytes(records.changed(record, records.setting(weights, "weights")))
        yield ground.read_with("sample", run, f"weights={weights}"), True
    for field, value in (("prompts_file", "/dev/zero"), ("num_tunes", 10**12), ("max_chars", 10**12)):
        run = ground.copy()
        change = records.setting(value, "config", "sampling", field)
        (run / "run.json").write_bytes(records.changed(record, change))
        yield ground.read_with("sample", run, f"{field}={value}"), True


def try_tables(ground: Ground) -> Iterator[tuple[Trial, bool]]:
    """Tables, logs and the listening session beside a run."""
    for name, (module, file, content) in records.TABLES.items():
        run = ground.copy()
        (run / file).write_bytes(content)
        if file == "search.json":
            (run / "trials.csv").write_text("trial\n0\n", encoding="utf-8")
        yield ground.read_with(module, run, name), True
    for name, statement in records.SESSIONS.items():
        run = ground.copy()
        records.write_session(run / "listening.sqlite")
        records.damage_session(run / "listening.sqlite", statement)
        yield ground.read_with("listen", run, f"a session with {name}"), True
    run = ground.copy()
    records.write_session(run / "listening.sqlite")
    yield ground.read_with("listen", run, "a session as it was"), False


def try_corpora(ground: Ground) -> Iterator[tuple[Trial, bool]]:
    """Files, folders and things that are neither, as tunes to measure and as a corpus to train on."""
    place = ground.folder / "given"
    given = [("/dev/zero", None, True, True), ("/dev/tty", None, True, True)]
    given += [(name, make, True, True) for name, make in corpora.REFUSED.items()]
    given += [(name, make, False, True) for name, make in corpora.REFUSED_AS_A_CORPUS.items()]
    given += [(name, make, True, False) for name, make in corpora.READ.items()]
    for name, make, is_measured, is_refused in given:
        _remove(place)
        if make is not None:
            make(place)
        path = place if make is not None else Path(name)
        if is_measured:
            command = ["evaluate", path, "--reference", ground.tunes, "--cache", "cache"]
            yield attempt(name, *command, folder=ground.folder), is_refused
        yield attempt(name, "train", *_TINY, f"data.path={path}", folder=ground.folder), is_refused
    _remove(place)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


PARTS: dict[str, Callable[[Ground], Iterator[tuple[Trial, bool]]]] = {
    "states": try_states,
    "records": try_records,
    "tables": try_tables,
    "corpora": try_corpora,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak.hostile", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--part", choices=PARTS, action="append", help="may be given several times")
    parser.add_argument("--verbose", action="store_true", help="a line for each trial")
    parsed = parser.parse_args(arguments)
    num_broken = 0
    with tempfile.TemporaryDirectory(prefix="hostile-") as name:
        ground = Ground(Path(name))
        print(f"{'part':10} {'trials':>6} {'longest s':>9} {'most MB':>8} {'broken':>6}")
        for part in parsed.part or PARTS:
            trials: list[Trial] = []
            broken: list[str] = []
            for trial, is_refused in PARTS[part](ground):
                trials.append(trial)
                problems = trial.problems(refused=is_refused)
                if ground.marker.exists():
                    problems.append("code of the file was run")
                    ground.marker.unlink()
                if parsed.verbose:
                    print(
                        f"  {trial.command[0]:18} {trial.name:45} {trial.seconds:5.1f} s "
                        f"{trial.peak_megabytes:6.0f} MB  "
                        f"{'BROKEN ' * bool(problems)}{trial.last_line[:150]}",
                        flush=True,
                    )
                broken += [f"  {trial.command[0]}, {trial.name}: {problem}" for problem in problems]
            print(
                f"{part:10} {len(trials):6} {max(trial.seconds for trial in trials):9.1f} "
                f"{max(trial.peak_megabytes for trial in trials):8.0f} {len(broken):6}",
                flush=True,
            )
            print("\n".join(broken), end="\n" if broken else "")
            num_broken += len(broken)
    return 1 if num_broken else 0


if __name__ == "__main__":
    sys.exit(main())
