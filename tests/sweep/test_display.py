"""What a sweep shows: names, the table on every size of terminal, times, and plain lines on other outputs."""

import io
import re

import pytest
from rich.console import Console

from musicgen.sweep.display import (
    RunningJob,
    SweepDisplay,
    SweepState,
    describe_end,
    draw,
    name_jobs,
)
from musicgen.training.progress import Progress


def running(name: str, started: float, *samples: tuple[float, Progress]) -> RunningJob:
    job = RunningJob(name, started)
    for now, progress in samples:
        job.update(progress, now)
    return job


def text_of(state: SweepState, width: int, height: int, now: float) -> list[str]:
    """The drawn lines."""
    file = io.StringIO()
    Console(file=file, width=width, height=height, force_terminal=True, color_system=None).print(
        draw(state, width, height, now)
    )
    return file.getvalue().splitlines()


def half_way() -> SweepState:
    """At second 100: two of six jobs are done, one failed, two run."""
    state = SweepState({number: f"run {number}" for number in range(6)}, started=0.0)
    state.durations, state.num_failed, state.max_running = [30.0, 50.0], 1, 2
    first, later = Progress("training", 100, 400, 2.5), Progress("training", 200, 400, 1.25, 1.5, 45123.0)
    state.running[3] = running("learning_rate=0.001, seed 1", 80.0, (90.0, first), (100.0, later))
    state.running[4] = running("model=gru, seed 1", 70.0, (95.0, Progress("sampling", 400, 400, 1.0, 1.2)))
    return state


def test_a_job_is_named_by_what_only_it_changes() -> None:
    common = ["training=smoke", "hydra/launcher=local", "paths.outputs=/tmp/x", "data.path=tunes.abc"]
    names = name_jobs(
        [
            [*common, "seed=1", "change=null", "hydra.sweep.subdir=a"],
            [*common, "seed=1", "training.learning_rate=0.01", "change={parameter:training.learning_rate}"],
            [*common, "seed=2", "model=gru"],
        ]
    )
    assert names == ["baseline, seed 1", "learning_rate=0.01, seed 1", "model=gru, seed 2"]
    assert name_jobs([["seed=0", "model=gru"], ["seed=1", "model=gru"]]) == ["seed 0", "seed 1"]
    assert name_jobs([["model=gru"], ["model=gru"]]) == ["defaults", "defaults"]
    assert name_jobs([["model=gru", "paths.outputs=x"]]) == ["model=gru"]
    assert name_jobs([]) == []


def test_the_table_has_stage_losses_speed_and_time_left() -> None:
    lines = text_of(half_way(), 120, 30, 100.0)
    (first,) = (line for line in lines if "learning_rate" in line)
    assert re.search(
        r"learning_rate=0\.001, seed 1 .* training .* 50% .* 1\.2500 .* 1\.5000 .* 45,123", first
    )
    assert "20 s" in first, "200 iterations are left at 10 a second"
    (second,) = (line for line in lines if "model=gru" in line)
    assert "sampling" in second and "100%" in second and " s " not in second
    assert "3 of 6 runs finished, 1 failed" in lines[-1] and "1:40 min so far" in lines[-1]


@pytest.mark.parametrize("width", [20, 40, 50, 64, 80, 100, 200])
@pytest.mark.parametrize("height", [3, 8, 40])
def test_the_table_fits_every_terminal(width: int, height: int) -> None:
    state = half_way()
    state.running |= {number: running(f"run {number}", 0.0) for number in range(6, 30)}
    lines = text_of(state, width, height, 100.0)
    assert max(map(len, lines)) <= width
    assert len(lines) <= max(height, 7)
    assert any("seed 1" in line for line in lines), "the end of a name says most"


def test_brackets_in_a_name_are_not_markup() -> None:
    state = SweepState({0: ""}, started=0.0)
    state.running[0] = running('sampling.prompts=["[red]"] seed=1', 0.0)
    assert 'sampling.prompts=["[red]"] seed=1' in "\n".join(text_of(state, 120, 30, 1.0))


def test_time_left_follows_finished_and_running_jobs() -> None:
    state = half_way()
    # A job takes 40 s: the first has 20 s left, the second 10 s, one waits; two run at a time.
    assert state.seconds_left(100.0) == pytest.approx((20 + 10 + 40) / 2)
    state.durations = []
    # By the first, a job takes 20 s + 20 s; now three wait, since none has finished.
    assert state.seconds_left(100.0) == pytest.approx((20 + 10 + 3 * 40) / 2)
    assert SweepState({0: "a"}, started=0.0).seconds_left(5.0) is None


def test_speed_is_measured_on_the_last_seconds() -> None:
    """A resumed training reports its earlier iterations at once, which says nothing about its speed."""
    samples = [(0.0, Progress("training", 0, 10_000)), (0.1, Progress("training", 9_000, 10_000))]
    samples += [(0.1 + step / 4, Progress("training", 9_000 + step, 10_000)) for step in range(1, 60)]
    assert running("a", 0.0, *samples).seconds_left() == pytest.approx((1000 - 59) / 4)


def test_time_left_is_unknown_before_and_after_training() -> None:
    once = Progress("training", 10, 100)
    assert running("a", 0.0, (1.0, once)).seconds_left() is None
    assert running("a", 0.0, (1.0, once), (1.0, once)).seconds_left() is None
    assert running("a", 0.0, (1.0, once), (2.0, Progress("sampling", 100, 100))).seconds_left() is None


def test_the_line_of_a_finished_job() -> None:
    assert describe_end("model=gru seed=1", 12.4, 1.23456, None) == (
        "model=gru seed=1: validation 1.2346 in 12 s"
    )
    assert describe_end("a", 1.0, None, "exit status 3") == "a: failed: exit status 3"
    assert describe_end("a", 1.0, None, None) == "a: done in 1.0 s"


@pytest.mark.parametrize("is_forced", [None, True], ids=["a file", "a notebook"])
def test_without_a_terminal_only_lines_are_printed(is_forced: bool | None) -> None:
    file = io.StringIO()
    long = "sampling.prompts=" + "X" * 200
    # A notebook has FORCE_COLOR in its environment.
    console = Console(file=file, width=80, force_terminal=is_forced, color_system=None)
    with SweepDisplay(SweepState({7: long, 8: "b"}), console) as display:
        for number in (7, 8):
            display.start(number)
            display.update(number, Progress("training", 1, 2))
            display.refresh(at_once=True)
        display.end(7, 1.5, None)
        display.end(8, None, "killed by signal 9 (SIGKILL)")
    assert file.getvalue().splitlines() == [
        f"1 of 2: {long}: validation 1.5000 in 0.0 s",
        "2 of 2: b: failed: killed by signal 9 (SIGKILL)",
    ]
