"""More tunes of a trained run: drawn in memory, then written if a folder is wanted."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from musicgen.config import Config
from musicgen.corpus.headers import HeaderFields
from musicgen.corpus.vocabulary import Vocabulary
from musicgen.engine.computing import computing_on
from musicgen.model.config import ModelConfig
from musicgen.model.network import CharacterNetwork
from musicgen.records.runs import FoundRun
from musicgen.run.draws import Draws, draw_tunes
from musicgen.run.resample import header_fields_of, state_file
from musicgen.run.songs import Song, origin_of, render_songs, spoken_name, write_draws, write_rows
from musicgen.sampling.generation import SampledTune, sample_tunes
from musicgen.sampling.prompts import Prompt, plan_prompts, warn_of_unusual
from musicgen.system.cores import num_cores
from musicgen.system.files import filled_folder
from musicgen.training.state import load_checkpoint

_CPU = torch.device("cpu")
MAX_THREADS_PER_CORE = 4
"""A record may state any number of threads."""


@dataclass(frozen=True)
class MoreDraws:
    """Tunes drawn from a run's network."""

    run: FoundRun
    config: Config
    """The run's, with the changes."""
    model: ModelConfig
    """Of the checkpoint."""
    draws: Draws

    @property
    def origin(self) -> str:
        """Run, model and seed, for the headers of the tunes."""
        record = self.run.record
        return origin_of(record.run_id, self.model, str(record.corpus.get("name")), self.config.seed)

    def write(self, folder: Path, rendered: Sequence[SampledTune] = ()) -> list[Song]:
        """Write tunes.abc and tunes.csv, and render some of the tunes into tunes/; returns those."""
        run_name = spoken_name(self.model, self.config.seed)
        with filled_folder(folder) as temporary:
            write_draws(self.draws, self.origin, temporary)
            songs = render_songs(rendered, self.origin, run_name, self.config.rendering, temporary)
            write_rows(self.draws, [{} for _ in self.draws.tunes], songs, temporary)
        return songs


@dataclass(frozen=True)
class LoadedNetwork:
    """A run's network in memory, which can draw any number of times."""

    run: FoundRun
    model: ModelConfig
    vocabulary: Vocabulary
    fields: HeaderFields
    """Of the training tunes."""
    network: CharacterNetwork

    def draw(self, config: Config, prompts: Sequence[Prompt]) -> MoreDraws:
        """Draw tunes that begin with these prompts. Writes and prints nothing."""
        # Use the run's number of threads: it changes the order of sums, and rounding can change a tune.
        num_threads = min(config.training.num_threads or num_cores(), MAX_THREADS_PER_CORE * num_cores())
        with computing_on(num_threads):
            draws = draw_tunes(
                lambda numbers: sample_tunes(
                    self.network, self.vocabulary, config.sampling, prompts, config.seed, _CPU, draws=numbers
                ),
                config.sampling,
            )
        return MoreDraws(self.run, config, self.model, draws)


def load_network(run: FoundRun, config: Config) -> LoadedNetwork:
    """Load the run's network with the weights that the config names; raises InputError without a network."""
    checkpoint = load_checkpoint(state_file(run), config.sampling.weights, config.training)
    network = checkpoint.network(_CPU, config.training.precision or "fp32", config.training.engine)
    return LoadedNetwork(run, checkpoint.config, checkpoint.vocabulary, header_fields_of(run), network)


def draw_more(run: FoundRun, config: Config) -> MoreDraws:
    """Draw tunes from the run's network. Writes and prints nothing.

    config: as `changed_config` returns it. Raises InputError without a network, or for a prompt or wish
    that it does not know.
    """
    loaded = load_network(run, config)
    prompts = plan_prompts(config.sampling, loaded.fields, loaded.vocabulary)
    warn_of_unusual(prompts)
    return loaded.draw(config, prompts)
