"""`python -m musicgen.train` from end to end."""

import csv
import json
import math
import os
import signal
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile

from musicgen.records.record import RunRecord
from musicgen.records.runs import FoundRun
from musicgen.records.sampled_tunes import read_songs
from musicgen.run.experiment import write_again
from tests.commands import TINY, last_line, run, start, start_interpreter, train
from tests.processes import MAX_WAIT_SECONDS, wait_until
from tests.soak.comet_faults import name_of
from tests.tracking.test_comet import others, read_archive


@pytest.fixture(scope="module")
def run_directory(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return last_line(train(corpus, tmp_path_factory.mktemp("first")))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_records_metrics_timing_and_its_command(run_directory: Path) -> None:
    record = RunRecord.read(run_directory)
    assert record.status == "complete" and record.error is None
    assert record.metrics["fit/test_loss"] is not None and math.isfinite(record.metrics["fit/test_loss"])
    bits, nats = record.metrics["fit/test_bits"], record.metrics["fit/test_loss"]
    assert bits == pytest.approx(nats / math.log(2))
    assert record.timing["trained_iterations"] == 60 and record.timing["reused_iterations"] == 0
    assert record.corpus["num_tunes"] == 40
    assert record.command.startswith("python -m musicgen.train experiment=smoke")
    assert record.weights is not None and (run_directory / record.weights).is_file()
    assert record.sampling_noise["validity/tune_rate"] >= 0
    assert record.metrics.keys() >= record.reasons.keys()
    assert all(record.metrics[name] is None for name in record.reasons)
    assert record.reference["diversity/distinct_4"]["sd"] > 0


def test_the_history_has_both_losses(run_directory: Path) -> None:
    history = rows(run_directory / "history.csv")
    assert [int(row["iteration"]) for row in history] == [10, 20, 30, 40, 50, 60]
    assert [bool(row["validation_loss"]) for row in history] == [False, True] * 3
    best = min(float(row["validation_loss"]) for row in history if row["validation_loss"])
    assert RunRecord.read(run_directory).metrics["fit/validation_loss"] == pytest.approx(best)


def test_every_tune_has_text_a_row_audio_and_score(run_directory: Path) -> None:
    tunes = rows(run_directory / "tunes.csv")
    text = (run_directory / "tunes.abc").read_text(encoding="utf-8")
    songs = read_songs(FoundRun(run_directory, RunRecord.read(run_directory)))
    assert [row["is_sound"] for row in tunes] == [str(song.judgement.is_sound) for song in songs]
    assert [row["rendered"] for row in tunes] == ["True"] * 8
    assert len(tunes) == 8 and text.count("\nN:musicgen run") == 8
    assert str(run_directory) not in text
    sounding = [f"{int(row['index']):03d}" for row in tunes if int(row["num_notes"]) > 0]
    assert len(sounding) >= 6
    for stem in sounding:
        sound, rate = soundfile.read(run_directory / "tunes" / f"{stem}.wav")
        assert rate == 44100 and np.sqrt(np.mean(sound**2)) > 0.01
        score = ElementTree.parse(run_directory / "tunes" / f"{stem}.svg")
        assert score.getroot().tag.endswith("svg")
        assert (run_directory / "tunes" / f"{stem}.mid").read_bytes().startswith(b"MThd")
        assert (run_directory / "tunes" / f"{stem}.png").read_bytes().startswith(b"\x89PNG")
    assert (run_directory / "plots" / "loss.png").is_file()


def test_the_comet_archive_holds_the_run(run_directory: Path) -> None:
    record = RunRecord.read(run_directory)
    experiment, messages, files = read_archive(run_directory / str((record.comet or {})["archive"]))
    logged = json.dumps(messages)
    assert "model=lstm" not in logged and '"training.learning_rate"' in logged
    curve = [
        message["payload"]["metric"]["step"]
        for message in messages
        if message["type"] == "metric_msg" and message["payload"]["metric"]["metricName"] == "fit/train_loss"
    ]
    assert curve[:6] == [10, 20, 30, 40, 50, 60]
    assert '"fit/test_loss"' in logged and '"validity/bar_rate"' in logged
    assert not {path.read_bytes() for path in (run_directory / "tunes").glob("*.wav")} & set(files.values())
    assert (run_directory / "tunes" / "000.svg").read_bytes() in files.values()
    assert (run_directory / "tunes.abc").read_bytes() in files.values()
    assert {"lstm", "seed=0", "file"} <= set(experiment["tags"])
    assert (others(messages)["status"], others(messages)["run_id"]) == ("complete", record.run_id)


def test_an_archive_written_later_equals_the_first(run_directory: Path) -> None:
    record = RunRecord.read(run_directory)
    first = run_directory / str((record.comet or {})["archive"])
    aside = first.rename(first.with_suffix(".aside"))
    again = run_directory / str(write_again(record, run_directory)["archive"])
    assert again == first and logged_in(aside) == logged_in(again)


def logged_in(archive: Path) -> tuple[object, ...]:
    """The contents of an archive except its key and its times."""
    experiment, messages, files = read_archive(archive)
    payloads = [(message["type"], message["payload"]) for message in messages]
    metrics = [payload["metric"] for kind, payload in payloads if kind == "metric_msg"]
    points = [
        (metric["metricName"], metric["metricValue"], metric["step"])
        for metric in metrics
        if metric["metricName"] not in ("process duration", "timing/total_seconds")
    ]
    parameters = [payload["param"] for kind, payload in payloads if kind == "parameter_msg"]
    names = [name_of(payload) for kind, payload in payloads if kind == "file_upload"]
    return set(experiment["tags"]), others(messages), points, parameters, names, sorted(files.values())


@pytest.mark.slow
def test_the_seed_determines_the_run(run_directory: Path, corpus: Path, tmp_path: Path) -> None:
    quick = ["tracker=none", "rendering=none", "rendering.plots=false"]
    same = last_line(train(corpus, tmp_path / "same", *quick))
    other = last_line(train(corpus, tmp_path / "other", *quick, "seed=1"))
    first, again = RunRecord.read(run_directory), RunRecord.read(same)
    assert again.metrics == first.metrics and again.run_id == first.run_id
    losses = [
        [row["train_loss"] for row in rows(path / "history.csv")] for path in (run_directory, same, other)
    ]
    assert losses[0] == losses[1] != losses[2]
    assert (same / "tunes.abc").read_text() == (run_directory / "tunes.abc").read_text()
    assert (other / "tunes.abc").read_text() != (run_directory / "tunes.abc").read_text()


@pytest.mark.slow
def test_a_second_run_reuses_the_training_of_the_first(corpus: Path, tmp_path: Path) -> None:
    changes = ["model.cell=gru", "model.num_layers=2", "tracker=none", "rendering.plots=false"]
    directory = last_line(train(corpus, tmp_path, *changes, "rendering=ogg"))
    record = RunRecord.read(directory)
    assert record.status == "complete" and record.tracker == {}
    assert soundfile.info(directory / "tunes" / "000.ogg").duration > 1
    keeping = ["sampling.keep=sound", "sampling.max_draws=8"]
    done = train(corpus, tmp_path, *changes, "rendering=none", *keeping)
    again = RunRecord.read(last_line(done))
    # The metrics count every draw.
    assert again.draws is not None and again.draws.startswith(f"{again.num_kept} of 8 draws kept: sound")
    assert f"\n{again.draws}; the metrics count every draw\n" in done.stdout
    assert again.timing["trained_iterations"] == 0 and again.timing["reused_iterations"] == 60
    assert again.metrics == record.metrics


@pytest.mark.slow
def test_an_interrupted_run_resumes_with_the_command_it_prints(corpus: Path, tmp_path: Path) -> None:
    arguments = [*TINY, f"data.path={corpus}", f"paths.outputs={tmp_path}", "rendering=none", "tracker=none"]
    arguments.append("rendering.plots=false")
    arguments.append("training.num_iterations=400")
    process = start("train", *arguments)
    wait_until(lambda: "iteration 40 of" in process.stdout.readline(), process)
    # Other signals are tested in system/test_interruption.py and sweep/test_launcher.py.
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=MAX_WAIT_SECONDS)
    assert process.returncode == 130
    assert "run the same command again to resume: python -m musicgen.train" in errors
    (record,) = (RunRecord.read(path.parent) for path in tmp_path.glob("runs/*/*/run.json"))
    assert record.status == "interrupted"
    stopped = int(record.error.removeprefix("interrupted after iteration ")) if record.error else 0
    assert 40 <= stopped < 400
    (state,) = (tmp_path / "store" / record.training_id).glob("*.pt")
    assert state.name == f"state-{stopped:06d}.pt"
    again = RunRecord.read(last_line(run("train", *arguments)))
    assert again.status == "complete" and again.timing["reused_iterations"] == stopped


