"""The training loop: random windows, AdamW, validation at regular intervals, states saved on the way."""

import math
import os
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NoReturn

import torch
from torch import Tensor
from torch.nn import functional

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.corpus.windows import RandomWindows
from musicgen.model.network import CharacterNetwork
from musicgen.system.files import remove_file
from musicgen.system.interruption import listen_for_interruption
from musicgen.training.batches import batches
from musicgen.training.config import TrainingConfig
from musicgen.training.folder import StateFile, TrainingFolder
from musicgen.training.log import next_row
from musicgen.training.loss import EncodedTunes, mean_loss
from musicgen.training.optimizer import AdamW
from musicgen.training.outcome import Divergence, Fit, Record, TrainingDiverged, TrainingInterrupted
from musicgen.training.schedule import learning_rate_at
from musicgen.training.state import TrainingState, load_checkpoint

SAVE_INTERVAL_SECONDS = 60.0
WARM_UP_STEPS = 3
"""First steps of a process, left out of its speed."""


@dataclass(frozen=True)
class Task:
    """What to train, on what, and where the files go."""

    network: CharacterNetwork
    vocabulary: Vocabulary
    windows: RandomWindows
    validation: EncodedTunes
    config: TrainingConfig
    folder: TrainingFolder
    dropout_seed: int
    device: torch.device
    weights: Literal["best", "last"] = "best"
    """Which ones to return in `Fit.checkpoint`."""


def fit(
    task: Task,
    on_step: Callable[[int], None],
    on_record: Callable[[Record], None],
    on_start: Callable[[int, int], None] = lambda _reused, _end: None,
) -> Fit:
    """Train to the end, starting from the latest usable state in the folder.

    Calls on_start with the iteration of that state, 0 without one, and the run's last iteration so far known;
    on_step with the number of every finished iteration; and on_record with every row of the history,
    beginning with those of earlier processes. Waits while another process trains in the folder. When
    max_minutes are over, it stops as if stop_iteration had been set there. Raises TrainingDiverged;
    TrainingInterrupted, after saving a state to resume from; and InputError if training is
    needed but the folder belongs to another user.
    """
    # Dropout draws from torch's global random stream, which must not affect what runs next.
    with (
        forked_generators(task.device),
        task.folder.locked() as may_write,
        listen_for_interruption() as interruption,
    ):
        torch.manual_seed(task.dropout_seed)
        optimizer = AdamW(task.network.parameters(), task.config.weight_decay)
        draw = batches(task.windows, task.device)
        state = TrainingState(task.network, optimizer, task.windows.generator, task.vocabulary)
        newest = _restore(task, state, may_write=may_write)
        reused, reported = state.log.iteration, 0
        on_start(reused, state.log.end(task.config))
        started = last_saved = time.perf_counter()
        deadline = started + 60 * (task.config.max_minutes or math.inf)
        planned = task.config
        while True:
            for record in state.log.history(task.config, after=reported):
                on_record(record)
                reported = record.iteration
            if state.log.iteration >= state.log.end(task.config):
                break
            _raise_known_divergence(task)
            if not may_write:
                task.folder.refuse_to_write()
            _train_until_row(task, state, draw, on_step, deadline)
            if time.perf_counter() >= deadline and state.log.iteration < planned.last_iteration:
                task = replace(task, config=replace(planned, stop_iteration=state.log.iteration))
            is_validated = _validate_if_due(task, state)
            is_due = time.perf_counter() - last_saved > SAVE_INTERVAL_SECONDS
            if is_validated or interruption.requested or is_due:
                newest = _save(task, state, newest)
                last_saved = time.perf_counter()
            if interruption.requested and state.log.iteration < state.log.end(task.config):
                raise TrainingInterrupted(state.log.iteration)
        # Every validation saves a state, and a run ends with a validation.
        assert newest is not None and newest.iteration == state.log.iteration
        if not newest.is_end and not may_write:
            task.folder.refuse_to_write()
        end = _finish(task, state, newest)
        checkpoint = load_checkpoint(end, task.weights, task.config)
        # Touch the file so that pruning treats it as recently used, even if an earlier run trained it.
        with suppress(PermissionError):
            os.utime(end)
    seconds = state.log.step_seconds[reused + WARM_UP_STEPS :]
    tokens_per_step = task.config.batch_size * task.config.sequence_length
    validations = state.log.validations(task.config)
    best = state.log.best(task.config)
    return Fit(
        history=tuple(state.log.history(task.config)),
        state=end,
        checkpoint=checkpoint,
        best_iteration=best,
        best_validation_loss=validations[best],
        final_validation_loss=validations[state.log.iteration],
        iterations=state.log.iteration,
        ran_out_of_time=state.log.iteration < state.log.end(planned),
        reused_iterations=reused,
        train_seconds=time.perf_counter() - started,
        tokens_per_second=len(seconds) / sum(seconds) * tokens_per_step if seconds else 0.0,
        seconds_per_iteration=statistics.median(state.log.step_seconds),
    )


def forked_generators(device: torch.device) -> AbstractContextManager[None]:
    """Restore in the end torch's global random streams that a training on the device draws from."""
    # torch warns if it is to fork the generators of several cards.
    return torch.random.fork_rng([device] if device.type == "cuda" else [])


