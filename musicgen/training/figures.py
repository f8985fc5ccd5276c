"""The loss over the iterations as a picture."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from musicgen.training.outcome import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def loss_figure(history: Sequence[Record], best_iteration: int) -> "Figure":
    """Training loss, validation loss and where the latter was best; nats per character."""
    # matplotlib costs a second to import, which commands that draw nothing should not pay.
    from matplotlib.figure import Figure

    # Margins by hand: a layout that measures its words draws everything once more.
    figure = Figure(figsize=(7, 4))
    axes = figure.add_axes((0.095, 0.125, 0.89, 0.855))
    axes.plot(
        [record.iteration for record in history],
        [record.train_loss for record in history],
        color="#9aa5b1",
        linewidth=1,
        label="training batches",
    )
    validated = [
        (record.iteration, record.validation_loss) for record in history if record.validation_loss is not None
    ]
    axes.plot(
        [iteration for iteration, _ in validated],
        [loss for _, loss in validated],
        color="#0b7285",
        linewidth=2,
        marker="o",
        markersize=3,
        label="validation tunes",
    )
    for iteration, loss in validated:
        if iteration != best_iteration:
            continue
        axes.annotate(
            f"best {loss:.3f}",
            (iteration, loss),
            xytext=(0, -16),
            textcoords="offset points",
            ha="right",
            color="#0b7285",
        )
    # The first iterations are far above the rest and would press it flat.
    later = [record.train_loss for record in history[len(history) // 20 :]]
    known = [loss for _, loss in validated]
    if later and known:
        low, high = min(later + known), max(later + known)
        # Below the lowest loss there is room for the word that marks it.
        axes.set_ylim(low - 0.1 * (high - low), high + 0.05 * (high - low))
    axes.set_xlabel("iteration")
    axes.set_ylabel("loss (nats per character)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.locator_params(nbins=5)
    axes.legend(frameon=False)
    return figure
