"""Writes sampled tunes as an ABC file that other programs can read."""

import json
import re
from collections.abc import Sequence

from musicgen.sampling.generation import SampledTune

_NUMBER_LINE = re.compile(r"\AX:[^\n]*(?:\n|\Z)")


def tunebook(tunes: Sequence[SampledTune], origin: str) -> str:
    """An ABC file of all tunes, numbered from 1.

    An N: field states the origin (model and seed), temperature and prompt of each tune. Its number replaces
    the sampled X: field, since numbers in a file must differ.
    """
    return "".join(stamped_tune(tune, origin) + "\n" for tune in tunes)


def stamped_tune(tune: SampledTune, origin: str) -> str:
    """A tune with its number and origin in the header, ending in a newline."""
    stamp = (
        f"N:{origin}, temperature {tune.temperature:g}, prompt {json.dumps(tune.prompt, ensure_ascii=False)}"
    )
    return f"X:{tune.index + 1}\n{stamp}\n{_NUMBER_LINE.sub('', tune.text)}\n"
