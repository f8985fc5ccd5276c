"""The pieces of the script for CUDA machines, in their small form on the CPU."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks import cuda
from benchmarks.cuda import CPU, MAX_LOSS_DIFFERENCE, NUM_GREEDY_TUNES, SMALL, Form, Page
from tests.commands import TINY
from tests.soak.commands import write_tunebook


@pytest.fixture(scope="module", autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def small_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whole runs learn forty short tunes."""
    path = write_tunebook(tmp_path)
    monkeypatch.setattr(cuda, "SHORT_RUN", (*cuda.SHORT_RUN, *TINY, f"data.path={path}"))


@pytest.mark.slow
def test_two_engines_train_alike_but_not_to_the_bit() -> None:
    # A difference of 0 would mean that one engine was compared with itself.
    assert (
        0 < cuda.loss_difference(replace(SMALL, compared_steps=40), allows_tf32=False) <= MAX_LOSS_DIFFERENCE
    )


def test_other_settings_exceed_the_allowed_difference() -> None:
    expected, _ = cuda.train_on(CPU, cuda.config_on(CPU, "native", *SMALL.model), 5)
    faster = cuda.config_on(CPU, "torch", *SMALL.model, "training.learning_rate=1e-2")
    losses, _ = cuda.train_on(CPU, faster, 5)
    assert max(abs(one - two) for one, two in zip(losses, expected, strict=True)) > MAX_LOSS_DIFFERENCE


@pytest.mark.slow
def test_greedy_tunes_are_those_of_the_cpu() -> None:
    assert cuda.num_equal_tunes(SMALL) == NUM_GREEDY_TUNES


@pytest.mark.slow
def test_speeds_are_measured() -> None:
    speed = cuda.training_speed(SMALL, SMALL.large, cuda.repeated_tokens(2_000))
    assert min(speed.here, speed.plain, speed.cpu) > 0
    assert cuda.characters_per_second(SMALL, CPU, 2) > 0


@pytest.mark.slow
@pytest.mark.usefixtures("small_corpus")
def test_a_killed_run_resumes_with_the_same_results(tmp_path: Path) -> None:
    resumed = cuda.kill_and_resume(SMALL, tmp_path)
    # On a busy machine the run may end before it is killed.
    assert 0 < resumed.iterations <= SMALL.killed_iterations
    assert (resumed.loss_difference, resumed.has_same_tunes) == (0.0, True)


@pytest.mark.slow
@pytest.mark.usefixtures("small_corpus")
def test_a_sweep_of_short_runs_is_timed(tmp_path: Path) -> None:
    number, seconds = cuda.sweep_seconds(SMALL, tmp_path)
    assert number == SMALL.num_sweep_runs and seconds > 0


def test_a_failed_check_gives_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_form: Form, _folder: Path, page: Page) -> None:
        page.check("two and two are five", holds=False)

    def hold(_form: Form, _folder: Path, page: Page) -> None:
        page.check("two and two are four", holds=True)

    assert cuda.try_out(SMALL, [fail, hold]) == 1
    assert "FAILED: two and two are five" in capsys.readouterr().out
    assert cuda.try_out(SMALL, [hold]) == 0


def test_no_part_begins_too_late(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cuda, "MAX_SECONDS_BEFORE_A_PART", -1)
    assert cuda.try_out(SMALL) == 0
    assert capsys.readouterr().out.count("left out for lack of time") == len(cuda.PARTS)


def test_a_machine_without_cuda_says_that_it_uses_the_cpu(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["cuda"])
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    forms: list[Form] = []
    monkeypatch.setattr(cuda, "try_out", lambda form: forms.append(form) or 0)
    assert cuda.main() == 0 and forms == [SMALL]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("the small form, on the CPU") and lines[1].startswith("no card: ")
