"""What a run measures: the losses of its network, the metrics of its tunes, and the figures of both."""

import hashlib
import json
import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from musicgen.metrics.evaluation import Evaluation, Evaluator
from musicgen.metrics.group_figure import group_figure
from musicgen.metrics.reference import Reference, build_reference
from musicgen.metrics.registry import HEADLINE
from musicgen.model.network import CharacterNetwork
from musicgen.records.record import RunRecord
from musicgen.run.prepare import PreparedRun
from musicgen.sampling.generation import SampledTune
from musicgen.system.files import computed_once, source_code
from musicgen.training.figures import loss_figure
from musicgen.training.loss import Loss, mean_loss
from musicgen.training.outcome import Fit
from musicgen.training.progress import WAITING_FOR_REFERENCE, report_stage, report_waiting

if TYPE_CHECKING:
    from matplotlib.figure import Figure


PARTS = ("train", "validation", "test")


def measure_tunes(
    prepared: PreparedRun, record: RunRecord, fitted: Fit, tunes: Sequence[SampledTune]
) -> tuple[Evaluation, dict[str, "Figure"]]:
    """Put the tunes' numbers into the record; returns them, and the figures by file name."""
    started = time.perf_counter()
    report_stage("evaluating")
    reference = _reference(prepared, len(tunes))
    evaluator = Evaluator(reference, prepared.material.compared)
    texts, ended = [tune.text for tune in tunes], [tune.ended for tune in tunes]
    evaluation = evaluator.evaluate(texts, ended=ended)
    record.metrics |= evaluation.metrics
    record.reasons = evaluation.reasons
    record.reference, record.floor = reference.by_metric, reference.floor
    record.sampling_noise = evaluator.sampling_noise(texts, ended=ended)
    draws = prepared.config.rendering.plots
    figures = {}
    if draws:
        figures = {"loss": loss_figure(fitted.history, fitted.best_iteration), **evaluator.figures(texts)}
    for name in ("temperature", "prompt"):
        keys = [getattr(tune, name) for tune in tunes]
        if len(set(keys)) > 1:
            by = _measure_by(name, keys, prepared, record, evaluator, texts, ended)
            if draws and _has_headline_metrics(by):
                figures[f"by_{name}"] = group_figure(by, name, record.reference_by[name])
    record.timing["evaluate_seconds"] = time.perf_counter() - started
    return evaluation, figures


def measure_losses(prepared: PreparedRun, record: RunRecord, fitted: Fit, network: CharacterNetwork) -> None:
    """Put the network's numbers into the record, before all others."""
    started = time.perf_counter()
    record.metrics = _losses(prepared, fitted, network) | record.metrics
    record.timing["losses_seconds"] = time.perf_counter() - started


def _losses(prepared: PreparedRun, fitted: Fit, network: CharacterNetwork) -> dict[str, float | None]:
    metrics: dict[str, float | None] = {
        "fit/best_iteration": fitted.best_iteration,
        "fit/final_validation_loss": fitted.final_validation_loss,
    }
    losses = _losses_by_part(prepared, fitted, network)
    for part, loss in losses.items():
        metrics[f"fit/{part}_loss"] = loss.nats
        metrics[f"fit/{part}_bits"] = loss.bits
        metrics[f"fit/{part}_body_loss"] = loss.body_nats
    metrics["fit/generalisation_gap"] = losses["test"].nats - losses["train"].nats
    # The best loss also where the last weights are sampled.
    metrics["fit/validation_loss"] = fitted.best_validation_loss
    return metrics


def _losses_by_part(prepared: PreparedRun, fitted: Fit, network: CharacterNetwork) -> dict[str, Loss]:
    """The losses of the whole splits. They are kept, since runs that only sample differently share them."""
    paths = prepared.config.paths
    return computed_once(
        Path(paths.cache) / f"losses-{_losses_key(prepared, network)}.json",
        read=_read_losses,
        compute=lambda: {part: _loss(prepared, fitted, network, part) for part in PARTS},
        write=lambda losses: json.dumps({part: asdict(loss) for part, loss in losses.items()}),
        locks=paths.locks,
    )


def _read_losses(text: str) -> dict[str, Loss]:
    known = json.loads(text)
    return {part: Loss(**known[part]) for part in PARTS}


def _loss(prepared: PreparedRun, fitted: Fit, network: CharacterNetwork, part: str) -> Loss:
    if part == "validation":
        return fitted.checkpoint_loss or mean_loss(network, prepared.validation)
    tunes = prepared.material.train if part == "train" else prepared.material.test
    return mean_loss(network, tunes.to(prepared.device))


def _losses_key(prepared: PreparedRun, network: CharacterNetwork) -> str:
    """16 hexadecimal digits that differ wherever the last digit of a loss might."""
    package = Path(__file__).parent
    digest = hashlib.sha256(
        b"".join(source_code(package / part) for part in ("training", "model", "notation"))
    )
    corpus = prepared.corpus
    number = prepared.config.evaluation.num_train_tunes
    computed_by = (torch.__version__, prepared.device.type, prepared.num_threads, prepared.precision, number)
    digest.update(repr((corpus.sha256, corpus.split, corpus.vocabulary, computed_by)).encode())
    for name, weights in network.state_dict().items():
        digest.update(name.encode() + weights.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _measure_by(
    name: str,
    keys: Sequence[Hashable],
    prepared: PreparedRun,
    record: RunRecord,
    evaluator: Evaluator,
    texts: Sequence[str],
    ended: Sequence[bool],
) -> dict[str, dict[str, float | None]]:
    """The metrics of the tunes of each temperature, or each prompt."""
    # Count metrics depend on the number of tunes: a group has a reference of its own size.
    reference = _reference(prepared, len(texts) // len(set(keys)))
    groups = evaluator.evaluate_by(texts, keys, ended=ended, reference=reference)
    by = {str(key): group.metrics for key, group in groups.items()}
    record.metrics_by[name], record.reference_by[name] = by, reference.by_metric
    return by


def _has_headline_metrics(by: Mapping[str, Mapping[str, float | None]]) -> bool:
    return any(metrics.get(metric) is not None for metrics in by.values() for metric in HEADLINE)


def _reference(prepared: PreparedRun, num_tunes: int) -> Reference:
    paths = prepared.config.paths
    reference = build_reference(
        prepared.corpus.tunes,
        num_tunes=num_tunes,
        groups=prepared.corpus.groups,
        num_splits=prepared.config.evaluation.num_reference_splits,
        cache_dir=Path(paths.cache),
        locks=paths.locks,
        on_wait=partial(report_waiting, WAITING_FOR_REFERENCE),
    )
    report_stage("evaluating")
    return reference
