from pathlib import Path

import pandas
import pytest

from musicgen.compare import main
from tests.records.made_runs import LOSS, RATE, made_run, made_study, written


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """A study of three levels with three seeds, one of which diverged."""
    study = made_study({0.005: [1.7, 1.8, 1.9], 0.001: [1.6, 1.71, 1.8], 0.01: [1.7, 1.83, None]})
    for run in study:
        run.record.metrics |= {RATE: 0.1} if run.record.status == "complete" else {}
        directory = written(run, tmp_path)
        (directory / "history.csv").write_text(
            "iteration,train_loss,validation_loss,learning_rate,tokens_per_second\n100,2.0,1.9,0.005,1000\n"
        )
    return tmp_path / "sweep"


def test_a_sweep_gets_tables_figures_and_a_summary(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(sweep)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "1 of 9 runs did not complete:"
    assert (
        lines[1] == "  training.learning_rate=0.01 seed=2 diverged: it diverged (learning_rate=0.01/seed=2)"
    )
    assert lines[-1] == str(sweep)
    text = "\n".join(lines)
    assert (
        "training.learning_rate = 0.001  1.800 → 1.703" in text and "3/3               clear: better" in text
    )
    assert "Sound rate: every change left it as it was, in every seed." in text
    assert "training.learning_rate = 0.001: better: validation loss 1.80 → 1.70." in lines
    runs, effects = (pandas.read_csv(sweep / name) for name in ("runs.csv", "effects.csv"))
    assert len(runs) == 9 and set(runs["status"]) == {"complete", "diverged"}
    assert set(effects["metric"]) == {LOSS, RATE} and len(effects) == 4
    assert {path.suffix for path in (sweep / "plots").iterdir()} == {".svg", ".png"}
    assert not list(sweep.rglob(".*"))


def test_a_second_comparison_gives_the_same(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(sweep), "--no-plots"])
    first = capsys.readouterr().out, (sweep / "effects.csv").read_bytes(), (sweep / "runs.csv").read_bytes()
    main([str(sweep), "--no-plots"])
    assert (
        capsys.readouterr().out,
        (sweep / "effects.csv").read_bytes(),
        (sweep / "runs.csv").read_bytes(),
    ) == first


def test_tables_of_single_runs_go_to_the_current_directory(
    sweep: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    folders = sorted(path.parent for path in sweep.rglob("run.json"))
    assert main([*map(str, folders), "--no-plots"]) == 0
    assert sorted(path.name for path in Path().iterdir()) == ["effects.csv", "noise.csv", "runs.csv"]
    assert not (sweep / "effects.csv").exists()
    assert main([str(folders[0]), "--no-plots", "--out", "elsewhere"]) == 0
    assert "there are no effects to report" in capsys.readouterr().out
    assert pandas.read_csv("elsewhere/effects.csv").empty


def test_metric_and_baseline_can_be_chosen(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main([str(sweep), "--no-plots", "--metric", RATE, "--baseline", "training.learning_rate=1e-3"]) == 0
    )
    out = capsys.readouterr().out
    assert LOSS not in out and RATE in out
    effects = pandas.read_csv(sweep / "effects.csv")
    assert set(effects["baseline_value"]) == {0.001} and set(effects["value"]) == {0.005, 0.01}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--metric", "fit/nothing"], "--metric fit/nothing: no run has it; there are fit/validation_loss"),
        (["--baseline", "seed"], "--baseline seed: PARAMETER=VALUE is needed"),
        (
            ["--baseline", "model.cell=gru"],
            '--baseline model.cell=gru: no such run; there are runs with "lstm"',
        ),
    ],
)
def test_a_wrong_argument_is_one_line(
    arguments: list[str], complaint: str, sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(sweep), "--no-plots", *arguments]) == 1
    assert capsys.readouterr().err.startswith(f"musicgen: {complaint}")


def test_an_empty_folder_and_half_a_record_are_one_line(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert main([str(tmp_path / "empty")]) == 1
    assert "no run here" in capsys.readouterr().err
    record = next(sweep.rglob("run.json"))
    record.write_text(record.read_text()[:50])
    assert main([str(sweep)]) == 1
    error = capsys.readouterr().err
    assert str(record) in error and error.count("\n") == 1


def test_left_out_runs_and_interactions_are_mentioned(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gru = {"model.cell": "gru"}
    written(
        made_run("gru/seed=0", overrides=gru, change=("model", "gru", "lstm"), metrics={LOSS: 1.5}), sweep
    )
    far = made_run("runs/day/far", overrides=gru | {"training.learning_rate": 0.3, "model.hidden_size": 8})
    written(far, sweep.parent)
    assert main([str(sweep.parent), "--no-plots"]) == 0
    out = capsys.readouterr().out
    assert "left out: 1 run with" in out and "shows no interactions" in out


def test_a_missing_run_and_a_changed_corpus_are_reported(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = sweep / "learning_rate=0.001/seed=0/run.json"
    record.write_text(record.read_text().replace('"sha256": "0"', '"sha256": "1"'))
    plan = "directory,seed\nlearning_rate=0.001/seed=0,0\nlearning_rate=0.001/seed=7,7\n"
    (sweep / "plan.csv").write_text(plan)
    assert main([str(sweep), "--no-plots"]) == 0
    out = capsys.readouterr().out
    assert "2 of 9 runs did not complete:" in out
    assert "baseline seed=7 missing: planned, but it left no run.json (learning_rate=0.001/seed=7)" in out
    assert "the corpus oneills changed between runs" in out and "1 by learning_rate=0.001/seed=0" in out
    runs = pandas.read_csv(sweep / "runs.csv")
    assert list(runs["status"])[-1] == "missing" and len(runs) == 10


def test_text_of_others_cannot_control_the_terminal(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "\x1b]0;owned\x07[/red]\x1b[2J"
    run = made_run(
        "sweep/hostile/seed=0",
        status="failed",
        overrides={"model.cell": hostile},
        change=("model.cell", hostile, "lstm"),
    )
    run.record.error = hostile
    written(run, sweep.parent)
    assert main([str(sweep), "--no-plots"]) == 0
    output = capsys.readouterr()
    assert "\x1b" not in output.out + output.err and "\\x1b]0;owned" in output.out
    (sweep / "hostile/seed=0/run.json").write_text('{"schema_version": "\\u001b[2J\\n"}')
    assert main([str(sweep), "--no-plots"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "\x1b" not in line and line.startswith("musicgen: ")
