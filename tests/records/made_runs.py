"""Runs made up for tests: records, and whole studies on the disk."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from musicgen.config import Change
from musicgen.records.record import RunRecord, Status
from musicgen.records.runs import FoundRun

LOSS, RATE = "fit/validation_loss", "validity/sound_rate"

BASE = {
    "data": {"name": "oneills", "source": "music21", "path": "oneills1850", "clean": True},
    "model": {"cell": "lstm", "hidden_size": 64},
    "training": {"learning_rate": 0.005, "num_threads": 1},
    "sampling": {"num_tunes": 200, "temperature": 0.7, "prompts": ["X:1\n"]},
    "evaluation": {"num_reference_splits": 5, "num_train_tunes": None},
    "tracker": {
        "kind": "none",
        "mode": "offline",
        "project": "tests",
        "workspace": None,
        "tags": [],
        "upload_timeout_seconds": 1.0,
    },
}


def made_run(
    directory: str | Path = "sweep/arm/seed=0",
    *,
    seed: int = 0,
    overrides: Mapping[str, object] | None = None,
    change: tuple[str, object, object] | None = None,
    metrics: Mapping[str, float | None] | None = None,
    status: Status = "complete",
    retuned: Mapping[str, object] | None = None,
    training_id: str | None = None,
    run_id: str | None = None,
    noise: Mapping[str, float] | None = None,
    study: Mapping[str, object] | None = None,
    split_seed: int | None = None,
) -> FoundRun:
    """A run in `directory`, its config BASE with dotted overrides."""
    config: dict[str, dict[str, object]] = {group: dict(content) for group, content in BASE.items()}
    config["data"]["split_seed"] = seed if split_seed is None else split_seed
    for name, value in (overrides or {}).items():
        group, _, field = name.partition(".")
        config[group][field] = value
    whole: dict[str, object] = {**config, "seed": seed}
    if study is not None:
        whole["study"] = dict(study)
    record = RunRecord(
        run_id=run_id or str(directory),
        training_id=training_id or str(directory),
        status=status,
        seed=seed,
        config=whole,
        command="",
        corpus={"name": "oneills", "sha256": "0"},
        weights=None,
        change=None if change is None else Change(*change),
        retuned=dict(retuned or {}),
        metrics=dict(metrics or {}),
        sampling_noise=dict(noise or {}),
        timing={
            "trained_iterations": 300,
            "reused_iterations": 0,
            "train_seconds": 1.5,
            "total_seconds": 2.5,
        },
        error=None if status == "complete" else f"it {status}",
    )
    return FoundRun(Path(directory), record)


def written(run: FoundRun, root: Path) -> Path:
    """Write the run below `root`; returns its directory."""
    directory = root / run.directory
    directory.mkdir(parents=True, exist_ok=True)
    run.record.write(directory)
    return directory


def made_study(
    values: Mapping[float, Sequence[float | None]],
    metric: str = LOSS,
    baseline: float = 0.005,
    study: Mapping[str, object] | None = None,
) -> list[FoundRun]:
    """A study of the learning rate: level -> the metric of each seed, None where that run diverged."""
    runs = []
    for level, column in values.items():
        for seed, value in enumerate(column):
            change = None if level == baseline else ("training.learning_rate", level, baseline)
            runs.append(
                made_run(
                    f"sweep/learning_rate={level}/seed={seed}",
                    seed=seed,
                    overrides={"training.learning_rate": level},
                    change=change,
                    metrics={} if value is None else {metric: value},
                    status="diverged" if value is None else "complete",
                    study=study,
                )
            )
    return runs


def made_temperatures(metrics: Callable[[float, int], Mapping[str, float]]) -> list[FoundRun]:
    """Temperatures 0.7, the baseline, and 1.1 with three seeds, whose training they share.

    metrics: of a temperature and a seed.
    """
    return [
        made_run(
            f"s/{temperature}/seed={seed}",
            seed=seed,
            overrides={"sampling.temperature": temperature},
            change=None if temperature == 0.7 else ("sampling.temperature", temperature, 0.7),
            metrics=metrics(temperature, seed),
            training_id=f"t{seed}",
        )
        for temperature in (0.7, 1.1)
        for seed in range(3)
    ]
