"""What the `model` config group holds."""

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
