"""The same run under other circumstances: what is equal to the byte, and what is not?

    python -m tests.soak.determinism [--trials again surroundings ...] [--folder DIR]

Each trial does one run, or one study, several times and prints a row for each circumstance: the kinds of
results that are equal to those of the first, and those that differ, each with the first name that does.
tests/soak/results.py lists what is compared, and what is left out because it holds times or folders. Exits
with 1 where anything differs that docs/reliability.md promises to be equal.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from musicgen.records.runs import find_runs
from tests.soak.commands import SONGS, TINY, Command, start, write_tunebook
from tests.soak.results import Results, differing, results

SURROUNDINGS: Mapping[str, Mapping[str, str]] = {
    "PYTHONHASHSEED=1": {"PYTHONHASHSEED": "1"},
    "PYTHONHASHSEED=2, TZ=Asia/Tokyo": {"PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo"},
    "LC_ALL=C, another HOME": {"LC_ALL": "C", "HOME": "/tmp", "TZ": "America/Lima"},
    "no locale, 2 threads of BLAS": {
        "LC_ALL": "POSIX",
        "OMP_NUM_THREADS": "2",
        "OPENBLAS_NUM_THREADS": "2",
        "MKL_NUM_THREADS": "2",
    },
}
"""Name of a circumstance -> variables of the environment."""
GRID = ("model.cell=lstm,gru", "training.precision=fp32,bf16", "model.hidden_size=64,384")
"""Networks that are trained on one and on two threads."""
STUDY = ("--multirun", "training.learning_rate=5e-3,1e-2", "sampling.temperature=0.5,0.7", "seed=0,1")
LAUNCHERS = {
    "local": (None, ()),
    "basic": (None, ()),
    "joblib": ("hydra_joblib_launcher", ("hydra.launcher.n_jobs=2",)),
    "ray": ("hydra_ray_launcher", ("hydra.launcher.ray.init.num_cpus=2",)),
    "submitit_local": ("hydra_submitit_launcher", ()),
}
"""Name -> its plugin, and overrides for two workers."""
MAY_DIFFER = {"threads": {"weights", "losses", "run.json", "tunes"}}
"""Trial -> kinds that may differ there."""


@dataclass
class Row:
    """A circumstance, beside the first one of its trial."""

    trial: str
    circumstance: str
    equal: list[str] = field(default_factory=list)
    differs: dict[str, str] = field(default_factory=dict)
    """Kind -> the first name."""

    @classmethod
    def of(cls, trial: str, circumstance: str, first: Results, other: Results) -> "Row":
        """Compare what two of them left."""
        differs = differing(first, other)
        equal = sorted(kind for kind in first.keys() | other.keys() if kind not in differs)
        return cls(trial, circumstance, equal, differs)

    @property
    def is_broken(self) -> bool:
        """Whether more differs than may."""
        return bool(self.differs.keys() - MAY_DIFFER.get(self.trial, set())) or not (
            self.equal or self.differs
        )


class Trials:
    """The trials in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.corpus = write_tunebook(self.folder)

    def do(
        self,
        name: str,
        *overrides: str,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        outputs: str | None = None,
    ) -> Path:
        """A run or sweep to its end, in a store and an output tree of its own; returns its directory."""
        outputs = str(self.folder / name / "outputs") if outputs is None else outputs
        songs = [] if "rendering=none" in overrides else SONGS
        arguments = [*TINY, f"data.path={self.corpus}", f"paths.outputs={outputs}", *songs, *overrides]
        log = self.folder / name / "log.txt"
        command = start(log, "train", *arguments, environment=environment, cwd=cwd)
        _expect_success(command)
        return (cwd or Path.cwd()) / command.last_line

    def again(self) -> list[Row]:
        """The same command twice, with every format of audio."""
        rows = []
        for audio in ("wav", "flac", "ogg"):
            first, second = (
                results(self.do(f"again-{audio}-{turn}", f"rendering.audio_format={audio}"))
                for turn in ("first", "second")
            )
            rows.append(Row.of("again", f"a second time, {audio}", first, second))
        return rows

    def surroundings(self) -> list[Row]:
        """Other hash seeds, time zones, locales, numbers of BLAS threads, and a relative folder elsewhere."""
        first = results(self.do("surroundings-0"))
        rows = [
            Row.of("surroundings", name, first, results(self.do(f"surroundings-{number}", environment=own)))
            for number, (name, own) in enumerate(SURROUNDINGS.items(), start=1)
        ]
        elsewhere = self.folder / "surroundings-elsewhere"
        elsewhere.mkdir(exist_ok=True)
        other = results(self.do("surroundings-elsewhere", cwd=elsewhere, outputs="relative"))
        return [*rows, Row.of("surroundings", "another working directory", first, other)]

    def after(self) -> list[Row]:
        """A run in a process that has done others before, one with other settings among them."""
        alone = results(self.do("after-alone", "training.learning_rate=5e-3"))
        sweep = self.do(
            "after-others",
            "--multirun",
            "hydra/sweeper=basic",
            "hydra/launcher=basic",
            "hydra.sweep.dir=" + str(self.folder / "after-others" / "sweep"),
            "seed=1,0",
            "training.learning_rate=1e-2,5e-3",
        )
        last = max(find_runs([sweep]), key=lambda run: int(run.directory.parent.name.split("-")[0]))
        return [Row.of("after", "the fourth run of a process", alone, results(last.directory))]

    def threads(self) -> list[Row]:
        """Small and large networks of both cells and both precisions, on one and on two threads."""
        grid = ["--multirun", "hydra/sweeper=basic", *GRID, "rendering=none", "rendering.plots=false"]
        one, two = (
            _by_network(
                self.do(
                    f"threads-{number}",
                    *grid,
                    f"training.num_threads={number}",
                    environment={"OMP_NUM_THREADS": "2"},
                )
            )
            for number in (1, 2)
        )
        return [Row.of("threads", f"2 threads, {name}", one[name], two[name]) for name in one]

    def launchers(self) -> list[Row]:
        """A study with every launcher that is installed."""
        found = {}
        for name, (plugin, overrides) in LAUNCHERS.items():
            if plugin is None or find_spec(f"hydra_plugins.{plugin}") is not None:
                sweep = self.do(f"launcher-{name}", *STUDY, f"hydra/launcher={name}", *overrides)
                found[name] = results(sweep)
        first = found.pop("local")
        return [Row.of("launchers", f"launcher {name}", first, other) for name, other in found.items()]

    def reports(self) -> list[Row]:
        """The report of one sweep, twice, from elsewhere and with other surroundings."""
        sweep = self.do("report-sweep", *STUDY)
        left = []
        for number, own in enumerate(({"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo"})):
            out = self.folder / f"report-{number}"
            where = self.folder / f"report-from-{number}"
            where.mkdir(exist_ok=True)
            command = start(
                self.folder / f"report-{number}.txt",
                "report",
                str(sweep),
                f"--out={out}",
                "--pack",
                environment=own,
                cwd=where,
            )
            _expect_success(command)
            files = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
            kinds: Results = {}
            for name, path in sorted(files.items()):
                if not path.name.startswith("."):
                    content = path.read_bytes().replace(str(out).encode(), b"OUT")
                    kinds.setdefault(path.suffix, {})[name] = content
            left.append(kinds)
        return [Row.of("reports", "the report, elsewhere", left[0], left[1])]


