"""More tunes from a trained run, in memory."""

import inspect
from dataclasses import fields, replace
from pathlib import Path

import pytest

import musicgen
from musicgen.notation.parsing import parse_tune
from musicgen.records.record import RunRecord
from musicgen.sampling.config import SamplingConfig
from tests.api.test_renderings import files_of


def test_without_changes_the_tunes_are_the_runs_own(
    run: musicgen.Run, capfd: pytest.CaptureFixture[str]
) -> None:
    before = files_of(run.directory)
    tunes = musicgen.sample(run)
    assert list(tunes) == list(run.songs)
    assert files_of(run.directory) == before
    assert capfd.readouterr() == ("", "")


def test_wishes_and_conditions_choose_tunes(run: musicgen.Run) -> None:
    tunes = musicgen.sample(
        run.directory, num_tunes=4, key="C", meter="C", prompts=["X:"], range="C4-C5", max_draws=4, seed=3
    )
    assert {(parse_tune(tune).header("M"), parse_tune(tune).header("K")) for tune in tunes} <= {("4/4", "C")}
    assert set(tunes.table["kept"]) == {True}
    assert {"is_sound", "what_is_wrong", "temperature", "abc"} <= set(tunes.table)


def test_sampled_tunes_are_not_taken_for_those_of_the_run(run: musicgen.Run) -> None:
    tunes = musicgen.sample(run, num_tunes=8, seed=5)
    assert list(tunes) != list(run.songs)
    assert all(run.directory not in tunes.score(place).path.parents for place in (0, 3))


def test_a_folder_gets_the_files_of_the_command(run: musicgen.Run, tmp_path: Path) -> None:
    tunes = musicgen.sample(run, num_tunes=2, folder=tmp_path / "new")
    assert (tmp_path / "new" / "tunes.abc").read_text(encoding="utf-8").rstrip() == tunes.text.rstrip()
    assert len((tmp_path / "new" / "tunes.csv").read_text(encoding="utf-8").splitlines()) >= 3
    with pytest.raises(musicgen.InputError, match="another"):
        musicgen.sample(run, num_tunes=2, folder=tmp_path / "new")


def test_a_wrong_setting_is_the_commands_line(run: musicgen.Run) -> None:
    with pytest.raises(
        musicgen.InputError, match="^sampling.key='Q': no training tune has it; the commonest"
    ):
        musicgen.sample(run, key="Q")
    with pytest.raises(musicgen.InputError, match=r"^sampling\.num_tunes=0: "):
        musicgen.sample(run, num_tunes=0)


def test_a_run_without_a_network_is_one_line(run: musicgen.Run, tmp_path: Path) -> None:
    replace(RunRecord.read(run.directory), weights=None, status="diverged").write(tmp_path)
    with pytest.raises(musicgen.InputError, match="this run is diverged and has no trained network$"):
        musicgen.sample(tmp_path)


def test_every_setting_of_the_command_can_be_given() -> None:
    names = set(inspect.signature(musicgen.sample).parameters)
    # Tunes are rendered when they are played.
    assert names == {"run", "folder", "seed", *(field.name for field in fields(SamplingConfig))} - {
        "prompts_file"
    }


def test_none_drops_a_limit_of_the_run(run: musicgen.Run) -> None:
    record = RunRecord.read(run.directory)
    sampling = {**run.config["sampling"], "top_k": 1}
    greedy = run.directory.with_name("greedy")
    greedy.mkdir()
    replace(record, config={**record.config, "sampling": sampling}).write(greedy)
    assert num_bodies(musicgen.sample(greedy, num_tunes=6)) == 1
    assert num_bodies(musicgen.sample(greedy, num_tunes=6, top_k=None)) > 1


def num_bodies(tunes: musicgen.Tunes) -> int:
    return len({parse_tune(tune).body for tune in tunes})
