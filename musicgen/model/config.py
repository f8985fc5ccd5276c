"""The `model` config group."""

from dataclasses import field
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from musicgen.model.cells import find_cell
from musicgen.notation.spelling import Notes, Spelling


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class ModelConfig:
    """The network's shape."""

    cell: str
    """A name in cells.py or of another package, or the path of a class. Whether it exists is checked later:
    records come from machines with other packages."""
    hidden_size: Annotated[int, Field(ge=1, le=16384)]
    num_layers: Annotated[int, Field(ge=1, le=16)]
    embedding_size: Annotated[int, Field(ge=1, le=16384)]
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)]
    """On the embedding, between layers and before the output; 0 turns it off."""
    # The defaults are for records of runs made before these fields existed.
    bar_position: bool = False
    """Also read how much of its bar is filled and which bar of its section it is in."""
    lookback_bars: Annotated[list[Annotated[int, Field(ge=1, le=64)]], Field(max_length=16)] = field(
        default_factory=list
    )
    """Also read the character at the same place this many bars before."""

    # Records of older runs lack the fields below.
    form_plan: bool = False
    """Write a plan of the sections below K:, and read how far it is done."""
    lookback_statements: Annotated[int, Field(ge=2)] | None = None
    """Withhold those characters once a period has been stated this often in a row; null: never."""
    notes: Notes = "letters"
    """How notes are spelled."""

    @property
    def spelling(self) -> Spelling:
        """How the network spells tunes."""
        return Spelling(self.notes, self.form_plan)

    @property
    def reads_more_than_characters(self) -> bool:
        """Whether the network reads anything besides each character."""
        return self.bar_position or self.form_plan or self.notes == "degrees" or len(self.lookback_bars) > 0

    @property
    def training_flops(self) -> int:
        """Floating-point operations of the recurrent layers per character of training.

        A product with a [rows, columns] matrix takes 2·rows·columns. Training takes three: forward, gradient
        of the input, gradient of the weights.
        """
        rows = find_cell(self.cell).num_gates * self.hidden_size
        inputs = [self.embedding_size, *[self.hidden_size] * (self.num_layers - 1)]
        return sum(3 * 2 * rows * (size + self.hidden_size) for size in inputs)
