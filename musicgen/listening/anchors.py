"""Hidden anchors: tunes that a reliable listener rates high or low, whatever the runs did."""

from pathlib import Path

import numpy as np

from musicgen.corpus.config import DataConfig
from musicgen.errors import InputError
from musicgen.listening.stimuli import CORPUS, SHUFFLED, Play, Stimulus, anchor_stimulus
from musicgen.notation.headers import music_start
from musicgen.notation.lines import read_field
from musicgen.notation.parsing import parse_tune
from musicgen.notation.tokens import TOKEN
from musicgen.records.known_corpus import load_known_corpus
from musicgen.records.record import RunRecord


def draw_anchors(
    record: RunRecord,
    count: int,
    rng: np.random.Generator,
    play: Play,
    corpus: DataConfig | None,
    cache: Path | None = None,
) -> tuple[list[Stimulus], str]:
    """Draw `count` held-out corpus tunes and as many others with shuffled notes; also returns a remark or "".

    The tunes are from the validation split, with correct bars. corpus: the run's corpus on this machine, or
    None. If it is missing or has changed, the list is empty and the remark says why.
    """
    if not count:
        return [], "no anchors were requested"
    try:
        tunes = load_known_corpus(record, corpus, cache)
    except InputError as error:
        return [], f"no anchors: {error}"
    held_out = [tune for tune in tunes.part("validation") if _has_correct_bars(tune)]
    texts = iter([held_out[place] for place in rng.permutation(len(held_out))])
    anchors: list[Stimulus] = []
    for kind in (CORPUS, SHUFFLED):
        found = 0
        while found < count and (text := next(texts, None)) is not None:
            stimulus = anchor_stimulus(kind, text if kind == CORPUS else with_shuffled_notes(text, rng))
            if play(stimulus):
                anchors.append(stimulus)
                found += 1
    is_short = len(anchors) < 2 * count
    return anchors, f"only {len(anchors)} anchors: the corpus has no more valid tunes" if is_short else ""


def _has_correct_bars(tune: str) -> bool:
    parsed = parse_tune(tune)
    return len(parsed.notes) > 0 and all(bar.is_valid and bar.meter is not None for bar in parsed.bars)


def with_shuffled_notes(tune: str, rng: np.random.Generator) -> str:
    """The tune with its notes, including their lengths, in random order; everything between them stays."""
    start = music_start(tune)
    lines = tune[start:].split("\n")
    pieces = [
        [("line", line)]
        if read_field(line)
        else [(token.lastgroup, token[0]) for token in TOKEN.finditer(line)]
        for line in lines
    ]
    notes = [text for line in pieces for kind, text in line if kind == "note"]
    shuffled = iter([notes[place] for place in rng.permutation(len(notes))])
    return tune[:start] + "\n".join(
        "".join(next(shuffled) if kind == "note" else text for kind, text in line) for line in pieces
    )
