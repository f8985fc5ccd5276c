"""Folders that a run may write into, and those that hold something else."""

import re
from pathlib import Path

import pytest

from musicgen.config import Config, resolve
from musicgen.errors import InputError
from musicgen.records.destination import (
    check_comparison_folder,
    check_evaluation_files,
    check_new_session,
    check_report_folder,
    check_run_folder,
    check_sample_folder,
    holds_finished_run,
    is_of_sweep,
)
from musicgen.records.identity import ONCE_WITHOUT
from musicgen.records.record import RunRecord, Status
from tests.test_config import parsed


@pytest.fixture(scope="module")
def config() -> Config:
    return parsed("training=smoke")


def write_run(folder: Path, status: Status, *overrides: str) -> None:
    config = resolve(parsed("training=smoke", *overrides))
    RunRecord("0" * 16, "1" * 16, status, config.seed, config.as_dict(), "", {}).write(folder)


def forbidden() -> Config:
    raise AssertionError("read though the folder holds no run")


def test_a_folder_with_other_files_is_free(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "my tunes.abc").touch()
    (tmp_path / "plots").mkdir()
    check_run_folder(tmp_path, forbidden)
    check_run_folder(tmp_path / "new", forbidden)


def test_files_of_hydra_count_only_before_hydra_wrote_them(tmp_path: Path) -> None:
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "config.yaml").touch()
    check_run_folder(tmp_path, forbidden, by_hydra=())
    with pytest.raises(InputError, match=r"\.hydra, which a run would overwrite; name another folder"):
        check_run_folder(tmp_path, forbidden)
    (tmp_path / "tunes.abc").touch()
    with pytest.raises(InputError, match=r"already has tunes\.abc"):
        check_run_folder(tmp_path, forbidden, by_hydra=())


@pytest.mark.parametrize("status", ["running", "interrupted", "failed", "diverged", "pruned"])
def test_an_unfinished_run_continues_in_its_folder(status: Status, config: Config, tmp_path: Path) -> None:
    write_run(tmp_path, status, "+training.stop_iteration=5", "paths.outputs=elsewhere", "study=cell")
    check_run_folder(tmp_path, lambda: config)


def test_a_run_with_a_time_limit_continues_whatever_fitted(tmp_path: Path) -> None:
    write_run(tmp_path, "interrupted", "training.max_minutes=5", "training.num_iterations=84")
    check_run_folder(tmp_path, lambda: parsed("training=smoke", "training.max_minutes=5"))
    for other in ("training.max_minutes=4", "training.max_minutes=null"):
        with pytest.raises(InputError, match="already contains a run with another config"):
            check_run_folder(tmp_path, lambda other=other: parsed("training=smoke", other))


@pytest.mark.parametrize("change", ["sampling.temperature=1.3", "rendering.num_tunes=1", "seed=1"])
def test_an_unfinished_run_is_not_overwritten_by_another(change: str, config: Config, tmp_path: Path) -> None:
    write_run(tmp_path, "interrupted", change)
    with pytest.raises(InputError, match="already contains a run with another config"):
        check_run_folder(tmp_path, lambda: config)


def test_a_complete_run_stays(config: Config, tmp_path: Path) -> None:
    write_run(tmp_path, "complete")
    with pytest.raises(InputError, match="already contains a complete run"):
        check_run_folder(tmp_path, lambda: config)


