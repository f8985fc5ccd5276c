"""Runs and sweeps from strangers are data: commands must not do what they say.

Each attack changes a study. The user's home must stay unchanged, its secret must not reach any file, no
connection may be opened, and a refusal must be one line.
"""

import csv
import json
import re
import shutil
import socket
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from musicgen import listen, note, play, report, upload
from musicgen.compare import main as compare_runs
from musicgen.config import compose_config
from musicgen.listening import server
from musicgen.listening.service import ListeningService
from musicgen.sample import main as sample_more
from tests.listening.made_session import write_study

SECRET = "T0PSECRET"
Record = dict[str, Any]


def change(sweep: Path, edit: Callable[[Record], object]) -> None:
    """Edit the record of every run."""
    for path in sweep.rglob("run.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        edit(record)
        path.write_text(json.dumps(record), encoding="utf-8")


def config(group: str, **values: object) -> Callable[[Path], None]:
    """An attack that sets values in one config group."""
    return lambda sweep: change(sweep, lambda record: record["config"].setdefault(group, {}).update(values))


def field(**values: object) -> Callable[[Path], None]:
    """An attack that sets fields of the record."""
    return lambda sweep: change(sweep, lambda record: record.update(values))


def first_run(sweep: Path) -> Path:
    return min(sweep.rglob("run.json")).parent


def link(name: str, target: str, *, of_run: bool = True) -> Callable[[Path], None]:
    """An attack that replaces a file of a run, or of the sweep, by a link into the user's home."""

    def attack(sweep: Path) -> None:
        path = (first_run(sweep) if of_run else sweep) / name
        path.unlink(missing_ok=True)
        path.symlink_to(Path.home() / target)

    return attack


def yaml(text: str) -> Callable[[Path], object]:
    """An attack with the sweep's multirun.yaml."""

    def attack(sweep: Path) -> None:
        (sweep / "multirun.yaml").write_text(text, encoding="utf-8")

    return attack


def findings(*texts: str) -> Callable[[Path], None]:
    """An attack with the findings about a run."""

    def attack(sweep: Path) -> None:
        run_id = json.loads((first_run(sweep) / "run.json").read_text())["run_id"]
        line = {"date": "2026-01-01T00:00:00+00:00", "run_id": run_id, "training_id": "t", "directory": "x"}
        lines = [
            json.dumps(line | {"text": text, "ratings": {}, "effect": None, "author": text}) for text in texts
        ]
        (sweep / "findings.jsonl").write_text("\n".join(lines), encoding="utf-8")

    return attack


def titles(*texts: str) -> Callable[[Path], None]:
    """An attack with the titles and prompts of sampled tunes."""

    def attack(sweep: Path) -> None:
        for path in sweep.rglob("tunes.csv"):
            with path.open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            for number, row in enumerate(rows):
                row["title"] = row["prompt"] = texts[number % len(texts)]
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)

    return attack


def aliases(depth: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, depth)]
    return "\n".join(lines) + f"\nhydra: {{overrides: {{task: [*a{depth - 1}], hydra: []}}}}\n"


