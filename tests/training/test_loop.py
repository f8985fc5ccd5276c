import errno
import math
import multiprocessing
import os
import signal
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.corpus.windows import RandomWindows
from musicgen.engine.choice import Engine
from musicgen.errors import InputError
from musicgen.model.checkpoint import Checkpoint
from musicgen.model.config import ModelConfig
from musicgen.model.network import build_network
from musicgen.training.config import TrainingConfig
from musicgen.training.folder import TrainingFolder
from musicgen.training.loop import Task, fit
from musicgen.training.loss import encode_tunes, mean_loss
from musicgen.training.optimizer import AdamW
from musicgen.training.outcome import Divergence, Fit, Record, TrainingDiverged, TrainingInterrupted
from musicgen.training.state import TrainingState, load_checkpoint
from tests.full_disk import files_end_at

TUNE = "X:1\nK:C\nCDEFGABc|cBAGFEDC|CEGcGECE|\n\n"
VOCABULARY = Vocabulary.of([TUNE])
MODEL = ModelConfig(cell="lstm", hidden_size=24, num_layers=2, embedding_size=8, dropout=0.2)


def training_config(**changes: object) -> TrainingConfig:
    config = TrainingConfig(
        num_iterations=60,
        batch_size=4,
        sequence_length=20,
        learning_rate=0.01,
        schedule="constant",
        warmup_iterations=0,
        final_learning_rate_share=0.0,
        gradient_clip=1.0,
        weight_decay=0.0,
        validation_interval=25,
        early_stopping_patience=None,
        num_threads=1,
        precision="fp32",
        engine="native",
    )
    return replace(config, **changes)  # type: ignore[arg-type]


def make_task(folder: Path, seed: int = 0, *, locks: bool = True, **changes: object) -> Task:
    config = training_config(**changes)
    tokens = VOCABULARY.encode(TUNE * 20)[:, None]
    return Task(
        network=build_network(MODEL, VOCABULARY.size, seed, engine=config.engine),
        vocabulary=VOCABULARY,
        windows=RandomWindows(tokens, config.batch_size, config.sequence_length, np.random.default_rng(seed)),
        validation=encode_tunes([TUNE.strip()], VOCABULARY, MODEL),
        config=config,
        folder=TrainingFolder(folder, locks),
        dropout_seed=seed,
        device=torch.device("cpu"),
    )


def train(task: Task) -> tuple[Fit, list[Record], list[int]]:
    records: list[Record] = []
    steps: list[int] = []
    return fit(task, steps.append, records.append), records, steps


def test_a_training_says_where_it_starts_and_ends(tmp_path: Path) -> None:
    starts: list[tuple[int, int]] = []
    for num_iterations in (25, 50, 50):
        task = make_task(tmp_path, num_iterations=num_iterations)
        fit(task, lambda _: None, lambda _: None, lambda *start: starts.append(start))
    assert starts == [(0, 25), (25, 50), (50, 50)]


def losses(records: list[Record]) -> list[tuple[int, float, float | None]]:
    return [(record.iteration, record.train_loss, record.validation_loss) for record in records]


def checkpoint(task: Task, which: Literal["best", "last"]) -> Checkpoint:
    return load_checkpoint(task.folder.end(task.config.num_iterations), which, task.config)


def weights(task: Task, which: Literal["best", "last"] = "last") -> dict[str, torch.Tensor]:
    return checkpoint(task, which).weights


def files(task: Task) -> list[str]:
    return sorted(path.name for path in task.folder.path.iterdir() if path.name != ".lock")


