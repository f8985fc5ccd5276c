"""`python -m musicgen.sample RUN_DIR`: more tunes from a trained run, with any prompts and temperatures."""

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile
from pathlib import Path

from musicgen.config import Config, config_from_dict
from musicgen.errors import InputError, one_line
from musicgen.records.destination import check_sample_folder
from musicgen.records.record import FILE_NAME, RunRecord
from musicgen.records.runs import FoundRun
from musicgen.system.commands import exit_status, in_settled_environment
from musicgen.system.files import filled_folder, make_new_folder

MAX_THREADS_PER_CORE = 4
"""The most threads, for a record may name any number."""


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m musicgen.sample",
        description="Draw more tunes from a trained run. What is not given is as in the run.",
    )
    parser.add_argument("run_directory", type=Path, metavar="RUN_DIR")
    parser.add_argument("--num-tunes", type=int)
    parser.add_argument("--temperature", type=float, action="append", help="may be given several times")
    parser.add_argument(
        "--prompt", action="append", help=r"seed string; \n is a new line; may be given several times"
    )
    parser.add_argument("--max-chars", type=int, help="cap on a tune's characters")
    parser.add_argument("--top-k", type=int)
    parser.add_argument("--top-p", type=float)
    parser.add_argument("--weights", choices=["best", "last"])
    parser.add_argument("--seed", type=int, help="another seed, other tunes")
    parser.add_argument("--render", type=int, metavar="N", help="how many of the tunes to render")
    parser.add_argument(
        "--soundfont", metavar="FILE", help="an .sf2 file to play with; default: the built-in one"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: a new folder in RUN_DIR/samples")
    return parser.parse_args(arguments)


def _changed_config(run: FoundRun, arguments: argparse.Namespace) -> Config:
    """The run's config with what the command line says, checked like any other.

    The run may come from somebody else: no file that its config names is read. Prompts that came from a
    file are those that its tunes began with.
    """
    config = config_from_dict(run.record.config)
    given = {
        "num_tunes": arguments.num_tunes,
        "temperature": arguments.temperature,
        "prompts": arguments.prompt,
        "max_chars": arguments.max_chars,
        "top_k": arguments.top_k,
        "top_p": arguments.top_p,
        "weights": arguments.weights,
    }
    values = config.as_dict()
    sampling, rendering = values["sampling"], values["rendering"]
    assert isinstance(sampling, dict) and isinstance(rendering, dict)
    if sampling["prompts_file"] is not None and arguments.prompt is None:
        sampling["prompts"] = _prompts_of(run, len(config.sampling.temperatures))
    sampling["prompts_file"] = None
    rendering["soundfont"] = arguments.soundfont
    sampling |= {name: value for name, value in given.items() if value is not None}
    if arguments.render is not None:
        rendering["num_tunes"] = arguments.render
    if arguments.seed is not None:
        values["seed"] = arguments.seed
    return config_from_dict(values)


def _prompts_of(run: FoundRun, num_temperatures: int) -> list[str]:
    """The prompts that the run's tunes began with, in the order in which `spread` deals them out."""
    rows = run.tune_rows()
    try:
        dealt = [(row["prompt"], row["temperature"]) for row in rows]
    except KeyError:
        dealt = []
    if not dealt:
        raise InputError(f"{run.directory}: the run's prompts came from a file; --prompt TEXT gives others")
    if num_temperatures > 1:
        # All prompts with the first temperature come before the second.
        return [prompt for prompt, _ in takewhile(lambda one: one[1] == dealt[0][1], dealt)]
    prompts = [prompt for prompt, _ in dealt]
    return next(
        prompts[:period] for period in range(1, len(prompts) + 1) if prompts[period:] == prompts[:-period]
    )


def _state_of(run: FoundRun) -> Path:
    """The file with the run's network: by its name a state of the run's training, wherever the store is.

    Raises InputError for any other file: a record from somebody else does not choose what is read here.
    """
    from musicgen.training.folder import STATE_NAME

    record = run.record
    if record.weights is None:
        raise InputError(f"{run.directory}: this run is {record.status} and has no trained network")
    path = Path(record.weights)
    if path.parent.name != record.training_id or not STATE_NAME.fullmatch(path.name):
        raise InputError(
            f"{run.directory / FILE_NAME}: weights does not name a state of this training; "
            f"STORE/{record.training_id[:20]}/end-NUMBER.pt is needed"
        )
    return run.directory / path


def sample(arguments: argparse.Namespace) -> Path:
    """Draw, write and render; returns the folder with tunes.abc, tunes.csv and tunes/."""
    record = RunRecord.read(arguments.run_directory)
    run = FoundRun(arguments.run_directory, record)
    config = _changed_config(run, arguments)
    place = arguments.out
    if place is not None:
        check_sample_folder(place)
    prompts = config.sampling.read_prompts()

    # torch takes a second to import, which --help and a wrong argument should not wait for.
    import torch

    from musicgen.engine.computing import computing_on
    from musicgen.rendering import check_soundfont
    from musicgen.run.songs import origin_of, render_songs, write_rows, write_tunebook
    from musicgen.sampling.generation import sample_tunes
    from musicgen.training.state import load_checkpoint
    from musicgen.training.threads import num_cores

    if config.rendering.num_tunes:
        check_soundfont(config.rendering)
        if arguments.soundfont is None and run.soundfont is not None:
            words = f"the built-in soundfont plays, not the run's own ({run.soundfont})"
            print(one_line(f"{words}: --soundfont FILE names one"), file=sys.stderr)
    checkpoint = load_checkpoint(_state_of(run), config.sampling.weights, config.training)
    device = torch.device("cpu")
    network = checkpoint.network(device, config.training.precision or "fp32")
    # As in the run: on other threads sums are added up in another order, and a tune may take another turn.
    num_threads = min(config.training.num_threads or num_cores(), MAX_THREADS_PER_CORE * num_cores())
    with computing_on(num_threads):
        tunes = sample_tunes(network, checkpoint.vocabulary, config.sampling, prompts, config.seed, device)
    if place is None:
        place = make_new_folder(
            arguments.run_directory / "samples" / f"{datetime.now():%Y-%m-%d-%H-%M-%S-%f}"
        )
    origin = origin_of(record.run_id, checkpoint.config, str(record.corpus.get("name")), config.seed)
    with filled_folder(place) as folder:
        write_tunebook(tunes, origin, folder)
        songs = render_songs(tunes, origin, config.rendering, folder)
        write_rows(tunes, [{} for _ in tunes], songs, folder)
    return place


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parsed = _parse_arguments(arguments)
    return exit_status(lambda: print(sample(parsed)))


if __name__ == "__main__":
    sys.exit(in_settled_environment(main))
