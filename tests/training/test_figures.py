"""The loss curve."""

from musicgen.training.figures import loss_figure
from musicgen.training.outcome import Record

HISTORY = [
    Record(iteration, 3 / iteration, {20: 1.25, 40: 1.125}.get(iteration), 0.005, 9000.0)
    for iteration in range(1, 61)
]


def test_the_best_validation_loss_is_named_clear_of_the_curves() -> None:
    (axes,) = loss_figure(HISTORY, 40).axes
    legend = axes.get_legend()
    assert legend is not None and not axes.texts
    assert [text.get_text() for text in legend.get_texts()][-1] == "best: 1.125"
    assert axes.lines[-1].get_xydata().tolist() == [[40, 1.125]]  # type: ignore[union-attr]
