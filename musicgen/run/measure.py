"""What a run measures: the losses of its network, the metrics of its tunes, and the figures of both."""

import hashlib
import json
import logging
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from musicgen.config import Config
from musicgen.metrics.evaluation import Evaluation, compare, evaluate_by
from musicgen.metrics.figures import evaluation_figures
from musicgen.metrics.group_figure import group_figure
from musicgen.metrics.noise import sampling_noise
from musicgen.metrics.outside import as_recorded, outside_metrics
from musicgen.metrics.reference import Reference, build_reference
from musicgen.metrics.registry import HEADLINE, Metric
from musicgen.model.network import CharacterNetwork
from musicgen.records.record import RunRecord
from musicgen.run.inputs import MAX_SCORED_CHARACTERS, RunInputs
from musicgen.sampling.generation import SampledTune
from musicgen.system.cache import computed_once
from musicgen.system.files import source_code
from musicgen.training.loss import Loss, mean_loss
from musicgen.training.outcome import Fit
from musicgen.training.progress import WAITING_FOR_REFERENCE, report_stage, report_waiting

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)

PARTS = ("train", "validation", "test")
_LOSSES_DEPEND_ON = ("training", "model", "engine", "notation", "corpus")
"""Folders of the package."""


def measure_tunes(
    tunes: Sequence[SampledTune], inputs: RunInputs, config: Config, record: RunRecord
) -> tuple[Evaluation, dict[str, "Figure"]]:
    """Put the tunes' metrics into the record; returns them, and figures by file name."""
    report_stage("evaluating")
    outside = outside_metrics(config.evaluation.metrics)
    reference = _reference(inputs, config, len(tunes), outside)
    texts, ended = [tune.text for tune in tunes], [tune.ended for tune in tunes]
    comparison = compare(texts, reference, inputs.compared, ended=ended, outside=outside)
    evaluation = Evaluation.of(comparison)
    record.metrics |= evaluation.metrics
    record.reasons = evaluation.reasons
    record.outside_metrics = as_recorded(outside)
    for metric in outside:
        if metric.name in evaluation.reasons:
            log.warning("%s has no value: %s", metric.name, evaluation.reasons[metric.name])
    record.reference, record.floor = reference.by_metric, reference.floor
    record.sampling_noise = sampling_noise(comparison)
    draws = config.rendering.plots
    figures = evaluation_figures(comparison) if draws else {}
    for name in ("temperature", "prompt"):
        keys: list[Hashable] = [getattr(tune, name) for tune in tunes]
        num_groups = len(set(keys))
        if num_groups == 1:
            continue
        # Count metrics depend on the number of tunes, so a group's reference has as many as the group.
        reference = _reference(inputs, config, len(tunes) // num_groups, outside)
        groups = evaluate_by(comparison, keys, reference)
        by = {str(key): group.metrics for key, group in groups.items()}
        record.metrics_by[name] = by
        record.reference_by[name], record.floor_by[name] = reference.by_metric, reference.floor
        if draws and _has_headline_metrics(by):
            figures[f"by_{name}"] = group_figure(by, name, reference.by_metric)
    return evaluation, figures


def _reference(inputs: RunInputs, config: Config, num_tunes: int, outside: Sequence[Metric]) -> Reference:
    reference = build_reference(
        inputs.corpus.tunes,
        num_tunes=num_tunes,
        groups=inputs.corpus.groups,
        num_splits=config.evaluation.num_reference_splits,
        outside=outside,
        cache_dir=Path(config.paths.cache),
        locks=config.paths.locks,
        on_wait=partial(report_waiting, WAITING_FOR_REFERENCE),
    )
    report_stage("evaluating")
    return reference


def _has_headline_metrics(by: Mapping[str, Mapping[str, float | None]]) -> bool:
    return any(metrics.get(metric) is not None for metrics in by.values() for metric in HEADLINE)


def measure_losses(
    network: CharacterNetwork,
    fitted: Fit,
    inputs: RunInputs,
    config: Config,
    device: torch.device,
    record: RunRecord,
) -> None:
    """Put the network's losses into the record, before all other metrics.

    They are those of whole splits, and are kept: runs that differ only in sampling share them.
    """
    losses = computed_once(
        Path(config.paths.cache) / f"losses-{_losses_key(network, inputs, config, device)}.json",
        read=_read_losses,
        compute=lambda: {part: mean_loss(network, getattr(inputs, part).to(device)) for part in PARTS},
        write=lambda losses: json.dumps({part: asdict(loss) for part, loss in losses.items()}),
        locks=config.paths.locks,
    )
    metrics: dict[str, float | None] = {
        "fit/best_iteration": fitted.best_iteration,
        "fit/final_validation_loss": fitted.final_validation_loss,
    }
    for part, loss in losses.items():
        metrics[f"fit/{part}_loss"] = loss.nats
        metrics[f"fit/{part}_bits"] = loss.bits
        metrics[f"fit/{part}_body_loss"] = loss.body_nats
    metrics["fit/generalisation_gap"] = losses["test"].nats - losses["train"].nats
    # The best loss, even if the last weights are sampled.
    metrics["fit/validation_loss"] = fitted.best_validation_loss
    record.metrics = metrics | record.metrics


def _read_losses(text: str) -> dict[str, Loss]:
    known = json.loads(text)
    return {part: Loss(**known[part]) for part in PARTS}


def _losses_key(network: CharacterNetwork, inputs: RunInputs, config: Config, device: torch.device) -> str:
    """16 hexadecimal digits that differ whenever the last digit of a loss might."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256(b"".join(source_code(package / part) for part in _LOSSES_DEPEND_ON))
    training, corpus = config.training, inputs.corpus
    number = config.evaluation.num_train_tunes, MAX_SCORED_CHARACTERS
    computed_by = (torch.__version__, device.type, training.num_threads, training.precision, number)
    digest.update(repr((corpus.sha256, corpus.split, inputs.vocabulary, computed_by)).encode())
    for name, weights in network.state_dict().items():
        digest.update(name.encode() + weights.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