def _restore(task: Task, state: TrainingState, *, may_write: bool) -> StateFile | None:
    """Load the latest state that the run passes through, if any."""
    states = task.folder.states()
    for file in states:
        if file.iteration > task.config.last_iteration:
            continue
        content = state.read(file.path)
        if content is None and not file.is_end and may_write:
            # Only resuming needs such a state.
            remove_file(file.path)
        # A run without early stopping, or with more patience, may be past this run's end.
        if content is not None and file.iteration <= content.log.end(task.config):
            state.restore(content)
            # A process killed between writing this state and removing the previous one left both.
            for before in states if may_write else []:
                if 0 <= file.iteration - before.iteration <= task.config.validation_interval:
                    _remove_passed(before, file.path)
            return file
    return None


def _raise_known_divergence(task: Task) -> None:
    divergence = task.folder.divergence
    # With early stopping the run may end before the divergence: only training can show that.
    if (
        divergence is not None
        and divergence.iteration <= task.config.last_iteration
        and task.config.early_stopping_patience is None
    ):
        raise TrainingDiverged(divergence)


def _save(task: Task, state: TrainingState, previous: StateFile | None) -> StateFile:
    """Save the state and remove the previous one, unless a run ended there."""
    saved = StateFile(task.folder.passing(state.log.iteration), state.log.iteration, is_end=False)
    state.save(saved.path)
    _remove_passed(previous, saved.path)
    return saved


def _finish(task: Task, state: TrainingState, newest: StateFile) -> Path:
    """Turn the newest state, at which the run ends, into its end file."""
    path = task.folder.end(state.log.iteration)
    if newest.path == path:
        return path
    is_validated = state.log.iteration in state.log.validation_losses
    if is_validated and task.folder.locks:
        newest.path.replace(path)
        return path
    if not is_validated:
        # Another run passed here and had no reason to validate.
        _validate(task, state)
    # Without locks another process may have removed the newest file.
    state.save(path)
    _remove_passed(newest, path)
    return path


def _remove_passed(previous: StateFile | None, now: Path) -> None:
    if previous is not None and not previous.is_end and previous.path != now:
        remove_file(previous.path)


def _train_until_row(
    task: Task,
    state: TrainingState,
    draw: Callable[[], Tensor],
    on_step: Callable[[int], None],
    deadline: float,
) -> None:
    """Train to the next row of the history, or to the first step that ends at the deadline or later."""
    begin, config = state.log.iteration, task.config
    started = time.perf_counter()
    losses, norms = [], []
    for step in range(begin + 1, next_row(begin, config) + 1):
        loss, norm = train_step(task, draw(), state.optimizer, learning_rate_at(step, config))
        losses.append(loss)
        norms.append(norm)
        on_step(step)
        if time.perf_counter() >= deadline:
            break
    end = begin + len(losses)
    # The only line that waits for the device.
    loss_values, norm_values = torch.stack([torch.stack(losses), torch.stack(norms)]).tolist()
    seconds = time.perf_counter() - started
    for iteration, loss, norm in zip(range(begin + 1, end + 1), loss_values, norm_values, strict=True):
        if not (math.isfinite(loss) and math.isfinite(norm)):
            _diverge(task, Divergence(iteration, learning_rate_at(iteration, config), loss, norm))
    state.log.train_losses += loss_values
    state.log.step_seconds += [seconds / (end - begin)] * (end - begin)


def train_step(task: Task, rows: Tensor, optimizer: AdamW, learning_rate: float) -> tuple[Tensor, Tensor]:
    """One step on a batch [T + 1, B, N]; return its mean loss and the gradient's norm before clipping."""
    scores, _ = task.network(rows[:-1])
    loss = functional.cross_entropy(scores.flatten(0, 1), rows[1:, :, 0].flatten())
    optimizer.clear_gradients()
    loss.backward()
    norm = _clip_gradient(list(task.network.parameters()), task.config.gradient_clip)
    optimizer.step(learning_rate)
    return loss.detach(), norm


def _clip_gradient(parameters: list[Tensor], limit: float | None) -> Tensor:
    """Scale the gradient so that its norm is at most the limit; return the norm before."""
    norm = torch.nn.utils.get_total_norm([each.grad for each in parameters if each.grad is not None])
    # Most gradients need no scaling, which is a pass over all of them. On a GPU comparing would wait for it.
    if limit is not None and (norm.device.type != "cpu" or norm > limit):
        torch.nn.utils.clip_grads_with_norm_(parameters, limit, norm)
    return norm


def _validate_if_due(task: Task, state: TrainingState) -> bool:
    """Validate at multiples of the interval, common to all runs of this training, and at the end."""
    iteration, config = state.log.iteration, task.config
    is_multiple = iteration % config.validation_interval == 0
    if not is_multiple and iteration != config.last_iteration:
        return False
    _validate(task, state)
    if is_multiple:
        state.keep_if_best()
    return True


def _validate(task: Task, state: TrainingState) -> None:
    iteration, loss = state.log.iteration, mean_loss(task.network, task.validation).nats
    if not math.isfinite(loss):
        _diverge(task, Divergence(iteration, learning_rate_at(iteration, task.config), loss, math.nan))
    state.log.validation_losses[iteration] = loss


def _diverge(task: Task, divergence: Divergence) -> NoReturn:
    task.folder.note_divergence(divergence)
    raise TrainingDiverged(divergence)
