from pathlib import Path

from musicgen.records.runs import FoundRun
from musicgen.reporting.next_steps import after_run, after_sweep
from tests.records.made_runs import made_run
from tests.reporting.written_study import FORM, GOOD, Tune, write_run

COMMAND = "python -m musicgen.train experiment=smoke training.learning_rate=0.005 seed=3 'data.path=a b.abc'"


def steps(root: Path, *tunes: Tune, audio: tuple[str, ...] = (), run: FoundRun | None = None) -> list[str]:
    run = run or made_run("run")
    run.record.command = COMMAND
    directory = write_run(run, root, tunes)
    (directory / "tunes").mkdir()
    for name in audio:
        (directory / "tunes" / name).touch()
    return after_run(directory, Path("a run"))


def test_the_best_rendered_tune_is_played_first(tmp_path: Path) -> None:
    listen, play, report, _ = steps(
        tmp_path, (FORM, {}), (GOOD, {}), (FORM + " ", {}), audio=("001.wav", "002.ogg")
    )
    assert listen.startswith("listen:  a run/tunes/002.ogg (sound, not copied, form, ")
    assert (play, report) == ("play:    musicgen play 'a run'", "report:  musicgen report 'a run'")


def test_a_tune_that_is_not_sound_says_so(tmp_path: Path) -> None:
    listen = steps(tmp_path, (GOOD.replace("C4|]", "D4|]"), {}), audio=("000.wav",))[0]
    assert "a run/tunes/000.wav (not sound: " in listen


def test_without_audio_the_report_plays_the_songs(tmp_path: Path) -> None:
    assert steps(tmp_path, (FORM, {}))[0] == "listen:  the report renders the best songs"


def test_the_comparison_repeats_the_runs_overrides_with_one_change(tmp_path: Path) -> None:
    assert steps(tmp_path, (FORM, {}))[3] == (
        "compare: musicgen train --multirun experiment=smoke 'data.path=a b.abc' "
        "training.learning_rate=0.005,0.0025 seed=0,1,2"
    )


def test_a_run_that_failed_has_nothing_to_hear(tmp_path: Path) -> None:
    assert steps(tmp_path, run=made_run("run", status="failed")) == []


def test_a_sweep_is_read_and_rated() -> None:
    assert after_sweep(Path("a sweep")) == [
        "report:  musicgen report 'a sweep'",
        "listen:  musicgen listen 'a sweep'",
    ]