DOWNLOAD = {"source": "download", "url": "https://example.org/x", "sha256": "0" * 64}
FENCE = "```\n<script>alert(1)</script>\n[x](javascript:alert(1))\n```"
ATTACKS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a corpus that is downloaded": ("listen", config("data", **DOWNLOAD, path="x.abc")),
    "a download to another folder": ("listen", config("data", **DOWNLOAD, path="../../.bashrc")),
    "a download to an absolute path": ("listen", config("data", **DOWNLOAD, path="/tmp/stranger.pth")),
    "a data: address": ("listen", config("data", **DOWNLOAD | {"url": "data:text/plain,X"}, path="x")),
    "a corpus in the user's home": ("listen", config("data", path="~/secret.abc")),
    "a corpus found by a glob": ("listen", config("data", path="/**/secret.abc")),
    "a known corpus name with another path": ("listen", config("data", name="irish", path="~/secret.abc")),
    "a corpus name that is an override": ("listen", config("data", name="file data.path=/etc/passwd")),
    "a cache in the user's home": ("listen", config("paths", outputs="{home}/cache", cache="{home}/cache")),
    "a soundfont in the user's home": ("listen report", config("rendering", soundfont="{home}/secret.abc")),
    "a soundfont that never ends": ("listen report", config("rendering", soundfont="/dev/zero")),
    "weights that are another file": ("sample play", field(weights="{home}/secret.abc")),
    "weights of another training": ("sample play", field(weights="{home}/other/end-000100.pt")),
    "prompts from a file": ("sample", config("sampling", prompts_file="{home}/secret.abc")),
    "a million threads": ("sample", config("training", num_threads=10**6)),
    "a number with 300 digits": ("sample compare report", config("training", num_iterations=10**300)),
    "infinity as a number": ("compare report upload", field(tracker={"kind": "{infinity}"})),
    "a study name that is a path": ("note", config("study", name="../../home/x")),
    "a study name with shell commands": ("note report", config("study", name="$(touch x);`id`")),
    "a command followed by a shell command": (
        "report",
        field(command="python -m musicgen.train; touch ~/ran"),
    ),
    "a command that runs another program": ("report", field(command="curl https://example.org/x")),
    "a command with a code fence": ("report", field(command=f"python -m musicgen.train 'x={FENCE}'")),
    "a reference to the environment": (
        "report compare",
        field(command="python -m musicgen.train a=${oc.env:SECRET}"),
    ),
    "an error with markup and a path": (
        "report compare",
        field(status="failed", error=f"{FENCE} {{home}}/x"),
    ),
    "an error that is a formula": ("report compare", field(status="failed", error='=HYPERLINK("x")')),
    "an archive that is another file": (
        "upload note",
        field(tracker={"kind": "comet", "archive": "{home}/a.zip"}),
    ),
    "findings with markup": ("report", findings(FENCE, "<img src=x onerror=alert(1)>", "=1+1")),
    "titles with formulas and markup": ("report", titles("=cmd|'/C calc'!A0", "+1", "</script><b>")),
    "a tunebook that is a link": ("report listen", link("tunes.abc", "secret.abc")),
    "a table that is a link": ("report compare", link("tunes.csv", "secret.abc")),
    "a record that is a link": ("report compare note", link("run.json", "secret.abc")),
    "songs that are a link": ("upload report", link("tunes", "folder")),
    "a folder of archives that is a link": ("upload note", link("comet", "folder")),
    "samples that are a link": ("sample", link("samples", "folder")),
    "kept tunes that are a link": ("play", link("played", "folder")),
    "findings that are a link": ("note report", link("findings.jsonl", ".bashrc", of_run=False)),
    "a report that is a link": ("report", link("report", "folder", of_run=False)),
    "plots that are a link": ("compare", link("plots", "folder", of_run=False)),
    "sounds that are a link": ("listen", link("listening-sounds", "folder", of_run=False)),
    "a session that is a link": ("listen", link("listening.sqlite", ".bashrc", of_run=False)),
    "a YAML file with an alias bomb": ("report", yaml(aliases(9))),
    "a YAML file with deep nesting": ("report", yaml("[" * 20_000)),
    "a YAML file that builds an object": (
        "report",
        yaml("hydra: !!python/object/apply:os.system ['touch ~/ran']"),
    ),
    "a YAML file with a password": (
        "report",
        yaml(
            "hydra: {overrides: {task: [a=1], hydra: ['hydra.sweeper.storage=postgresql//me:T0PSECRET@h']}}"
        ),
    ),
    "a YAML file that is a link": ("report", link("multirun.yaml", "secret.abc", of_run=False)),
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a secret, and a network that fails the test when it is used."""
    home = tmp_path / "home"
    (home / "folder").mkdir(parents=True)
    (home / "other").mkdir()
    for name in ("secret.abc", ".bashrc", "a.zip", "other/end-000100.pt"):
        (home / name).write_text(f"X:1\nT:{SECRET}\nK:C\nCDEF|\n")
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "fonts"))
    for name in ("HOME", "XDG_CACHE_HOME", "SECRET"):
        monkeypatch.setenv(name, SECRET if name == "SECRET" else str(home))
    monkeypatch.delenv("MUSICGEN_DATA_DIR", raising=False)
    monkeypatch.setenv("COMET_API_KEY", "k" * 25)

    def connect(_self: socket.socket, address: object) -> None:
        pytest.fail(f"connected to {address}")

    monkeypatch.setattr(socket.socket, "connect", connect)
    return home


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def files_with_the_secret(folder: Path) -> list[Path]:
    found = []
    for path in (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()):
        parts = [path.read_bytes()]
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                parts += [archive.read(name) for name in archive.namelist()]
        found += [path for part in parts if SECRET.encode() in part]
    return found


def render_only(service: ListeningService, _port: int) -> None:
    """Prepare the listening page without serving it."""
    service.render()


def run(command: str, sweep: Path) -> int:
    """Run the command as a user does; `listen` stops before it serves its page, `play` has no network."""
    of_run = str(first_run(sweep))
    return {
        "compare": lambda: compare_runs([str(sweep), "--no-plots"]),
        "report": lambda: report.main([str(sweep), "--pairs", "1", "--best", "1"]),
        "listen": lambda: listen.main([str(sweep), "--num-tunes", "2", "--num-anchors", "1", "--any-tune"]),
        "note": lambda: note.main([of_run, "words"]),
        "sample": lambda: sample_more([of_run, "--num-tunes", "1", "--render", "0"]),
        "play": lambda: play.main([of_run, "--port", "0"]),
        "upload": lambda: upload.main([str(sweep), "--timeout", "5"]),
    }[command]()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus and a study of it; every attack changes a copy."""
    folder = tmp_path_factory.mktemp("made")
    change(write_study(folder, seeds=1), complete)
    return folder


