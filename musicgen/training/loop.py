"""The training loop: random windows, AdamW, validation at a set cadence, best and last weights kept."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.corpus.windows import RandomWindows
from musicgen.model.checkpoint import Checkpoint, weights_on_cpu
from musicgen.model.config import ModelConfig
from musicgen.model.network import CharacterNetwork
from musicgen.training.config import TrainingConfig
from musicgen.training.interruption import listen_for_interruption
from musicgen.training.loss import EncodedTunes, mean_loss
from musicgen.training.milestone import Milestone, restore_milestone, save_milestone
from musicgen.training.outcome import Fit, Record, TrainingDiverged, TrainingInterrupted
from musicgen.training.schedule import learning_rate_at

RECORD_INTERVAL = 10
"""Iterations between two looks at the loss; looking at it waits for the device."""
SAVE_INTERVAL_SECONDS = 60.0
WARM_UP_STEPS = 3
"""Steps of a process that its speed leaves out."""


@dataclass(frozen=True)
class Task:
    """What is trained, on what, and where its files go."""

    network: CharacterNetwork
    model: ModelConfig
    vocabulary: Vocabulary
    windows: RandomWindows
    validation: EncodedTunes
    config: TrainingConfig
    folder: Path
    """Holds best.pt, last.pt and the state to go on from."""
    dropout_seed: int
    device: torch.device


@dataclass
class Stopwatch:
    """Training steps and the time they took, validation and saving left out."""

    steps: int = 0
    seconds: float = 0.0
    first_steps: int = 0

    def add(self, steps: int, seconds: float) -> None:
        """Count some steps, except for the first few of a process."""
        warm_up = min(steps, WARM_UP_STEPS - self.first_steps)
        self.first_steps += warm_up
        self.seconds += seconds * (steps - warm_up) / steps
        self.steps += steps - warm_up


def fit(task: Task, on_step: Callable[[int], None], on_record: Callable[[Record], None]) -> Fit:
    """Train to the end, from the folder's milestone if there is one.

    on_step hears the number of every iteration done, on_record every row of the history, those of an
    earlier process first. Raises TrainingDiverged and TrainingInterrupted; both leave best.pt, and the
    second a milestone, as they are on the disk.
    """
    # The random stream of dropout is torch's global one: it must not leak into what runs next.
    with torch.random.fork_rng(), listen_for_interruption() as interruption:
        torch.manual_seed(task.dropout_seed)
        optimizer = _build_optimizer(task)
        milestone = restore_milestone(task.folder, task.network, optimizer, task.windows.generator)
        reused = milestone.iteration
        for record in milestone.history:
            on_record(record)
        started = last_saved = time.perf_counter()
        stopwatch = Stopwatch()
        while not _is_finished(milestone, task.config):
            record = _train_until_record(task, optimizer, milestone.iteration, stopwatch, on_step)
            if _is_validation_due(record.iteration, task.config):
                record = replace(record, validation_loss=mean_loss(task.network, task.validation).nats)
                _note_validation(task, milestone, record)
            milestone.iteration = record.iteration
            milestone.history.append(record)
            on_record(record)
            now = time.perf_counter()
            if (
                record.validation_loss is not None
                or interruption.requested
                or now - last_saved > SAVE_INTERVAL_SECONDS
            ):
                save_milestone(task.folder, milestone, task.network, optimizer, task.windows.generator)
                last_saved = now
            if interruption.requested and not _is_finished(milestone, task.config):
                raise TrainingInterrupted(milestone.iteration)
    return Fit(
        history=tuple(milestone.history),
        best_iteration=milestone.best_iteration,
        best_validation_loss=milestone.best_validation_loss,
        final_validation_loss=milestone.final_validation_loss,
        iterations=milestone.iteration,
        reused_iterations=reused,
        train_seconds=time.perf_counter() - started,
        tokens_per_second=_tokens_per_second(stopwatch.steps, stopwatch.seconds, task.config),
    )


def _build_optimizer(task: Task) -> torch.optim.Optimizer:
    config = task.config
    return torch.optim.AdamW(
        task.network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )


def _train_until_record(
    task: Task,
    optimizer: torch.optim.Optimizer,
    iteration: int,
    stopwatch: Stopwatch,
    on_step: Callable[[int], None],
) -> Record:
    """Train to the next multiple of RECORD_INTERVAL, the next validation or the end."""
    config = task.config
    end = min(
        _next_multiple(iteration, RECORD_INTERVAL), _next_multiple(iteration, config.validation_interval)
    )
    end = min(end, config.num_iterations)
    started = time.perf_counter()
    losses, norms = [], []
    for step in range(iteration + 1, end + 1):
        loss, norm = _train_step(task, optimizer, learning_rate_at(step, config))
        losses.append(loss)
        norms.append(norm)
        on_step(step)
    # The only place that waits for the device.
    loss_values, norm_values = torch.stack([torch.stack(losses), torch.stack(norms)]).tolist()
    seconds = time.perf_counter() - started
    stopwatch.add(end - iteration, seconds)
    for offset, (loss, norm) in enumerate(zip(loss_values, norm_values, strict=True)):
        if not (math.isfinite(loss) and math.isfinite(norm)):
            at = iteration + 1 + offset
            raise TrainingDiverged(at, learning_rate_at(at, config), loss, norm)
    return Record(
        iteration=end,
        train_loss=sum(loss_values) / len(loss_values),
        validation_loss=None,
        learning_rate=learning_rate_at(end, config),
        tokens_per_second=_tokens_per_second(end - iteration, seconds, config),
    )


def _train_step(task: Task, optimizer: torch.optim.Optimizer, learning_rate: float) -> tuple[Tensor, Tensor]:
    """One step; returns the mean loss of its batch and the norm of its gradient before clipping."""
    tokens = torch.from_numpy(task.windows.draw()).to(task.device)
    scores, _ = task.network(tokens[:-1])
    loss = functional.cross_entropy(scores.flatten(0, 1), tokens[1:].flatten())
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    clip = task.config.gradient_clip
    norm = torch.nn.utils.clip_grad_norm_(task.network.parameters(), math.inf if clip is None else clip)
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    optimizer.step()
    return loss.detach(), norm


def _note_validation(task: Task, milestone: Milestone, record: Record) -> None:
    """Keep the weights as the last and, if they are, as the best."""
    assert record.validation_loss is not None
    if not math.isfinite(record.validation_loss):
        raise TrainingDiverged(record.iteration, record.learning_rate, record.validation_loss, math.nan)
    checkpoint = Checkpoint(
        config=task.model,
        vocabulary=task.vocabulary,
        weights=weights_on_cpu(task.network),
        iteration=record.iteration,
        validation_loss=record.validation_loss,
    )
    milestone.final_validation_loss = record.validation_loss
    checkpoint.save(task.folder / "last.pt")
    if record.validation_loss < milestone.best_validation_loss:
        milestone.best_validation_loss = record.validation_loss
        milestone.best_iteration = record.iteration
        milestone.validations_without_best = 0
        checkpoint.save(task.folder / "best.pt")
    else:
        milestone.validations_without_best += 1


def _is_finished(milestone: Milestone, config: TrainingConfig) -> bool:
    patience = config.early_stopping_patience
    stopped_early = patience is not None and milestone.validations_without_best >= patience
    return stopped_early or milestone.iteration >= config.num_iterations


def _is_validation_due(iteration: int, config: TrainingConfig) -> bool:
    return iteration % config.validation_interval == 0 or iteration == config.num_iterations


def _next_multiple(iteration: int, interval: int) -> int:
    return (iteration // interval + 1) * interval


def _tokens_per_second(steps: int, seconds: float, config: TrainingConfig) -> float:
    return steps * config.batch_size * config.sequence_length / seconds if seconds > 0 else 0.0