TRIALS = ("again", "surroundings", "after", "threads", "launchers", "reports")


def _expect_success(command: Command) -> None:
    if command.end():
        raise SystemExit(f"{command.log} failed:\n{command.output}")


def _by_network(sweep: Path) -> dict[str, Results]:
    """Cell, precision and size -> what the run left; the number of threads and the identities left out."""
    return {
        "-".join(str(run.record.config[part][name]) for part, name in _NETWORK): results(run.directory)  # type: ignore
        for run in find_runs([sweep])
    }


_NETWORK = (("model", "cell"), ("training", "precision"), ("model", "hidden_size"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trials; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", nargs="+", choices=TRIALS, default=TRIALS)
    parser.add_argument("--folder", type=Path, help="keep the outputs here")
    parsed = parser.parse_args(arguments)
    trials = Trials(parsed.folder or Path(tempfile.mkdtemp()))
    rows: list[Row] = []
    for name in parsed.trials:
        rows += getattr(trials, name)()
    for row in rows:
        differs = ", ".join(f"{kind} ({first})" for kind, first in row.differs.items())
        print(f"{row.circumstance}: equal: {', '.join(row.equal)}; differs: {differs or 'nothing'}")
    broken = [row for row in rows if row.is_broken]
    print(f"{len(rows)} circumstances, {len(broken)} break a promise")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
