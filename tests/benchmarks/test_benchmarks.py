"""The benchmarks run, and their page is complete. Times are not tested."""

import math
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.utils.rnn import pad_sequence

from benchmarks import corpus_preparation, ours, scaling
from benchmarks.alternation import Comparison, Timing, alternate
from benchmarks.corpora import write_varied_corpus
from benchmarks.limit import num_parameters_of, training_limit
from benchmarks.many_runs import STEPS, read_runs, write_runs
from benchmarks.ours import Shape
from benchmarks.peers.copies import longest_shared_run
from benchmarks.peers.course import CourseNetwork, CourseTraining, encode, generate_text
from benchmarks.peers.plain import PlainTraining
from benchmarks.report import Part, Row, read_parts, render, write_parts
from benchmarks.scaling import AXES, Axis, measure_axis
from benchmarks.scaling_figures import draw_scaling
from benchmarks.workloads import busy_machine, copies, sampling, time_to_quality, training
from musicgen.config import compose_config, resolve
from musicgen.corpus.corpus import load_corpus
from musicgen.corpus.vocabulary import Vocabulary
from musicgen.effects.pairing import pair_runs
from musicgen.model.network import build_network
from musicgen.records.runs import find_runs
from musicgen.training.loss import encode_tunes, mean_loss
from tests.commands import TINY
from tests.records.made_runs import LOSS, made_run, written

TEXT = "X:1\nK:D\nABcd|efga|\n\n" * 30
SMALL = Shape("lstm", hidden_size=12, batch_size=2, sequence_length=10)


@pytest.fixture(scope="module", autouse=True)
def one_core() -> Iterator[None]:
    """Benchmarks use all cores; threads that wait for each other are slow where other tests run as well."""
    cores, threads = os.sched_getaffinity(0), torch.get_num_threads()
    os.sched_setaffinity(0, {min(cores)})
    yield
    os.sched_setaffinity(0, cores)
    torch.set_num_threads(threads)


def this_process() -> AbstractContextManager[Callable[..., Any]]:
    """Takes the place of a process of its own, which would import torch and read O'Neill's again.

    `test_sampling_draws_every_tune_to_its_end` starts a real one.
    """
    return nullcontext(lambda work, *arguments: work(*arguments))


