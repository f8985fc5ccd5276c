"""What a run measures: the losses of its network, the metrics of its tunes, and the figures of both."""

import time
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

from musicgen.metrics.conditional_figures import conditional_figure
from musicgen.metrics.evaluation import Evaluation, Evaluator
from musicgen.metrics.reference import Reference, build_reference
from musicgen.metrics.registry import HEADLINE
from musicgen.model.network import CharacterNetwork
from musicgen.preparation import PreparedRun
from musicgen.sampling.generation import SampledTune
from musicgen.study.record import RunRecord
from musicgen.training.figures import loss_figure
from musicgen.training.loss import encode_tunes, mean_loss
from musicgen.training.outcome import Fit

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def measure(
    prepared: PreparedRun,
    record: RunRecord,
    fitted: Fit,
    network: CharacterNetwork,
    tunes: Sequence[SampledTune],
) -> tuple[Evaluation, dict[str, "Figure"]]:
    """Put all numbers into the record; returns those of the tunes, and the figures by file name."""
    started = time.perf_counter()
    corpus = prepared.corpus
    reference = _reference(prepared, len(tunes))
    held_out = [*corpus.part("validation"), *corpus.part("test")]
    evaluator = Evaluator(reference, corpus.part("train"), held_out, cache_dir=prepared.config.paths.cache)
    texts, ended = [tune.text for tune in tunes], [tune.ended for tune in tunes]
    evaluation = evaluator.evaluate(texts, ended=ended)
    record.metrics = _losses(prepared, fitted, network) | evaluation.metrics
    record.reasons = evaluation.reasons
    record.reference, record.floor = reference.beside, reference.floor
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
                figures[f"by_{name}"] = conditional_figure(by, name, record.reference_by[name])
    record.timing["evaluate_seconds"] = time.perf_counter() - started
    return evaluation, figures


def _losses(prepared: PreparedRun, fitted: Fit, network: CharacterNetwork) -> dict[str, float | None]:
    corpus = prepared.corpus
    metrics: dict[str, float | None] = {
        "fit/best_iteration": fitted.best_iteration,
        "fit/final_validation_loss": fitted.final_validation_loss,
    }
    losses = {
        part: mean_loss(network, encode_tunes(corpus.part(part), corpus.vocabulary, prepared.device))
        for part in ("train", "validation", "test")
    }
    for part, loss in losses.items():
        metrics[f"fit/{part}_loss"] = loss.nats
        metrics[f"fit/{part}_bits"] = loss.bits
        metrics[f"fit/{part}_body_loss"] = loss.body_nats
    metrics["fit/generalisation_gap"] = losses["test"].nats - losses["train"].nats
    # The best loss also where the last weights are sampled.
    metrics["fit/validation_loss"] = fitted.best_validation_loss
    return metrics


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
    record.metrics_by[name], record.reference_by[name] = by, reference.beside
    return by


def _has_headline_metrics(by: Mapping[str, Mapping[str, float | None]]) -> bool:
    return any(metrics.get(metric) is not None for metrics in by.values() for metric in HEADLINE)


def _reference(prepared: PreparedRun, num_tunes: int) -> Reference:
    corpus = prepared.corpus
    return build_reference(
        corpus.tunes,
        num_tunes=num_tunes,
        groups=corpus.groups,
        num_splits=prepared.config.evaluation.num_reference_splits,
        cache_dir=prepared.config.paths.cache,
    )