@pytest.fixture
def sweep(made: Path, tmp_path: Path) -> Path:
    """The study of a stranger, whose corpus is next to it."""
    sweep = shutil.copytree(made, tmp_path / "stranger") / "sweep"
    for path in sweep.rglob("run.json"):
        path.write_text(path.read_text("utf-8").replace(str(made), str(sweep.parent)), encoding="utf-8")
    return sweep


@pytest.mark.parametrize("name", ATTACKS)
def test_no_command_obeys_a_stranger(
    name: str,
    sweep: Path,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(server, "serve_session", render_only)
    commands, attack = ATTACKS[name]
    attack(sweep)
    for path in sweep.rglob("run.json"):
        if not path.is_symlink():
            text = path.read_text(encoding="utf-8").replace("{home}", str(home))
            path.write_text(text.replace('"{infinity}"', "1e400"), encoding="utf-8")
    planted = set() if "password" not in name else {sweep / "multirun.yaml"}
    before = contents(home)
    for command in commands.split():
        status = run(command, sweep)
        printed = capfd.readouterr()
        lines = [line for line in printed.err.splitlines() if line.startswith("musicgen: ")]
        # `upload` prints a line for each run.
        assert status in (0, 1) and len(lines) <= (2 if command == "upload" else 1) * status, printed.err
        assert "Traceback" not in printed.err and SECRET not in printed.out + printed.err
    assert contents(home) == before
    assert set(files_with_the_secret(tmp_path / "stranger")) <= planted
    assert not files_with_the_secret(tmp_path / "here") and not Path("/tmp/stranger.pth").exists()
    assert_page_is_harmless(sweep / "report")


def complete(record: Record) -> None:
    """Complete the config of a record with default values."""
    defaults: Record = dict(compose_config(["tracker.mode=offline"]).as_dict())
    groups = {**defaults, **record["config"]}
    for name, group in groups.items():
        if isinstance(group, dict) and isinstance(defaults.get(name), dict):
            groups[name] = {**defaults[name], **group}
    record["config"] = groups


def assert_page_is_harmless(folder: Path) -> None:
    """The report, if it was written, must not contain the stranger's formulas, or markup outside code."""
    if folder.is_symlink() or not (folder / "report.md").is_file():
        return
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in html and "<img src=x" not in html and 'href="javascript' not in html
    fence, outside = "", []
    for line in (folder / "report.md").read_text(encoding="utf-8").splitlines():
        ticks = line[: len(line) - len(line.lstrip("`"))]
        if not fence and len(ticks) >= 3:
            fence = ticks
        elif fence and line.rstrip() == fence:
            fence = ""
        elif not fence:
            outside.append(line)
    # Inline code is not markup either.
    text = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", "\n".join(outside))
    assert not fence and not re.search(r"(?<!\\)<(?:script|img)|(?<!\\)\]\(javascript", text)
    for path in folder.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                assert not any(cell.startswith(("=", "@", "\t", "+1")) for cell in row)