@pytest.mark.slow
def test_ctrl_c_while_a_sweep_is_importing_is_one_line(corpus: Path, tmp_path: Path) -> None:
    """A terminal sends it to every process of the command."""
    arguments = [*TINY, f"data.path={corpus}", f"paths.outputs={tmp_path}", "seed=0,1"]
    process = start_interpreter("train", "--multirun", *arguments)
    command = psutil.Process(process.pid)
    wait_until(
        lambda: any("forkserver" in " ".join(child.cmdline()) for child in command.children()), process
    )
    # Now the fork server imports, which takes seconds.
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=MAX_WAIT_SECONDS)
    assert process.returncode == 130
    (line,) = errors.splitlines()
    assert line.startswith("musicgen: interrupted; run the same command again to resume: python -m musicgen")


def test_a_diverged_run_is_recorded_and_reported(corpus: Path, tmp_path: Path) -> None:
    done = train(corpus, tmp_path, "training.learning_rate=10", "training.weight_decay=1")
    assert done.returncode == 1
    assert done.stderr.startswith("musicgen: diverged at iteration ")
    (path,) = tmp_path.glob("runs/*/*/run.json")
    assert RunRecord.read(path.parent).status == "diverged"


@pytest.mark.slow
def test_a_grid_runs_every_combination(corpus: Path, tmp_path: Path) -> None:
    quick = ["tracker=none", "rendering=none", "rendering.plots=false", "hydra/sweeper=basic"]
    grid = ["--multirun", "training.num_iterations=20,40", "sampling.temperature=0.5,0.7"]
    sweep = last_line(train(corpus, tmp_path, *quick, *grid))
    records = [RunRecord.read(path.parent) for path in sweep.glob("*/seed=0/run.json")]
    assert [record.status for record in records] == ["complete"] * 4
    assert len({record.run_id for record in records}) == 4