def assert_same_weights(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def assert_same_training(first: Task, second: Task) -> None:
    for which in ("best", "last"):
        assert_same_weights(weights(first, which), weights(second, which))


def test_training_lowers_the_loss_and_reports_it(tmp_path: Path) -> None:
    fitted, records, steps = train(make_task(tmp_path / "a"))
    assert steps == list(range(1, 61))
    assert [record.iteration for record in records if record.validation_loss is not None] == [25, 50, 60]
    assert fitted.history == tuple(records)
    assert fitted.best_validation_loss < 0.7 * math.log(VOCABULARY.size)
    assert fitted.iterations == 60 and fitted.reused_iterations == 0
    assert fitted.tokens_per_second > 0


def test_saved_weights_have_the_reported_loss(tmp_path: Path) -> None:
    task = make_task(tmp_path / "a")
    fitted, _, _ = train(task)
    best, last = checkpoint(task, "best"), checkpoint(task, "last")
    for kept, loss in ((best, fitted.best_validation_loss), (last, fitted.final_validation_loss)):
        assert mean_loss(kept.network(task.device, "fp32"), task.validation).nats == pytest.approx(
            loss, abs=1e-9
        )
    assert (best.iteration, last.iteration) == (fitted.best_iteration, 60)


def test_losses_and_weights_depend_on_the_seed_alone(tmp_path: Path) -> None:
    one, another = make_task(tmp_path / "a"), make_task(tmp_path / "b")
    _, first, _ = train(one)
    torch.rand(7)  # Earlier random numbers of the process make no difference.
    _, same, _ = train(another)
    _, other, _ = train(make_task(tmp_path / "c", seed=1))
    assert losses(first) == losses(same) != losses(other)
    assert_same_weights(weights(one), weights(another))


def test_best_is_the_lowest_validation_loss(tmp_path: Path) -> None:
    # With a rate that keeps growing, the loss first falls and then rises, on every processor.
    task = make_task(tmp_path / "a", learning_rate=10.0, warmup_iterations=59, validation_interval=5)
    fitted, records, _ = train(task)
    measured = {record.iteration: record.validation_loss for record in records if record.validation_loss}
    assert fitted.best_validation_loss == min(measured.values())
    assert measured[fitted.best_iteration] == fitted.best_validation_loss
    assert fitted.best_iteration < 60 == checkpoint(task, "last").iteration


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_an_interrupted_training_resumes_bit_for_bit(engine: Engine, tmp_path: Path) -> None:
    unbroken, resumed = (make_task(tmp_path / name, engine=engine) for name in ("whole", "parts"))
    _, whole, _ = train(unbroken)
    before = signal.getsignal(signal.SIGINT)

    def interrupt_at(iteration: int) -> None:
        if iteration in (13, 31):
            signal.raise_signal(signal.SIGINT)

    for stop in (20, 40):
        with pytest.raises(TrainingInterrupted, match=f"after iteration {stop}"):
            fit(make_task(tmp_path / "parts", engine=engine), interrupt_at, lambda _: None)
    assert signal.getsignal(signal.SIGINT) is before
    fitted, records, steps = train(resumed)
    assert fitted.reused_iterations == 40 and steps == list(range(41, 61))
    assert losses(records) == losses(whole)
    assert_same_training(resumed, unbroken)
    assert files(resumed) == files(unbroken) == ["end-000060.pt"]


def train_until_killed(folder: Path, engine: Engine) -> None:
    def kill_at(iteration: int) -> None:
        if iteration == 33:
            os.kill(os.getpid(), signal.SIGKILL)

    fit(make_task(folder, engine=engine), kill_at, lambda _: None)


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_a_killed_training_resumes_bit_for_bit(engine: Engine, tmp_path: Path) -> None:
    unbroken, resumed = (make_task(tmp_path / name, engine=engine) for name in ("whole", "parts"))
    arguments = (tmp_path / "parts", engine)
    killed = multiprocessing.get_context("spawn").Process(target=train_until_killed, args=arguments)
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    fitted, records, _ = train(resumed)
    assert fitted.reused_iterations == 25 and losses(records) == losses(train(unbroken)[1])
    assert_same_training(resumed, unbroken)


def test_a_finished_training_is_reused(tmp_path: Path) -> None:
    first, _, _ = train(make_task(tmp_path / "a"))
    os.utime(first.state, (0, 0))
    again, records, steps = train(make_task(tmp_path / "a"))
    # Pruning treats it as recently used.
    assert again.state.stat().st_mtime > 0
    assert steps == [] and again.reused_iterations == 60
    assert (again.best_validation_loss, list(first.history)) == (first.best_validation_loss, records)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_a_stopped_training_is_the_start_of_the_full_one(tmp_path: Path, schedule: str) -> None:
    unbroken = make_task(tmp_path / "whole", schedule=schedule)
    _, whole, _ = train(unbroken)
    # 34 is not a multiple of any interval: its validation and row must not show in the full training.
    stopped = make_task(tmp_path / "parts", schedule=schedule, stop_iteration=34)
    first, records, steps = train(stopped)
    assert steps == list(range(1, 35)) and first.iterations == 34
    assert losses(records)[:3] == losses(whole)[:3] and records[-1].iteration == 34
    assert first.best_validation_loss == min(one.validation_loss for one in records if one.validation_loss)
    assert [one.learning_rate for one in records[:3]] == [one.learning_rate for one in whole[:3]]
    resumed = make_task(tmp_path / "parts", schedule=schedule)
    fitted, records, steps = train(resumed)
    assert fitted.reused_iterations == 34 and steps == list(range(35, 61))
    assert losses(records) == losses(whole)
    assert_same_training(resumed, unbroken)


class Clock:
    """A clock on which every iteration takes two seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr("musicgen.training.loop.time.perf_counter", lambda: self.now)

    def train(self, task: Task) -> tuple[Fit, list[Record]]:
        records: list[Record] = []
        return fit(task, self._step, records.append), records

    def _step(self, iteration: int) -> None:
        self.now += 2.0


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_time_that_runs_out_is_a_stop(schedule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unbroken, stopped = (make_task(tmp_path / name, schedule=schedule) for name in ("whole", "stopped"))
    stopped = replace(stopped, config=replace(stopped.config, stop_iteration=32))
    whole, expected = train(unbroken)[1], train(stopped)[1]
    # 63 seconds: the time is up at the second step after a row.
    clock, limited = Clock(monkeypatch), {"schedule": schedule, "max_minutes": 63 / 60}
    first, records = clock.train(make_task(tmp_path / "limited", **limited))
    assert (first.iterations, first.ran_out_of_time, records[-1].iteration) == (32, True, 32)
    assert losses(records) == losses(expected) and records[-1].validation_loss is not None
    assert_same_weights(
        first.checkpoint.weights, load_checkpoint(stopped.folder.end(32), "best", stopped.config).weights
    )
    again, records = clock.train(make_task(tmp_path / "limited", **limited))
    assert (again.reused_iterations, again.iterations, again.ran_out_of_time) == (32, 60, False)
    assert losses(records) == losses(whole)
    assert_same_training(make_task(tmp_path / "limited", **limited), unbroken)


@pytest.mark.parametrize("minutes", [2.0, 3.0])
def test_a_training_that_ends_in_time_did_not_run_out(
    minutes: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted, _ = Clock(monkeypatch).train(make_task(tmp_path, max_minutes=minutes))
    assert (fitted.iterations, fitted.ran_out_of_time) == (60, False)


def test_an_early_stop_at_the_last_moment_is_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {"learning_rate": 0.5, "num_iterations": 500, "validation_interval": 5}
    changes["early_stopping_patience"] = 3
    end = train(make_task(tmp_path / "a", **changes))[0].iterations
    task = make_task(tmp_path / "b", **changes, max_minutes=2 * end / 60)
    fitted, _ = Clock(monkeypatch).train(task)
    assert (fitted.iterations, fitted.ran_out_of_time) == (end, False)


def test_early_stopping_ends_after_its_patience(tmp_path: Path) -> None:
    changes = {"learning_rate": 0.5, "num_iterations": 500, "validation_interval": 5}
    fitted, _, _ = train(make_task(tmp_path / "a", **changes, early_stopping_patience=3))
    assert fitted.iterations == fitted.best_iteration + 15 < 500


def test_runs_of_all_lengths_share_one_training(tmp_path: Path) -> None:
    # 37 is not a multiple of any interval: its validation and row must not show in the other runs.
    lengths = (37, 50, 83)
    alone = {n: train(make_task(tmp_path / f"alone-{n}", num_iterations=n)) for n in lengths}
    trained = 0
    for n in lengths:
        fitted, records, steps = train(make_task(tmp_path / "common", num_iterations=n))
        trained += len(steps)
        assert losses(records) == losses(alone[n][1])
        expected = alone[n][0]
        assert fitted.best_iteration == expected.best_iteration
        assert fitted.final_validation_loss == expected.final_validation_loss
        common, own = (make_task(tmp_path / name, num_iterations=n) for name in ("common", f"alone-{n}"))
        assert_same_training(common, own)
    assert trained == max(lengths)


def test_a_shorter_run_starts_from_the_latest_end_before_its_own(tmp_path: Path) -> None:
    for n in (30, 80):
        train(make_task(tmp_path / "a", num_iterations=n))
    fitted, _, steps = train(make_task(tmp_path / "a", num_iterations=60))
    _, alone, _ = train(make_task(tmp_path / "b", num_iterations=60))
    assert steps == list(range(31, 61)) and losses(list(fitted.history)) == losses(alone)
    assert files(make_task(tmp_path / "a")) == [f"end-{n:06d}.pt" for n in (30, 60, 80)]


def test_early_stopping_works_in_a_longer_runs_training(tmp_path: Path) -> None:
    changes = {"learning_rate": 0.5, "num_iterations": 200, "validation_interval": 5}
    alone, _, _ = train(make_task(tmp_path / "alone", **changes, early_stopping_patience=3))
    train(make_task(tmp_path / "common", **changes))
    stopped, _, steps = train(make_task(tmp_path / "common", **changes, early_stopping_patience=3))
    assert steps[-1] == stopped.iterations == alone.iterations < 200
    assert stopped.best_validation_loss == alone.best_validation_loss


@pytest.mark.parametrize("damage", [lambda content: content[: len(content) // 2], lambda content: b""])
def test_a_damaged_state_is_not_used(
    damage: Callable[[bytes], bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    task = make_task(tmp_path / "a")
    _, whole, _ = train(task)
    path = task.folder.end(60)
    path.write_bytes(damage(path.read_bytes()))
    fitted, records, _ = train(make_task(tmp_path / "a"))
    assert fitted.reused_iterations == 0 and losses(records) == losses(whole)
    assert "end-000060.pt is damaged" in caplog.text


def test_a_state_damaged_by_a_power_cut_is_removed(tmp_path: Path) -> None:
    task = make_task(tmp_path / "a")
    train(task)
    cut, end = task.folder.passing(50), task.folder.end(60)
    cut.write_bytes(end.read_bytes()[:1000])
    end.unlink()
    train(make_task(tmp_path / "a"))
    assert [state.path for state in task.folder.states()] == [end]


def test_states_left_by_a_kill_are_removed(tmp_path: Path) -> None:
    task = make_task(tmp_path / "a")
    before: list[bytes] = []

    def die_with_two_states(iteration: int) -> None:
        if iteration == 26:
            before.append(task.folder.passing(25).read_bytes())
        if iteration == 51:
            task.folder.passing(25).write_bytes(before[0])
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        fit(task, die_with_two_states, lambda _: None)
    assert files(task) == ["state-000025.pt", "state-000050.pt"]
    again = make_task(tmp_path / "a")
    fitted, _, _ = train(again)
    assert fitted.reused_iterations == 50 and files(again) == ["end-000060.pt"]


def test_a_full_disk_is_reported_wherever_writing_stops(tmp_path: Path) -> None:
    task, path = make_task(tmp_path), tmp_path / "end-000000.pt"
    optimizer = AdamW(task.network.parameters(), 0.0)
    state = TrainingState(task.network, optimizer, task.windows.generator, VOCABULARY)
    state.save(path)
    whole = path.read_bytes()
    for room in range(0, len(whole), len(whole) // 40):
        with pytest.raises(OSError, match="too large") as raised, files_end_at(room):
            state.save(path)
        assert raised.value.filename == str(path) and path.read_bytes() == whole


def test_a_full_disk_leaves_the_previous_state_usable(tmp_path: Path) -> None:
    task = make_task(tmp_path / "a", num_iterations=30)
    _, first, _ = train(task)
    longer = make_task(tmp_path / "a")
    with pytest.raises(OSError, match="too large") as raised, files_end_at(20_000):
        train(longer)
    assert raised.value.errno == errno.EFBIG and str(raised.value.filename).endswith("state-000050.pt")
    assert [path.name for path in (tmp_path / "a").glob("*.pt")] == ["end-000030.pt"]
    fitted, records, _ = train(make_task(tmp_path / "a"))
    assert fitted.reused_iterations == 30 and losses(records)[: len(first) - 1] == losses(first)[:-1]


def test_a_known_divergence_is_not_trained_again(tmp_path: Path) -> None:
    task = make_task(tmp_path / "a")
    task.folder.path.mkdir()
    task.folder.note_divergence(Divergence(40, 0.01, math.inf, math.nan))
    steps: list[int] = []
    with pytest.raises(TrainingDiverged, match=r"iteration 40: loss inf, .* gradient norm nan"):
        fit(task, steps.append, lambda _: None)
    assert steps == []
    shorter, _, _ = train(make_task(tmp_path / "a", num_iterations=30))
    assert shorter.iterations == 30


def test_divergence_names_iteration_rate_and_gradient(tmp_path: Path) -> None:
    task = make_task(tmp_path / "a")
    with torch.no_grad():
        task.network.output.bias[0] = math.nan
    with pytest.raises(
        TrainingDiverged, match=r"iteration 1: loss nan, learning rate 0\.01, gradient norm nan"
    ):
        train(task)


def test_clipping_bounds_the_step(tmp_path: Path) -> None:
    _, free, _ = train(make_task(tmp_path / "free", gradient_clip=None))
    _, wide, _ = train(make_task(tmp_path / "wide", gradient_clip=1e9))
    _, tight, _ = train(make_task(tmp_path / "tight", gradient_clip=1e-3))
    assert losses(free) == losses(wide) != losses(tight)


def train_without_locks(folder: Path, result: Path, others: Barrier) -> None:
    """Train in step with other processes that train the same, saving after every iteration."""
    task = make_task(folder, locks=False, validation_interval=1, num_iterations=12)
    records: list[Record] = []

    def wait_for_others(_: int) -> None:
        others.wait(600)

    fitted = fit(task, wait_for_others, records.append)
    torch.save((losses(records), load_checkpoint(fitted.state, "best", task.config).weights), result)


@pytest.mark.slow
def test_processes_training_the_same_without_locks_agree(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    others = context.Barrier(2)
    results = [tmp_path / f"result-{number}.pt" for number in range(2)]
    processes = [
        context.Process(target=train_without_locks, args=(tmp_path / "training", result, others))
        for result in results
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    alone = make_task(tmp_path / "alone", validation_interval=1, num_iterations=12)
    expected = losses(train(alone)[1])
    for result in results:
        history, found = torch.load(result)
        assert history == expected
        assert_same_weights(found, weights(alone, "best"))
    # No lock, no partial file, no earlier state.
    assert [path.name for path in (tmp_path / "training").iterdir()] == ["end-000012.pt"]


@contextmanager
def another_user(folder: Path) -> Iterator[None]:
    """Act as another user: root becomes one, anyone else removes the right to write."""
    if os.geteuid() == 0:
        os.setegid(65534)
        os.seteuid(65534)
    else:
        for path in (*folder.iterdir(), folder, folder.parent):
            path.chmod(path.stat().st_mode & ~0o222)
    try:
        yield
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
            os.setegid(0)
        else:
            for path in (folder.parent, folder, *folder.iterdir()):
                path.chmod(path.stat().st_mode | stat.S_IWUSR)


@pytest.mark.parametrize("locks", [True, False])
def test_another_users_training_can_be_used_but_not_continued(
    locks: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        folder = Path(place, "store", "training")
        expected, _, _ = train(make_task(folder, locks=locks))
        before = [(path.name, path.stat().st_mtime_ns) for path in folder.iterdir()]
        with another_user(folder):
            found, _, steps = train(make_task(folder, locks=locks))
            assert found.history == expected.history and not steps
            assert_same_weights(found.checkpoint.weights, expected.checkpoint.weights)
            with pytest.raises(InputError, match=rf"{folder}: belongs to another user, .* paths\.store"):
                train(make_task(folder, locks=locks, num_iterations=80))
            with pytest.raises(InputError, match=rf"{folder.parent}: belongs to another user"):
                train(make_task(folder.with_name("new"), locks=locks))
            assert not TrainingFolder(folder, locks).remove()
        assert [(path.name, path.stat().st_mtime_ns) for path in folder.iterdir()] == before


def test_a_state_removed_by_another_process_is_skipped(tmp_path: Path) -> None:
    train(make_task(tmp_path, num_iterations=25))
    task = make_task(tmp_path, locks=False)
    (tmp_path / "state-000050.pt").symlink_to(tmp_path / "removed.pt")
    fitted, _, _ = train(task)
    assert fitted.reused_iterations == 25
