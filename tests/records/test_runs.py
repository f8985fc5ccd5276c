import json
from dataclasses import replace
from pathlib import Path

import pandas
import pytest

from musicgen.errors import InputError
from musicgen.records.runs import LEADING_COLUMNS, FoundRun, find_runs, read_rows, runs_table, write_csv
from tests.records.made_runs import LOSS, RATE, made_run, written


def test_runs_are_found_at_and_below_paths_once(tmp_path: Path) -> None:
    for name in ("b/x/seed=0", "a/x/seed=1", "a/x/seed=0"):
        written(made_run(name), tmp_path)
    found = find_runs([tmp_path / "b" / "x" / "seed=0", tmp_path, tmp_path / "a"])
    names = [run.directory.relative_to(tmp_path).as_posix() for run in found]
    assert names == ["a/x/seed=0", "a/x/seed=1", "b/x/seed=0"]
    assert [run.record.run_id for run in find_runs([tmp_path / "a/x/seed=0/run.json"])] == ["a/x/seed=0"]


def test_a_path_without_a_run_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: no run here") as caught:
        find_runs([tmp_path / "empty"])
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"nowhere: no such folder"):
        find_runs([tmp_path / "nowhere"])


def test_a_broken_record_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text('{"run_id": "r", "sta')
    with pytest.raises(InputError, match=r"run.json: ") as caught:
        find_runs([tmp_path])
    assert "\n" not in str(caught.value)


def test_the_table_has_the_agreed_columns_and_plain_cells() -> None:
    runs = [
        made_run("s/0/seed=0", metrics={RATE: 0.5, LOSS: 1.5, "fit/best_iteration": 3.0}),
        made_run("s/1/seed=0", change=("sampling.prompts", ["X:", "X:1"], None), metrics={LOSS: None}),
        made_run("s/2/seed=0", status="failed", retuned={"training.learning_rate": 0.1}),
    ]
    table = runs_table(runs)
    metrics = [LOSS, RATE, "fit/best_iteration"]
    assert list(table.columns[: len(LEADING_COLUMNS) + 3]) == [*LEADING_COLUMNS, *metrics]
    assert "sampling.prompts" in table.columns and table.columns.is_unique
    assert table["value"].to_list() == [None, '["X:", "X:1"]', None]
    assert table["baseline_value"].to_list() == [None, "null", None]
    first, _, last = table.to_dict("records")
    assert json.loads(first["sampling.prompts"]) == ["X:1\n"]
    assert last["retuned"] == '{"training.learning_rate": 0.1}' and last["error"] == "it failed"
    assert table["validity/sound_rate"].isna().to_list() == [False, True, True]


def test_integers_stay_integers_next_to_empty_cells(tmp_path: Path) -> None:
    table = runs_table([made_run(), made_run(change=("model.hidden_size", 128, 64))])
    write_csv(table, tmp_path / "runs.csv")
    assert pandas.read_csv(tmp_path / "runs.csv", dtype=str)["value"].to_list()[1] == "128"
    assert [path.name for path in tmp_path.iterdir()] == ["runs.csv"]


def test_directories_count_from_the_folder_that_holds_them(tmp_path: Path) -> None:
    written(made_run("sweep/arm/seed=0"), tmp_path)
    (run,) = find_runs([tmp_path])
    assert runs_table([run], tmp_path / "sweep")["directory"].to_list() == ["arm/seed=0"]
    assert runs_table([run], tmp_path / "other")["directory"].to_list() == [str(run.directory)]


def test_bars_are_counted_where_tunes_csv_has_them(tmp_path: Path) -> None:
    directory = written(made_run(), tmp_path)
    (run,) = find_runs([tmp_path])
    assert run.num_bars is None
    (directory / "tunes.csv").write_text("index,num_bars\n0,8\n1,\n2,4\n")
    assert replace(run).num_bars == 12


def test_rates_count_every_draw() -> None:
    run = made_run()
    assert run.num_tunes == 200
    assert replace(run, record=replace(run.record, num_draws=600, num_kept=200)).num_tunes == 600


def test_only_a_complete_run_has_values() -> None:
    assert made_run(metrics={LOSS: 1.5}).value(LOSS) == 1.5
    assert made_run(metrics={LOSS: 1.5}, status="failed").value(LOSS) is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a,b\n\xff\xfe,1\n", "cannot be read"),
        (b"a,b\n1\n", "row 1 has more or fewer cells"),
        (b"a,b\n1,2\n1,2,3\n", "row 2 has more or fewer cells"),
        (b"a\n" + b"x" * 200_000, "cannot be read: field larger"),
    ],
)
def test_a_broken_table_is_refused(content: bytes, problem: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=f"t.csv: {problem}"):
        read_rows(tmp_path / "t.csv")


def found(folder: Path) -> FoundRun:
    return FoundRun(folder, made_run(metrics={}).record)


def test_the_history_of_a_killed_run_ends_with_its_last_row(tmp_path: Path) -> None:
    head = "iteration,train_loss,validation_loss,learning_rate,tokens_per_second\n"
    assert found(tmp_path).history() is None
    (tmp_path / "history.csv").write_text(head + "10,2.5,,0.004,900\n20,2.")
    history = found(tmp_path).history()
    assert history is not None and history["train_loss"].tolist() == [2.5]
    (tmp_path / "history.csv").write_text(head + "10,low,,0.004,900\n")
    with pytest.raises(InputError, match="train_loss contains something that is not a number"):
        found(tmp_path).history()


@pytest.mark.parametrize("number", ["inf", "nan", "many", "-1", "1e300"])
def test_a_wrong_number_of_bars_is_refused(number: str, tmp_path: Path) -> None:
    (tmp_path / "tunes.csv").write_text(f"num_bars\n{number}\n")
    with pytest.raises(InputError, match="not a number of bars"):
        _ = found(tmp_path).num_bars
