"""Reader of runs: finds, pairs and compares two runs, any file of which may be damaged.

An input is the content of the files in the order of FILES, joined by SEPARATOR.
"""

import json
import shutil
import tempfile
import warnings
from pathlib import Path

from musicgen.effects.effect import effects_frame
from musicgen.effects.joint import additivity
from musicgen.effects.noise import noise_table
from musicgen.effects.pairing import pair_runs
from musicgen.effects.summary import failures_of, unsupported
from musicgen.effects.table import effects_table
from musicgen.records.findings import findings_of
from musicgen.records.ratings import find_means, find_ratings, tune_means, with_ratings
from musicgen.records.record import RunRecord
from musicgen.records.runs import find_runs, runs_table
from musicgen.records.sampled_tunes import read_songs

SEPARATOR = b"\n=====\n"
FILES = (
    "baseline/seed=0/run.json",
    "cell=gru/seed=0/run.json",
    "cell=gru/seed=0/tunes.csv",
    "cell=gru/seed=0/history.csv",
    "ratings.csv",
    "findings.jsonl",
)
_LOSS, _RATE = "fit/validation_loss", "validity/bar_rate"


def seeds() -> list[bytes]:
    """Two runs that differ in one setting, once as a declared study and once without."""
    tables = [
        b"index,prompt,num_bars,num_notes,is_valid\n0,X:,8,32,True\n1,X:,0,0,False\n",
        b"iteration,train_loss,validation_loss,learning_rate,tokens_per_second\n10,2.5,,0.004,9000\n20,2,1.9,0.004,9100\n",
        b"listener,tune_id,run_id,arm,seed,index,criterion,rating,is_repeat,anchor,position,rated_at\n"
        b"ann,t0,bbbb,model.cell=gru,0,0,musicality,4,False,,1,2026-11-26T00:00:00+00:00\n",
        json.dumps(
            {
                "date": "2026-11-26T00:00:00+00:00",
                "run_id": "bbbb",
                "training_id": "t",
                "directory": "cell=gru/seed=0",
                "text": "It comes back",
                "ratings": {"structure": 4},
                "effect": {"parameter": "model.cell", "metric": _LOSS, "direction": "lowers"},
                "author": None,
            }
        ).encode()
        + b"\n",
    ]
    declared = {"primary_metrics": [_LOSS], "equivalence_margin": {_LOSS: 0.02}, "name": "example"}
    inputs = []
    for study in (declared, None):
        records = [_record("aaaa", "lstm", study), _record("bbbb", "gru", study)]
        inputs.append(SEPARATOR.join([*(json.dumps(record).encode() for record in records), *tables]))
    return inputs


def _record(run_id: str, cell: str, study: dict | None) -> dict:
    change = {"parameter": "model.cell", "value": "gru", "baseline_value": "lstm"}
    return {
        "run_id": run_id,
        "training_id": run_id,
        "status": "complete",
        "seed": 0,
        "config": {
            "data": {"name": "oneills", "path": "oneills1850", "split_seed": 0},
            "model": {"cell": cell, "hidden_size": 64, "lookback_bars": [1, 2]},
            "training": {"learning_rate": 0.004, "num_threads": 1},
            "sampling": {"num_tunes": 200, "temperature": 1.0, "prompts": ["X:"]},
            "evaluation": {"num_train_tunes": None},
            "paths": {"locks": True},
            "seed": 0,
            "study": study,
        },
        "command": "python -m musicgen.train model.cell=gru",
        "corpus": {"name": "oneills", "sha256": "0"},
        "weights": "../../store/t/end-000300.pt",
        "change": change if study and cell == "gru" else None,
        "retuned": {},
        "metrics": {_LOSS: 1.1, _RATE: 0.9, "diversity/distinct_4": None},
        "metrics_by": {"temperature": {"0.8": {_RATE: 0.95}}},
        "reference": {_RATE: {"mean": 0.98, "sd": 0.01}},
        "floor": {_RATE: 0.5},
        "reasons": {"diversity/distinct_4": "no notes"},
        "sampling_noise": {_RATE: 0.01},
        "timing": {"trained_iterations": 300, "train_seconds": 1.5, "total_seconds": 2.5},
        "versions": {"python": "3.11.7"},
        "machine": {"cores": 2, "started": "2026-11-26T00:00:00+00:00"},
        "error": None,
        "schema_version": 1,
    }


def read(content: bytes) -> None:
    """Find the runs, and compute every table that `compare` and `report` show."""
    root = Path(tempfile.mkdtemp(prefix="fuzzed-runs-"))
    try:
        for name, part in zip(FILES, content.split(SEPARATOR), strict=False):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(part)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            _compare(root)
    finally:
        shutil.rmtree(root)


def _compare(root: Path) -> None:
    runs = find_runs([root])
    ratings = find_ratings(runs, root)
    pairs = pair_runs(with_ratings(runs, ratings))
    effects = effects_table(pairs)
    runs_table([*pairs.runs, *pairs.left_out], root).to_csv()
    effects_frame(effects).to_csv()
    noise_table(pairs.baseline.runs)
    additivity(pairs)
    assert all("\n" not in line for line in failures_of(pairs, root))
    unsupported(findings_of(runs, root), pairs.runs, effects)
    tune_means(ratings)
    find_means(runs, root)
    for run in runs:
        run.history()
        for song in read_songs(run):
            song.number("num_notes")
        assert RunRecord(**vars(run.record)) == run.record
