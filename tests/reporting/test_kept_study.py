"""A study kept for a repository: what its folder contains, and how it is replaced."""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from musicgen.errors import InputError
from musicgen.records.findings import read_findings
from musicgen.records.record import RunRecord
from musicgen.reporting.folder_replacement import MARK, OLD_MARK, README, check_folder, replacing
from musicgen.reporting.kept_study import write_kept
from musicgen.reporting.report import Report, ReportOptions, make_report
from musicgen.reporting.study_data import read_study
from tests.cited_effects import problems_in
from tests.commands import last_line, run, train
from tests.full_disk import files_end_at
from tests.reporting.written_study import write_study
from tests.test_experiments import check_command


def report_of(study: Path, folder: Path) -> Report:
    return make_report(read_study([study]), folder, ReportOptions(pairs=0, best=2))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study whose runs and logs name folders of this machine wherever they can."""
    root = write_study(tmp_path_factory.mktemp("studies") / "made-up", name=None)
    for path in root.rglob("run.json"):
        record = RunRecord.read(path.parent)
        config = json.loads(json.dumps(record.config))
        config["data"] |= {"source": "download", "path": "irish.abc"}
        config["paths"] = {"outputs": str(root.parent)}
        config["rendering"] = {"soundfont": f"{root}/flute.sf2"}
        record.config = config
        record.command += f" paths.outputs={root.parent} rendering.soundfont={root}/flute.sf2"
        record.machine = {"cores": 2, "started": f"2026-11-24T10:0{record.seed}:00+00:00"}
        if record.error:
            record.error += f" at {root}/here.py:3"
        record.write(path.parent)
    (root / "plan.csv").write_text(f"directory,value,cache\nbaseline/seed=0,1e-3,{root}/cache\n")
    line = {"date": "2026-11-24", "run_id": "10" * 8, "training_id": "t", "text": "lively", "ratings": {}}
    line |= {"directory": f"{root}/model.cell=gru/seed=0", "effect": None, "author": None}
    (root / "findings.jsonl").write_text(json.dumps(line) + "\n")
    return root


@pytest.fixture(scope="module")
def report(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    return report_of(study, tmp_path_factory.mktemp("songs"))


@pytest.fixture(scope="module")
def folder(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("experiments") / "made-up"
    kept = write_kept(report, folder)
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    num_bytes = sum(path.stat().st_size for path in files)
    assert kept == f"{folder}: {len(files)} files, {num_bytes / 1000:.0f} kB"
    return folder


def columns(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file))


def test_every_sentence_about_an_effect_cites_its_row(folder: Path) -> None:
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert problems_in(folder / "README.md") == []
    assert text.count("[effect](effects.csv") == 2 * 2 + 2 * 2
    assert "- cell=gru lowers validation loss by 0." in text
    assert '[effect](effects.csv "training.learning_rate=0.02 validity/sound_rate")' in text
    (folder / "copy.md").write_text(
        text.replace("lowers validation loss by 0.", "lowers validation loss by 1.")
    )
    assert problems_in(folder / "copy.md")
    (folder / "copy.md").unlink()


def test_the_page_has_question_commands_and_circumstances(folder: Path) -> None:
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert text.startswith(f"{MARK}\n# made\\-up\n")
    for words in (
        "Does \\<b\\>anything\\</b\\> help?",
        "Seeds 0, 1, 2.",
        "Made on 2026\\-11\\-24; 2 min from the start",
        "2 processor cores",
        "\npython -m musicgen.train training=smoke model.cell=lstm seed=0\n",
        "MUSICGEN\\_DATA\\_DIR",
        "`model.cell=lstm`",
        "1 of 9 runs did not complete",
        "lively",
    ):
        assert words in text
    links = re.findall(r"\]\(((?:songs|figures)/[^)]+|[\w.]+\.\w+)\)", text)
    assert links and all((folder / link).is_file() for link in links)
    assert {"songs/1.ogg", "songs/1.svg", "songs/1.abc", "noise.csv", "plan.csv", "findings.jsonl"} <= set(
        links
    )
    assert "findings.md" not in links


def test_songs_are_small_and_name_their_origin(folder: Path) -> None:
    sound = soundfile.info(folder / "songs" / "1.ogg")
    assert sound.channels == 1 and sound.duration > 5 and sound.format == "OGG"
    assert (folder / "songs" / "1.ogg").stat().st_size < 10_000 * sound.duration
    header = (folder / "songs" / "1.abc").read_text(encoding="utf-8").splitlines()
    assert "seed 0, temperature 0.7" in header[1] and header[2] == "N:baseline, seed 0, tune 1"


def test_figures_are_small(folder: Path) -> None:
    figures = {path.stem: path for path in (folder / "figures").iterdir()}
    assert {"effects", "loss_curves"} <= set(figures)
    assert all(path.stat().st_size < 150_000 for path in figures.values())


def test_no_file_names_a_folder_of_the_machine(folder: Path, study: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            assert str(study.parent).encode() not in path.read_bytes(), path
    assert "paths.outputs" not in columns(folder / "runs.csv")
    assert "rendering.soundfont" not in columns(folder / "runs.csv")
    assert {"directory", "data.path", "error", "fit/validation_loss"} <= set(columns(folder / "runs.csv"))
    assert (folder / "plan.csv").read_text() == "directory,value\nbaseline/seed=0,1e-3\n"
    (finding,) = read_findings([folder / "findings.jsonl"])
    assert finding.directory == "model.cell=gru/seed=0"
    assert "at here.py:3" in (folder / "runs.csv").read_text(encoding="utf-8")


def bytes_below(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_keeping_again_replaces_only_its_own_files(report: Report, folder: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(folder, again)
    (again / "findings.md").write_text("What I think.\n")
    (again / "songs" / "mine.abc").write_text("X:1\n")
    readme = (again / "README.md").read_text(encoding="utf-8")
    # A page kept by an earlier version is replaced as well.
    readme = readme.replace(MARK, OLD_MARK)
    (again / "README.md").write_text(f"{readme}\n![of an earlier call](figures/earlier.svg)\n")
    (again / "figures" / "earlier.svg").write_text("<svg/>")
    log = (again / "findings.jsonl").read_text()
    other = log.replace("lively", "about another sweep").replace("2026-11-24", "2026-11-23")
    (again / "findings.jsonl").write_text(log + other)
    write_kept(report, again)
    assert (again / "findings.md").read_text() == "What I think.\n"
    assert "[findings.md](findings.md)" in (again / "README.md").read_text(encoding="utf-8")
    assert (again / "songs" / "mine.abc").exists() and not (again / "figures" / "earlier.svg").exists()
    assert [one.text for one in read_findings([again / "findings.jsonl"])] == [
        "about another sweep",
        "lively",
    ]


def test_foreign_files_are_not_overwritten(report: Report, tmp_path: Path, folder: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(folder, again)
    readme = (again / "README.md").read_text(encoding="utf-8")
    (again / "README.md").write_text(readme.replace("songs/1.abc", "songs/0.abc"))
    (again / "songs" / "1.abc").write_text("X:1\nT:by hand\n")
    before = bytes_below(again)
    with pytest.raises(InputError, match=r"songs/1\.abc was not written by --keep; move or rename"):
        write_kept(report, again)
    assert bytes_below(again) == before
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "runs.csv").write_text("mine\n")
    with pytest.raises(InputError, match=r"runs\.csv was not written by --keep"):
        write_kept(report, tmp_path / "plain")
    assert bytes_below(tmp_path / "plain") == {Path("runs.csv"): b"mine\n"}


def test_links_are_not_followed(report: Report, folder: Path, tmp_path: Path) -> None:
    again, elsewhere = tmp_path / "again", tmp_path / "elsewhere"
    shutil.copytree(folder, again)
    (again / "figures").rename(elsewhere)
    (again / "figures").symlink_to(elsewhere)
    before = bytes_below(elsewhere)
    with pytest.raises(InputError, match="figures is not a plain folder"):
        write_kept(report, again)
    assert bytes_below(elsewhere) == before


def test_a_failed_call_leaves_the_kept_study_intact(folder: Path, study: Path, tmp_path: Path) -> None:
    kept, other = tmp_path / "kept", tmp_path / "other"
    shutil.copytree(folder, kept)
    shutil.copytree(study, other)
    log = (other / "findings.jsonl").read_text()
    (other / "findings.jsonl").write_text(log.replace("lively", f"see {other}/notes"))
    before = bytes_below(kept)
    with pytest.raises(InputError, match="which exists on this machine only"):
        write_kept(report_of(other, tmp_path / "songs"), kept)
    (other / "findings.jsonl").unlink()
    fuller = report_of(other, tmp_path / "songs")
    with pytest.raises(OSError, match="kept/"), files_end_at(2000):
        write_kept(fuller, kept)
    assert bytes_below(kept) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "other", "songs"]


FILL_AND_HANG = """
import sys, time
from pathlib import Path
from musicgen.reporting.folder_replacement import replacing
with replacing(Path(sys.argv[1])) as place:
    (place / "README.md").write_text("half of it")
    print("filled", flush=True)
    time.sleep(60)
