"""What the `model` config group holds."""

from dataclasses import field
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class ModelConfig:
    """The network's shape."""

    cell: Literal["lstm", "gru"]
    hidden_size: Annotated[int, Field(ge=1, le=16384)]
    num_layers: Annotated[int, Field(ge=1, le=16)]
    embedding_size: Annotated[int, Field(ge=1, le=16384)]
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)]
    """On the embedding, between the layers and before the output; 0 is none."""
    # What runs that were made before these fields had.
    bar_position: bool = False
    """Read, beside each character, how much of its bar is filled and which bar of its section it is in."""
    lookback_bars: Annotated[list[Annotated[int, Field(ge=1, le=64)]], Field(max_length=16)] = field(
        default_factory=list
    )
    """Read, beside each character, what stands at the same place so many bars before."""

    @property
    def reads_more_than_characters(self) -> bool:
        """Whether anything is read beside each character."""
        return self.bar_position or len(self.lookback_bars) > 0

    @property
    def training_flops(self) -> int:
        """Floating-point operations a character of training, of the recurrent layers.

        A product with a [rows, columns] matrix takes 2·rows·columns, and training is three such: forward,
        gradient of the input, gradient of the weights.
        """
        gates = {"lstm": 4, "gru": 3}[self.cell]
        inputs = [self.embedding_size, *[self.hidden_size] * (self.num_layers - 1)]
        return sum(3 * 2 * gates * self.hidden_size * (size + self.hidden_size) for size in inputs)