@pytest.fixture(scope="module")
def part() -> Part:
    cases = [training.Case(SMALL, 1.8, 3), training.Case(Shape("gru", 12, 2, 10), 4, 7)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "own_process", this_process)
        return training.measure(2, cases, num_steps=2, peer_steps=1)


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A varied corpus of 0.1 MB, and its number of tunes."""
    path = tmp_path_factory.mktemp("varied") / "tunes.abc"
    return path, write_varied_corpus(path, 0.1)


def assert_measured(part: Part, num_rows: int, num_repeats: int) -> None:
    assert len(part.rows) == num_rows
    for row in part.rows:
        for timing in (row.comparison.ours, row.comparison.peer):
            assert len(timing.seconds) == num_repeats
            assert all(0 < seconds < math.inf for seconds in timing.seconds)
        assert f"**{row.comparison.ratio_of_medians:.3g} ×**" in render([part])


@pytest.mark.slow
def test_every_training_case_has_both_peers_and_its_limit(part: Part) -> None:
    num_precisions = len(ours.precisions())
    assert_measured(part, num_rows=2 * 2 * num_precisions, num_repeats=2)
    (limits,) = part.tables
    assert len(limits.splitlines()) == 2 + 2 * num_precisions


@pytest.mark.slow
def test_sampling_draws_every_tune_to_its_end() -> None:
    assert_measured(sampling.measure(1, SMALL, num_tunes=3, max_chars=12, peer_chars=5), 1, 1)


@pytest.mark.slow
def test_copies_are_those_of_difflib() -> None:
    assert_measured(copies.measure(1, num_queries=2), 1, 1)
    assert longest_shared_run([5, 1, 2, 3, 9], [[1, 2], [7, 1, 2, 3], []]) == 3


@pytest.mark.slow
def test_measuring_one_part_again_leaves_the_others(part: Part, tmp_path: Path) -> None:
    write_parts({"training": part, "copies": part}, tmp_path)
    kept = read_parts(tmp_path / "results.json")
    page = write_parts(kept, tmp_path).read_text(encoding="utf-8")
    assert kept == {"training": part, "copies": part}
    assert page == render([part, part]) and page.count("## Training step") == 2
    assert "nan" not in page and "inf " not in page


def test_sides_are_timed_alternately() -> None:
    order: list[str] = []

    def work(name: str, seconds: float) -> Callable[[], float]:
        return lambda: order.append(name) or seconds

    timings = alternate({"ours": work("a", 2.0), "peer": work("b", 3.0)}, 2)
    assert order == ["a", "b", "a", "b"]
    assert timings["peer"] == Timing((3.0, 3.0))


def test_ratios_are_peer_time_over_ours() -> None:
    comparison = Comparison(Timing((1.0, 2.0, 4.0)), Timing((6.0, 6.0, 6.0)))
    assert comparison.ratio_of_medians == 3.0
    assert comparison.median_ratio == 3.0
    assert Comparison(Timing((1.0, 4.0, 2.0)), Timing((2.0, 12.0, 5.0))).median_ratio == 2.5


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_all_peers_train_networks_of_the_same_size(cell: str) -> None:
    tokens, alphabet = encode(TEXT)
    shape = Shape(cell, 12, 2, 10)
    arguments = {"cell": cell, "hidden_size": 12, "batch_size": 2, "sequence_length": 10}
    course = CourseTraining(tokens, len(alphabet), **arguments)
    plain = PlainTraining(tokens, len(alphabet), **arguments)
    modules = [course.network, plain.embedding, plain.recurrent, plain.scores]
    sizes = [sum(parameter.numel() for parameter in module.parameters()) for module in modules]
    own = build_network(ours.config_of(shape).model, len(alphabet), seed=0)
    expected = sum(parameter.numel() for parameter in own.parameters())
    assert sizes[0] == sum(sizes[1:]) == expected == num_parameters_of(shape, len(alphabet))


def test_both_sides_measure_validation_loss_alike() -> None:
    config = ours.config_of(SMALL)
    tunes = ["X:1\nK:D\nABcd|efga|", "X:2\nK:G\nGBdg|"]
    vocabulary = Vocabulary.of(tunes, config.model.spelling)
    network = build_network(config.model, vocabulary.size, seed=0)
    peer = CourseNetwork("lstm", vocabulary.size, 12)
    peer.load_state_dict(
        {name.replace("output.", "scores."): value for name, value in network.state_dict().items()}
    )
    encoded = [torch.from_numpy(vocabulary.encode(f"\n{tune}\n\n")) for tune in tunes]
    batch = pad_sequence(encoded, batch_first=True, padding_value=time_to_quality.PADDING)
    expected = mean_loss(network, encode_tunes(tunes, vocabulary, config.model)).nats
    assert time_to_quality.loss_of(peer, [batch]) == pytest.approx(expected, abs=1e-6)


@pytest.mark.slow
def test_every_validation_is_a_point_in_time_and_quality(corpus: Path) -> None:
    small = [*TINY, f"data.path={corpus}", "training.num_iterations=4", "training.validation_interval=2"]
    config = resolve(compose_config([*small, "training.num_threads=1", "sampling.num_tunes=3"]))
    points = time_to_quality.our_points(config)
    assert [point.iteration for point in points] == [2, 4]
    assert 0.0 < points[0].seconds < points[1].seconds
    assert all(0.0 <= point.sound_rate <= 1.0 and point.loss > 0.0 for point in points)


@pytest.mark.slow
def test_sampling_next_to_a_busy_program_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(busy_machine, "own_process", this_process)
    monkeypatch.setattr(busy_machine, "NUM_TUNES", 2)
    monkeypatch.setattr(busy_machine, "MAX_CHARS", 20)
    assert busy_machine.Case("sampling", busy=1, is_patient=True).seconds() > 0.0


@pytest.mark.parametrize("peer", [CourseTraining, PlainTraining])
def test_peers_learn(peer: type) -> None:
    tokens, alphabet = encode(TEXT)
    side = peer(tokens, len(alphabet), cell="gru", hidden_size=32, batch_size=8, sequence_length=20)
    losses = [float(side.step()) for _ in range(60)]
    assert losses[-1] < 0.5 * losses[0]


def test_the_course_generates_the_requested_length() -> None:
    _, alphabet = encode(TEXT)
    text = generate_text(CourseNetwork("lstm", len(alphabet), 8), "X:", 7, alphabet)
    assert text.startswith("X:") and len(text) == 9 and set(text) <= set(alphabet)


@pytest.mark.slow
def test_the_limit_of_a_step_grows_with_its_work() -> None:
    one = training_limit(SMALL, 90, "fp32")
    longer = training_limit(Shape("lstm", 12, 2, 20), 90, "fp32")
    assert one.recurrence_traffic * 2 == pytest.approx(longer.recurrence_traffic)
    # Rates are measured for every shape, and vary for tiny products, so compare operations.
    operations = one.recurrence_compute * one.rate
    assert operations == pytest.approx(2 * 2 * 4 * 12 * 12 * 2 * 10)
    assert one.seconds >= one.recurrence_compute + one.merged + one.optimiser > 0


@pytest.mark.slow
def test_a_scaling_figure_has_every_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "BASE", SMALL)
    monkeypatch.setattr(scaling, "STEPS", (1, 2))
    lines = measure_axis(Axis("batch size", "batch_size", (1, 2)), num_repeats=1)
    assert set(lines) == {"lstm", "gru"}
    for sides in lines.values():
        assert {"plain modules", "operations"} < set(sides)
        assert all(line.sizes == (1, 2) and min(line.values) > 0 for line in sides.values())
    path = draw_scaling("batch", "batch size", lines, "", "", tmp_path)
    assert path.stat().st_size > 10_000
    assert set(AXES) == {"hidden", "batch", "length", "layers"}


@pytest.mark.slow
def test_corpus_preparation_is_measured(varied: tuple[Path, int], monkeypatch: pytest.MonkeyPatch) -> None:
    own_process = corpus_preparation._child

    def child(*command: str) -> tuple[dict[str, float], int]:
        """The tunes are written already, and a second process would show nothing that the first does not."""
        if command[0] == "benchmarks.corpora":
            shutil.copy(varied[0], command[2])
            return {}, 0
        *_, path, how = command
        is_fresh = how == "fresh"
        return own_process(*command) if is_fresh else (corpus_preparation.measure_once(Path(path), how), 0)

    monkeypatch.setattr(corpus_preparation, "_child", child)
    row = corpus_preparation.measure(0.1)
    assert row["tunes"] > 50 and all(value > 0 for value in row.values())
    assert f"| 0.1 | {row['tunes']:,.0f} |" in corpus_preparation.render([row], "a machine")


def test_varied_tunes_are_new_or_settings_of_each_other(varied: tuple[Path, int]) -> None:
    path, number = varied
    report = load_corpus(compose_config(["data=file", f"data.path={path}"]).data).report
    assert report.tunes_read == number and path.stat().st_size >= 100_000
    assert report.num_tunes > 0.98 * number
    assert 0.4 < report.num_near_duplicates / number < 0.95


def test_a_row_shows_times_ratios_and_targets() -> None:
    row = Row("w", "o", "p", Comparison(Timing((0.001,)), Timing((0.25,))), "step", 1.8, 3)
    page = render([Part("T", "text", [row], origin={"date": "d", "commit": "c", "machine": {}})])
    expected = "| w | o | 1 ms (1 ms) | p | 250 ms (250 ms) | step | **250 ×** | 250 × | 1.8 × | 3 × | 1 |"
    assert expected in page


@pytest.mark.parametrize(("kind", "arms", "left_out"), [("study", 3, 0), ("sweeps", 4, 0), ("pile", 0, 39)])
def test_copied_runs_form_the_declared_studies(kind: str, arms: int, left_out: int, tmp_path: Path) -> None:
    settings = {"training.weight_decay": 0.0, "training.gradient_clip": 1.0, "training.batch_size": 32}
    template = written(made_run("real", overrides=settings, metrics={LOSS: 1.5}), tmp_path)
    (template / "tunes").mkdir()
    (template / "tunes" / "000.abc").write_text("X:1\nK:C\nCDEF|\n")
    write_runs(template, tmp_path / "made", kind, 40)
    runs = find_runs([tmp_path / "made"])
    assert len(runs) == 40 and all((run.directory / "tunes" / "000.abc").is_file() for run in runs)
    star = pair_runs(runs)
    assert (len(star.arms), len(star.left_out)) == (arms, left_out)
    assert set(read_runs(tmp_path / "made")) == {*STEPS, "bytes"}
