"""A small invented study on the disk: runs with their tunes, as a report reads them."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from musicgen.records.runs import FoundRun
from tests.records.made_runs import LOSS, RATE, made_run, written

HOSTILE_TITLE = "<script>fail()</script> & <img src=x onerror=fail()>"
PROMPT = "X:1\nM:4/4\nL:1/8\nK:C\n"
GOOD = "CDEF GABc|cBAG FEDC|CEGE CEGE|c2G2 E2C2|CDEF GABc|cBAG FEDC|GFED CDEF|E2D2 C4|]"
"""Eight correct bars, two of which answer earlier ones, ending on the tonic."""
FORM = f"{GOOD[:-2]}:|\n{GOOD[:-2]}:|"
"""Two sections of eight bars."""
WRONG = "CDEF G|A|cBAG FEDC|C"
REFERENCE = {
    "structure/lag_repeat": {"mean": 0.2, "sd": 0.02},
    LOSS: {"mean": 1.0, "sd": 0.02},
    RATE: {"mean": 0.9, "sd": 0.02},
}


def cells(body: str, **changes: object) -> dict[str, object]:
    """A row of tunes.csv for a tune with this body."""
    bars = [bar for bar in body.strip("|]").split("|") if bar]
    is_good = body in (GOOD, FORM)
    row: dict[str, object] = {
        "prompt": PROMPT,
        "temperature": 0.7,
        "title": "A Tune",
        "num_notes": sum(letter.isalpha() for letter in body),
        "num_bars": len(bars),
        "num_valid_bars": len(bars) if is_good else 1,
        "is_complete": True,
        "is_valid": is_good,
        "lag_repeat": 0.5 if is_good else "",
        "distinct_bars": 0.75,
        "ends_on_tonic": True,
        "longest_copy": 5,
        "longest_transposed_copy": 7,
        "nearest_tune": "The Fox Chase",
        "nearest_passage": "CDEFGABc|cBAG",
        "nearest_start": 0,
        "nearest_notes": 5,
        "nearest_transposition": 0,
        "nearest_tune_passage": "M:4/4\nL:1/8\nK:C\nCDEF G2 z2",
    }
    return row | changes


COPY = {
    "longest_copy": 12,
    "longest_transposed_copy": 13,
    "nearest_tune": HOSTILE_TITLE,
    "nearest_start": 0,
    "nearest_notes": 12,
    "nearest_tune_passage": f'M:2/4\nL:1/8\nK:C\nFE|"{HOSTILE_TITLE}"CD EF|GA Bc|cB AG|EE',
}
"""Cells of a tune that starts like a training tune with markup in its title and its music."""

Tune = tuple[str, Mapping[str, object]]
"""A body, and the cells of tunes.csv in which it differs from `cells`."""


def write_run(run: FoundRun, root: Path, tunes: Sequence[Tune] = ()) -> Path:
    """Write run.json, history.csv, tunes.abc and tunes.csv; returns the run's directory."""
    directory = written(run, root)
    lines = ["iteration,train_loss,validation_loss,learning_rate,tokens_per_second"]
    lines += [f"{step},2.0,{1.5 + 10 / step},0.005,1000" for step in (10, 20, 30)]
    (directory / "history.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    if not tunes:
        return directory
    rows = [{"index": index, **cells(body, **changes)} for index, (body, changes) in enumerate(tunes)]
    stamp = f"N:musicgen run {run.record.run_id}, lstm 1 x 64, corpus oneills, seed {run.record.seed}"
    texts = [
        f'X:{number}\n{stamp}, temperature 0.7, prompt ""\nT:{row["title"]}\nM:4/4\nL:1/8\nK:C\n{body}\n\n'
        for number, (row, (body, _)) in enumerate(zip(rows, tunes, strict=True), start=1)
    ]
    (directory / "tunes.abc").write_text("".join(texts), encoding="utf-8")
    with (directory / "tunes.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list({name: None for row in rows for name in row}))
        writer.writeheader()
        writer.writerows(rows)
    return directory


def write_study(root: Path, first_seed: int = 0, **study: Any) -> Path:
    """Write baseline, a GRU and a learning rate that diverged once, with three seeds; returns the root."""
    declared = {
        "name": "made up",
        "question": "Does <b>anything</b> help?",
        "primary_metrics": [LOSS, RATE],
        "equivalence_margin": {LOSS: 0.02},
    } | study
    arms = (
        ("baseline", None, {}),
        ("model.cell=gru", ("model.cell", "gru", "lstm"), {"model.cell": "gru"}),
        (
            "training.learning_rate=0.02",
            ("training.learning_rate", 0.02, 0.005),
            {"training.learning_rate": 0.02},
        ),
    )
    for place, (name, change, overrides) in enumerate(arms):
        for seed in range(first_seed, first_seed + 3):
            is_diverged = place == 2 and seed == first_seed + 2
            loss = 1.5 - 0.2 * (place == 1) + 0.01 * seed * place + 0.002 * seed
            run = made_run(
                f"{name}/seed={seed}",
                seed=seed,
                overrides=overrides,
                change=change,
                status="diverged" if is_diverged else "complete",
                run_id=f"{place}{seed}" * 8,
                study=declared,
                metrics={} if is_diverged else {LOSS: loss, RATE: 0.3 + 0.01 * seed},
            )
            run.record.reference = REFERENCE
            run.record.command = f"python -m musicgen.train training=smoke model.cell=lstm seed={seed}"
            own = GOOD.replace("GABc", "GAB" + "cde"[place])
            tunes = [
                (WRONG, {"title": HOSTILE_TITLE}),
                (GOOD, {"title": HOSTILE_TITLE} | COPY),
                (own, {"is_valid": True, "num_valid_bars": 8, "lag_repeat": 0.5}),
                ("", {"num_notes": 0}),
            ]
            write_run(run, root, [] if is_diverged else tunes)
    return root