def test_a_damaged_run_stays(config: Config, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(InputError, match=r"already has a damaged run\.json"):
        check_run_folder(tmp_path, lambda: config)


def test_only_the_same_complete_run_counts_as_finished(config: Config, tmp_path: Path) -> None:
    resolved = resolve(config)
    assert not holds_finished_run(tmp_path, "0" * 16, resolved)
    write_run(tmp_path, "complete", "paths.outputs=elsewhere")
    assert holds_finished_run(tmp_path, "0" * 16, resolved)
    assert not holds_finished_run(tmp_path, "2" * 16, resolved)
    assert not holds_finished_run(tmp_path, "0" * 16, resolve(parsed("training=smoke", "rendering=ogg")))
    write_run(tmp_path, "interrupted")
    assert not holds_finished_run(tmp_path, "0" * 16, resolved)


def test_a_run_knows_whether_it_is_of_a_sweep(tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    places = ("0", "baseline/seed=0", "confirmation/baseline/seed=0")
    assert not any(is_of_sweep(sweep / place) for place in places)
    sweep.mkdir()
    (sweep / "multirun.yaml").write_text(
        "_target_: musicgen.sweep.launcher.ProcessLauncher\n", encoding="utf-8"
    )
    assert all(is_of_sweep(sweep / place) for place in places)
    assert not is_of_sweep(sweep / "a/b/c/d") and not is_of_sweep(tmp_path / "run")


def test_a_folder_of_tensorboard_is_made_by_a_run(tmp_path: Path) -> None:
    (tmp_path / "tensorboard").mkdir()
    (tmp_path / "tensorboard" / "events").touch()
    with pytest.raises(InputError, match=r"already has tensorboard, which a run would overwrite"):
        check_run_folder(tmp_path, forbidden)


def test_tables_replace_only_tables_by_musicgen(tmp_path: Path) -> None:
    check_comparison_folder(tmp_path)
    (tmp_path / "runs.csv").write_text("name,distance\nMarathon,42.2\n")
    with pytest.raises(
        InputError, match=r"already has runs\.csv, which the comparison would overwrite.*--out"
    ):
        check_comparison_folder(tmp_path)
    (tmp_path / "runs.csv").write_text("directory,status,parameter\n")
    (tmp_path / "effects.csv").touch()
    check_comparison_folder(tmp_path)


def test_a_report_replaces_only_a_report_by_musicgen(tmp_path: Path) -> None:
    names = ("report.html", "report.md", "songs")
    check_report_folder(tmp_path, names)
    (tmp_path / "report.md").touch()
    with pytest.raises(InputError, match=r"already has report\.md"):
        check_report_folder(tmp_path, names)
    (tmp_path / "report.html").write_text("<title>Thesis</title>")
    with pytest.raises(InputError, match=r"already has report\.html"):
        check_report_folder(tmp_path, names)
    (tmp_path / "report.html").write_text("<title>tour · musicgen report</title>")
    check_report_folder(tmp_path, names)


def test_sampled_tunes_overwrite_nothing(tmp_path: Path) -> None:
    check_sample_folder(tmp_path / "new")
    (tmp_path / "tunes.abc").touch()
    with pytest.raises(InputError, match=r"already has tunes\.abc.*--out"):
        check_sample_folder(tmp_path)


@pytest.mark.parametrize("name", ["kept.abc", "tunes.csv"])
def test_kept_tunes_overwrite_nothing(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=f"already has {re.escape(name)}"):
        check_sample_folder(tmp_path)
    with pytest.raises(InputError, match=f"already has {re.escape(name)}"):
        check_run_folder(tmp_path, forbidden)


def test_a_listening_session_overwrites_no_table(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").touch()
    check_new_session(tmp_path, is_choice=True)
    with pytest.raises(InputError, match=r"already has ratings\.csv, which the session would overwrite"):
        check_new_session(tmp_path, is_choice=False)


def test_an_evaluation_replaces_only_an_evaluation(tmp_path: Path) -> None:
    check_evaluation_files(tmp_path / "new.json", tmp_path / "new.csv")
    (tmp_path / "old.json").write_text('{"metrics": {}}')
    (tmp_path / "old.csv").write_text("tune,title,is_sound,is_strictly_sound,what_is_wrong,is_ended\n")
    check_evaluation_files(tmp_path / "old.json", tmp_path / "old.csv")
    with pytest.raises(InputError, match=r"old\.json: exists and is not"):
        check_evaluation_files(None, tmp_path / "old.json")
    (tmp_path / "package.json").write_text('{"name": "mine"}')
    (tmp_path / "link.json").symlink_to("old.json")
    for name in ("package.json", "link.json", "."):
        with pytest.raises(InputError, match="is not the result of an evaluation"):
            check_evaluation_files(tmp_path / name, None)


def test_an_evaluation_overwrites_no_file_of_a_run(tmp_path: Path) -> None:
    write_run(tmp_path, "complete")
    (tmp_path / "tunes.csv").write_text("index,prompt,title,is_sound,what_is_wrong,num_notes\n")
    for json, csv in ((tmp_path / "run.json", None), (None, tmp_path / "tunes.csv")):
        with pytest.raises(InputError, match="is not the result of an evaluation"):
            check_evaluation_files(json, csv)


def test_the_two_results_of_an_evaluation_are_two_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must name different files"):
        check_evaluation_files(tmp_path / "new", tmp_path / "." / "new")


def test_a_record_from_before_wishes_is_a_finished_run(config: Config, tmp_path: Path) -> None:
    write_run(tmp_path, "complete")
    record = RunRecord.read(tmp_path)
    sampling = record.config["sampling"]
    assert isinstance(sampling, dict)
    for name in ONCE_WITHOUT["sampling"]:
        del sampling[name]
    record.write(tmp_path)
    assert holds_finished_run(tmp_path, record.run_id, resolve(config))
