"""Which figures a study has, and their files."""

from pathlib import Path

import pytest

from musicgen.effects.figures.draw import draw_on_all_cores, write_figures
from musicgen.effects.figures.study import change_label
from musicgen.system import cores
from tests.effects.invented_study import CELL, LEARNING_RATE, InventedStudy, drawn, smallest_text


@pytest.fixture(scope="module")
def two_parameters() -> InventedStudy:
    return InventedStudy({LEARNING_RATE: (0.005, [0.001, 0.01]), CELL: ("lstm", ["gru"])})


def test_every_text_is_readable(two_parameters: InventedStudy) -> None:
    for figure in two_parameters.figures().values():
        assert smallest_text(drawn(figure)) >= 8


def test_nothing_to_draw_gives_no_figure() -> None:
    baseline = InventedStudy({})
    assert baseline.figures() == {}


def test_a_joint_change_names_its_levels() -> None:
    label = change_label("combined", "training.learning_rate=0.01 model=gru")
    assert label == "combined:\nlearning_rate=0.01 model=gru"


def test_files_are_the_same_each_time_and_keep_their_text(
    tmp_path: Path, two_parameters: InventedStudy
) -> None:
    first, second = (
        write_figures({"loss_curves": two_parameters.loss_curves()}, tmp_path / name)
        for name in ("first", "second")
    )
    assert [path.name for path in first] == ["loss_curves.svg", "loss_curves.png"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    svg = (tmp_path / "first" / "loss_curves.svg").read_text(encoding="utf-8")
    assert ">training.learning_rate</text>" in svg
    assert "<dc:date>" not in svg


@pytest.mark.slow
def test_all_cores_draw_what_one_draws(
    tmp_path: Path, two_parameters: InventedStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawings = two_parameters.drawings()
    forked = draw_on_all_cores(drawings, tmp_path / "forked")
    monkeypatch.setattr(cores, "num_cores", lambda: 1)
    alone = draw_on_all_cores(drawings, tmp_path / "alone")
    assert [path.name for path in forked] == [path.name for path in alone]
    assert {path.stem for path in alone} == set(two_parameters.figures())
    assert [path.read_bytes() for path in forked] == [path.read_bytes() for path in alone]
