"""Hidden anchors: what a listener should rate high and low, whatever the runs did."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from musicgen.corpus.config import DataConfig
from musicgen.corpus.corpus import load_corpus
from musicgen.corpus.sources import is_at_hand
from musicgen.corpus.tunes import split_header
from musicgen.errors import InputError
from musicgen.listening.stimuli import CORPUS, SHUFFLED, Play, Stimulus, anchor_stimulus
from musicgen.notation.lines import read_field
from musicgen.notation.parsing import parse_tune
from musicgen.notation.tokens import TOKEN
from musicgen.records.record import RunRecord

_RULES = ("clean", "keep_fields", "validation_share", "test_share", "near_duplicate_share", "split_seed")
"""What a run says of how its corpus was read."""


def draw_anchors(
    record: RunRecord,
    count: int,
    rng: np.random.Generator,
    play: Play,
    corpus: DataConfig | None,
    cache: Path | None = None,
) -> tuple[list[Stimulus], str]:
    """`count` corpus tunes held out of the run's training, as many others with shuffled notes; and a remark.

    corpus: where this machine has the run's corpus, or None. The run says how it was cleaned and split, but
    not where it is: a record from somebody else would name what is read here. The tunes are those of the
    validation split, with right bars. No anchors if the corpus is not at hand or is another one now; the
    remark says so, else it is "".
    """
    if not count:
        return [], "no anchors were asked for"
    if corpus is None:
        return [], "no anchors: the runs' corpus does not come with the program; --corpus PATH names it"
    if not is_at_hand(corpus):
        return [], f"no anchors: the corpus {corpus.name} is not at hand; --corpus PATH names it"
    try:
        tunes = load_corpus(_read_like_the_run(corpus, record), cache)
    except (InputError, ValidationError) as error:
        return [], f"no anchors: the corpus is not at hand ({' '.join(str(error).split())})"
    if tunes.sha256 != record.corpus.get("sha256"):
        return [], f"no anchors: the corpus {corpus.name} is not the one that the runs were trained on"
    held_out = [tune for tune in tunes.part("validation") if _has_right_bars(tune)]
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


def _read_like_the_run(corpus: DataConfig, record: RunRecord) -> DataConfig:
    """The corpus, cleaned and split as the run's was. Raises ValidationError for rules that are none."""
    data = record.config.get("data")
    rules = {name: data[name] for name in _RULES if name in data} if isinstance(data, Mapping) else {}
    return TypeAdapter(DataConfig).validate_json(json.dumps({**asdict(corpus), **rules}))


def _has_right_bars(tune: str) -> bool:
    parsed = parse_tune(tune)
    return len(parsed.notes) > 0 and all(bar.is_valid and bar.meter is not None for bar in parsed.bars)


def with_shuffled_notes(tune: str, rng: np.random.Generator) -> str:
    """The tune with its notes, and their lengths, in a random order; everything between them stays."""
    header, body = split_header(tune)
    lines = body.split("\n")
    pieces = [
        [("line", line)]
        if read_field(line)
        else [(_kind(token.lastgroup), token[0]) for token in TOKEN.finditer(line)]
        for line in lines
    ]
    notes = [text for line in pieces for kind, text in line if kind == "note"]
    shuffled = iter([notes[place] for place in rng.permutation(len(notes))])
    return header + "\n".join(
        "".join(next(shuffled) if kind == "note" else text for kind, text in line) for line in pieces
    )


def _kind(name: str | None) -> str:
    assert name is not None, "every pattern of TOKEN is named"
    return name
