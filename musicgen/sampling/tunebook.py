"""Sampled tunes as an ABC file that other programs read."""

import json
import re
from collections.abc import Sequence

from musicgen.sampling.generation import SampledTune

_NUMBER_LINE = re.compile(r"\AX:[^\n]*(?:\n|\Z)")


def tunebook(tunes: Sequence[SampledTune], origin: str) -> str:
    """An ABC file with every tune as drawn, numbered from 1.

    An N: field says where each came from: `origin` (model and seed), temperature and prompt. The drawn X:
    field, where there is one, gives way to the tune's number, since numbers in a file must differ.
    """
    return "".join(stamped_tune(tune, origin) + "\n" for tune in tunes)


def stamped_tune(tune: SampledTune, origin: str) -> str:
    """One tune with its number and its origin in the header, ending in a newline."""
    stamp = (
        f"N:{origin}, temperature {tune.temperature:g}, prompt {json.dumps(tune.prompt, ensure_ascii=False)}"
    )
    return f"X:{tune.index + 1}\n{stamp}\n{_NUMBER_LINE.sub('', tune.text)}\n"