def test_a_run_with_a_stop_iteration_only_trains(corpus: Path, tmp_path: Path) -> None:
    directory = last_line(train(corpus, tmp_path, "+training.stop_iteration=30"))
    record = RunRecord.read(directory)
    assert record.status == "pruned" and record.metrics.keys() == {"fit/validation_loss"}
    assert record.timing["trained_iterations"] == 30
    assert not (directory / "tunes.abc").exists() and not (directory / "comet").exists()
    assert [int(row["iteration"]) for row in rows(directory / "history.csv")] == [10, 20, 30]


def test_help_lists_groups_and_values() -> None:
    done = run("train", "--help")
    assert done.returncode == 0
    assert "training: default, lab, quick, smoke" in done.stdout and "hidden_size: 384" in done.stdout
    composed = run("train", "--cfg", "job", "model=lstm")
    assert composed.returncode == 0 and "cell: lstm" in composed.stdout


BAD_INPUT = {
    "an unknown field": (["model.hiden_size=3"], "model.hiden_size: no such field"),
    "a name of the course": (
        ["num_training_iterations=500"],
        "num_training_iterations: no such field; did you mean training.num_iterations?",
    ),
    "a field as an option": (
        ["--experiment", "smoke"],
        "--experiment: no such option; write experiment=VALUE",
    ),
    "an unknown choice": (
        ["model=transformer"],
        "model=transformer: no such choice; allowed are default, gru",
    ),
    "a wrong type": (["model.hidden_size=big"], "model.hidden_size='big'"),
    "a value out of range": (["training.batch_size=0"], "training.batch_size=0"),
    "a missing corpus": (["data.path=none.abc"], "data.path=none.abc: no such file or folder"),
    "an empty corpus": (["data.path={folder}/empty.abc"], "empty.abc is empty"),
    "a binary corpus": (["data.path={folder}/binary.abc"], "binary.abc is a binary file"),
    "a corpus too small to split": (["data.path={folder}/small.abc"], "too few to split"),
    "a prompt with unknown characters": (['sampling.prompts=["X:é"]'], "'é' at position 2"),
    "a missing soundfont": (["rendering.soundfont=none.sf2"], "rendering.soundfont: none.sf2"),
    "a sequence longer than the corpus": (
        ["training.sequence_length=99999"],
        "training.sequence_length=99999",
    ),
    "a study without --multirun": (["study=cell"], "study=cell: a study is many runs and needs --multirun"),
    "an unknown launcher": (
        ["--multirun", "hydra/launcher=slurm"],
        "hydra/launcher=slurm: no such choice; allowed are basic",
    ),
    "a launcher that is not installed": (
        [
            "--multirun",
            "hydra/launcher=ray",
            "hydra.launcher._target_=hydra_plugins.hydra_ray_launcher.not.It",
        ],
        "its package is not installed: pip install 'musicgen-sweeps[ray]'",
    ),
    "an unknown setting of a launcher": (
        ["--multirun", "hydra/launcher=ray", "hydra.launcher.ray.init.adress=HOST:1"],
        "hydra.launcher.ray.init.adress: no such field",
    ),
    "outputs that cannot be written": (["paths.outputs={folder}/empty.abc"], "empty.abc"),
}


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_is_one_line_and_leaves_nothing(name: str, corpus: Path, tmp_path: Path) -> None:
    overrides, line = BAD_INPUT[name]
    (tmp_path / "empty.abc").touch()
    (tmp_path / "binary.abc").write_bytes(b"X:1\n\0\1\2")
    (tmp_path / "small.abc").write_text("X:1\nK:C\nCDEF|\n")
    before = sorted(tmp_path.iterdir())
    done = train(
        corpus, tmp_path / "outputs", *(text.replace("{folder}", str(tmp_path)) for text in overrides)
    )
    assert done.returncode == 1
    assert done.stderr.startswith("musicgen: ") and done.stderr.count("\n") == 1, done.stderr
    assert line in done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_a_run_into_a_folder_in_use_overwrites_nothing(corpus: Path, tmp_path: Path) -> None:
    precious = {"thesis/chapter.txt": "words", ".git/HEAD": "ref", "my.log": "mine"}
    for name, text in precious.items():
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / name).write_text(text)
    before = sorted(tmp_path.rglob("*"))
    folder = f"hydra.run.dir={tmp_path}/mine"
    for words in (
        [folder, "data.path=misspelt.abc"],
        [folder, 'sampling.prompts=["Q:é"]'],
        [folder, "hydra.job.name=my"],
        [f"++{folder}", "hydra.job.name=my"],
    ):
        done = train(corpus, tmp_path / "outputs", *words)
        assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
        assert sorted(tmp_path.rglob("*")) == before
    assert {name: (tmp_path / "mine" / name).read_text() for name in precious} == precious


def test_a_run_into_the_folder_of_a_run_is_refused(run_directory: Path, corpus: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in run_directory.rglob("*")}
    for change in ("sampling.temperature=1.3", "data.path=misspelt.abc", "seed=0"):
        done = train(corpus, tmp_path, f"hydra.run.dir='{run_directory}'", change)
        assert done.returncode == 1 and done.stderr.count("\n") == 1
        assert f"{run_directory}: already contains a complete run; name another folder" in done.stderr
    assert {path: path.stat().st_mtime_ns for path in run_directory.rglob("*")} == before
