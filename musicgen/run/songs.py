"""Sampled tunes as files: all of them as ABC and as rows, some of them as audio and score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from musicgen.metrics.originality import COPY_NOTES
from musicgen.model.config import ModelConfig
from musicgen.notation import parse_tune
from musicgen.records.naming import tune_name, tune_title
from musicgen.rendering import Engraver, RenderedTune, render_tune
from musicgen.rendering.config import RenderingConfig
from musicgen.run.draws import Draws
from musicgen.sampling.generation import SampledTune
from musicgen.sampling.tunebook import stamped_tune, tunebook
from musicgen.system import csv_cells
from musicgen.system.files import write_text_atomically


@dataclass(frozen=True, slots=True)
class Song:
    """A sampled tune with its rendered files."""

    tune: SampledTune
    rendered: RenderedTune


def origin_of(run_id: str, model: ModelConfig, corpus: str, seed: int) -> str:
    """Run, model and seed, for the headers of sampled tunes."""
    return f"musicgen run {run_id}, {_shape(model)}, corpus {corpus}, seed {seed}"


def spoken_name(model: ModelConfig, seed: int) -> str:
    """The run in the names of its tunes. It must not depend on the sweep: runs of one identity are equal."""
    return f"{_shape(model)}, seed {seed}"


def _shape(model: ModelConfig) -> str:
    return f"{model.cell} {model.num_layers} x {model.hidden_size}"


def write_draws(draws: Draws, origin: str, folder: Path) -> None:
    """Write tunes.abc with every draw, and kept.abc if some are not kept.

    origin (model, seed) goes into every header.
    """
    write_text_atomically(folder / "tunes.abc", tunebook(draws.tunes, origin))
    if draws.has_conditions:
        write_text_atomically(folder / "kept.abc", tunebook(draws.kept, origin))


def describe_copies(draws: Draws, measured: Sequence[Mapping[str, object]]) -> str:
    """How many kept tunes are marked as copies, as a line; "" if none is.

    measured: the metrics of each draw.
    """
    found = sum(measured[tune.index].get("has_copy") is True for tune in draws.kept)
    if not found:
        return ""
    return (
        f"{found} of {len(draws.kept)} tunes share {COPY_NOTES} notes or more in a row with a training tune "
        "(tunes.csv: has_copy)"
    )


def render_songs(
    tunes: Sequence[SampledTune], origin: str, run: str, config: RenderingConfig, folder: Path
) -> list[Song]:
    """Render the tunes into folder/tunes, each under its number.

    run: what the MIDI files call the run.
    """
    songs_folder = folder / "tunes"
    songs_folder.mkdir(exist_ok=True)
    with Engraver(config.timeout_seconds) as engraver:
        return [
            Song(
                tune,
                render_tune(
                    stamped_tune(tune, origin),
                    songs_folder / f"{tune.index:03d}",
                    config,
                    engraver,
                    tune_name(_title(tune), tune.index, run),
                ),
            )
            for tune in tunes
        ]


def _title(tune: SampledTune) -> str:
    return tune_title(parse_tune(tune.text).header("T") or "", tune.prompt, tune.index)


def write_rows(
    draws: Draws, measured: Sequence[Mapping[str, object]], songs: Sequence[Song], folder: Path
) -> Path:
    """Write tunes.csv: a row per draw with its metrics, whether it was kept, and whether rendered."""
    path = folder / "tunes.csv"
    csv_cells.write_rows(tune_rows(draws, measured, songs), path)
    return path


def tune_rows(
    draws: Draws, measured: Sequence[Mapping[str, object]], songs: Sequence[Song]
) -> list[dict[str, object]]:
    """The rows of tunes.csv. measured: the metrics of each draw; songs: the rendered tunes."""
    kept = {tune.index for tune in draws.kept}
    problems = {song.tune.index: "; ".join(song.rendered.problems) for song in songs}
    return [
        {
            "index": tune.index,
            "prompt": tune.prompt,
            "temperature": tune.temperature,
            "ended": tune.ended,
            "num_chars": len(tune.text),
            "kept": tune.index in kept,
            **row,
            "rendered": tune.index in problems,
            "rendering_problems": problems.get(tune.index, ""),
        }
        for tune, row in zip(draws.tunes, measured, strict=True)
    ]
