"""The loss curve."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from musicgen.training.outcome import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def loss_figure(history: Sequence[Record], best_iteration: int) -> "Figure":
    """Training loss, validation loss and its best value, in nats per character."""
    # Takes a second to import, which commands that draw nothing should not wait for.
    from matplotlib.figure import Figure

    # Fixed margins: a layout engine would draw everything twice to measure the text.
    figure = Figure(figsize=(7, 4))
    axes = figure.add_axes((0.095, 0.125, 0.89, 0.855))
    iterations, losses = [row.iteration for row in history], [row.train_loss for row in history]
    axes.plot(iterations, losses, color="#9aa5b1", linewidth=1, label="training batches")
    validated = {row.iteration: row.validation_loss for row in history if row.validation_loss is not None}
    colour = "#0b7285"
    axes.plot(
        [*validated],
        [*validated.values()],
        color=colour,
        linewidth=2,
        marker="o",
        markersize=3,
        label="validation tunes",
    )
    if best_iteration in validated:
        best = validated[best_iteration]
        # The legend has the number: next to the point it would be on one of the curves.
        axes.plot([best_iteration], [best], "o", color=colour, markersize=7, label=f"best: {best:.3f}")
    # Leave out the first iterations: they are far above the rest and would flatten it.
    later, known = losses[len(history) // 20 :], validated.values()
    if later and known:
        low, high = min(*later, *known), max(*later, *known)
        room = 0.05 * (high - low)
        axes.set_ylim(low - room, high + room)
    axes.set_xlabel("iteration")
    axes.set_ylabel("loss (nats per character)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.locator_params(nbins=5)
    axes.legend(frameon=False)
    return figure
