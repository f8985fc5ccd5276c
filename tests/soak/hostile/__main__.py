"""`python -m tests.soak.hostile`: give damaged and malicious files to every command that reads files.

Trains one small network, then replaces its state, run.json, tables, logs, database and corpus one by one. A
command must end with one line and status 1, without a traceback, within 2 GB of memory and two minutes of
processor time, and must not run code or write outside its folders.

Prints a row for each part (`--part` selects one) and each broken promise; exits with 1 if there is any.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests import commands
from tests.soak.hostile import corpora, records, states
from tests.soak.hostile.trial import Trial, attempt

_TINY = (
    *commands.TINY,
    "training.num_iterations=20",
    "training.num_threads=1",
    "sampling.num_tunes=4",
    "rendering.num_tunes=1",
    "tracker=none",
    "paths.outputs=outputs",
)
_RUN_READERS = ("compare", "report", "note", "sample", "listen")


class Workspace:
    """A folder with an intact run, which every trial copies."""

    def __init__(self, folder: Path) -> None:
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
        """Copy the run to a folder next to it, from which its path to the store stays valid."""
        copy = self.run.with_name("copy")
        shutil.rmtree(copy, ignore_errors=True)
        return Path(shutil.copytree(self.run, copy))

    def read_with(self, module: str, run: Path, name: str) -> Trial:
        """Run a command that reads the run."""
        arguments: dict[str, list[str | Path]] = {
            "compare": [run, "--out", "compared"],
            "report": [run, "--out", "reported"],
            "note": [run, "It comes back"],
            "sample": [run, "--num-tunes", "1", "--render", "0", "--out", "sampled"],
            "listen": [run, "--results", "--out", run],
        }
        return attempt(name, module, *arguments[module], folder=self.folder)


Attempts = Iterator[tuple[Trial, bool]]
"""Trials, and whether the command must refuse the file."""


def try_states(workspace: Workspace) -> Attempts:
    """`sample` with damaged states; tests/training/test_state_file.py flips more bits, in one process."""
    intact = workspace.state.read_bytes()
    kinds = [*states.damaged(intact, num_flips=8), *states.made(workspace.state, workspace.marker)]
    for name, content in kinds:
        workspace.state.write_bytes(content)
        yield workspace.read_with("sample", workspace.run, name), True
    workspace.state.write_bytes(intact)
    yield workspace.read_with("sample", workspace.run, "intact"), False


def try_records(workspace: Workspace) -> Attempts:
    """Commands that read runs with damaged records."""
    record = (workspace.run / "run.json").read_bytes()
    kinds = dict(records.TEXTS) | {
        name: records.changed(record, change) for name, change in records.VALUES.items()
    }
    for number, (name, content) in enumerate(kinds.items()):
        run = workspace.copy()
        (run / "run.json").write_bytes(content)
        # All commands read run.json with one function, so two of them are enough for each kind.
        for module in (_RUN_READERS[number % 5], _RUN_READERS[(number + 2) % 5]):
            yield workspace.read_with(module, run, name), True
    changes = {
        f"weights={path}": records.setting(path, "weights")
        for path in ("/dev/zero", "/etc/passwd", "../../../../../../etc/hostname", "..", "run.json")
    } | {
        f"{field}={value}": records.setting(value, "config", "sampling", field)
        for field, value in (("prompts_file", "/dev/zero"), ("num_tunes", 10**12), ("max_chars", 10**12))
    }
    for name, change in changes.items():
        run = workspace.copy()
        (run / "run.json").write_bytes(records.changed(record, change))
        yield workspace.read_with("sample", run, name), True


def try_tables(workspace: Workspace) -> Attempts:
    """Damaged tables, logs and listening sessions of a run."""
    for name, (module, content) in records.TABLES.items():
        run, file = workspace.copy(), name.partition(":")[0]
        (run / file).write_bytes(content)
        if file == "search.json":
            (run / "trials.csv").write_text("trial\n0\n", encoding="utf-8")
        yield workspace.read_with(module, run, name), True
    for name, statement in {**records.SESSIONS, "intact": ""}.items():
        run = workspace.copy()
        records.write_session(run / "listening.sqlite")
        records.damage_session(run / "listening.sqlite", statement)
        yield workspace.read_with("listen", run, f"session: {name}"), name != "intact"


def try_corpora(workspace: Workspace) -> Attempts:
    """Files, folders and devices as tunes to evaluate and as a corpus to train on."""
    place = workspace.folder / "given"
    given = [("/dev/zero", None, True, True), ("/dev/tty", None, True, True)]
    given += [(name, make, True, True) for name, make in corpora.REFUSED.items()]
    given += [(name, make, False, True) for name, make in corpora.REFUSED_BY_TRAIN.items()]
    given += [(name, make, True, False) for name, make in corpora.READ.items()]
    for name, make, is_evaluated, is_refused in given:
        _remove(place)
        if make is not None:
            make(place)
        path = place if make is not None else Path(name)
        if is_evaluated:
            command = ["evaluate", path, "--reference", workspace.tunes, "--cache", "cache"]
            yield attempt(name, *command, folder=workspace.folder), is_refused
        yield attempt(name, "train", *_TINY, f"data.path={path}", folder=workspace.folder), is_refused
    _remove(place)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


PARTS: dict[str, Callable[[Workspace], Attempts]] = {
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
    parser.add_argument("--part", choices=PARTS, action="append", help="can be repeated")
    parser.add_argument("--verbose", action="store_true", help="print a line for each trial")
    parsed = parser.parse_args(arguments)
    num_broken = 0
    with tempfile.TemporaryDirectory(prefix="hostile-") as name:
        workspace = Workspace(Path(name))
        print(f"{'part':10} {'trials':>6} {'longest s':>9} {'most MB':>8} {'broken':>6}")
        for part in parsed.part or PARTS:
            trials: list[Trial] = []
            broken: list[str] = []
            for trial, is_refused in PARTS[part](workspace):
                trials.append(trial)
                problems = trial.problems(is_refused=is_refused)
                if workspace.marker.exists():
                    problems.append("code in the file was run")
                    workspace.marker.unlink()
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