"""


def test_a_killed_call_leaves_the_kept_study_intact(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    shutil.copytree(folder, kept)
    before = bytes_below(kept)
    command = [sys.executable, "-c", FILL_AND_HANG, str(kept)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "filled\n"
        with pytest.raises(KeyError), replacing(kept):
            raise KeyError
        assert len(list(tmp_path.iterdir())) == 2, "removed the folder of a running process"
        process.kill()
    assert bytes_below(kept) == before
    with replacing(kept) as place:
        shutil.copytree(folder, place, dirs_exist_ok=True)
    assert bytes_below(kept)[Path(README)] == before[Path(README)]


def test_a_foreign_page_or_a_folder_of_runs_is_refused(report: Report, study: Path, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# By hand\n")
    with pytest.raises(InputError, match=r"has a README\.md that --keep did not write"):
        write_kept(report, tmp_path)
    for place in (study, study / "kept"):
        with pytest.raises(InputError, match="is inside the runs"):
            write_kept(report, place)
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_a_folder_beside_several_studies_is_not_refused(study: Path) -> None:
    arms = [study / "baseline", study / "model.cell=gru"]
    check_folder(read_study(arms), study / "kept")
    with pytest.raises(InputError, match="is inside the runs"):
        check_folder(read_study(arms), arms[1] / "kept")


@pytest.mark.slow
def test_a_declared_study_of_smoke_size_is_kept(tunebook: Path, tmp_path: Path) -> None:
    choices = ["--multirun", "study=cell", "seed=0,1", "training.num_iterations=20", "sampling.num_tunes=4"]
    sweep = last_line(train(tunebook, tmp_path / "outputs", *choices, "rendering=none", "tracker=none"))
    folder = tmp_path / "experiments" / "cell"
    done = run("report", str(sweep), "--pack", "--keep", str(folder))
    assert last_line(done) == sweep / "report" / "report.html"
    assert (sweep / "report" / "best-songs.zip").is_file()
    assert re.search(rf"^{re.escape(str(folder))}: \d+ files, \d+ kB$", done.stdout, flags=re.MULTILINE)
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 1_000_000
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert "**LSTM or GRU?**" in text and "processor cores" in text and "Every run completed." in text
    assert "python -m musicgen.train --multirun experiment=smoke" in text and "study=cell" in text
    assert '"model.cell=gru fit/validation_loss"' in text
    assert problems_in(folder / "README.md") == []
    check_command(folder)
    for path in folder.rglob("*"):
        if path.is_file():
            assert str(tmp_path).encode() not in path.read_bytes(), path
