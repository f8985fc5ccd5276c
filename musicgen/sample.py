"""`python -m musicgen.sample RUN_DIR`: more tunes from a trained run, with any prompts and temperatures."""

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from musicgen.config import Config, config_from_dict
from musicgen.environment import in_settled_environment
from musicgen.errors import InputError, exit_status
from musicgen.files import filled_folder, make_new_folder
from musicgen.study.destination import check_no_links, check_sample_folder
from musicgen.study.record import RunRecord


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
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: a new folder in RUN_DIR/samples")
    return parser.parse_args(arguments)


def _changed_config(config: Config, arguments: argparse.Namespace) -> Config:
    """The run's config with what the command line says, checked like any other."""
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
    if arguments.prompt is not None:
        sampling["prompts_file"] = None
    sampling |= {name: value for name, value in given.items() if value is not None}
    if arguments.render is not None:
        rendering["num_tunes"] = arguments.render
    if arguments.seed is not None:
        values["seed"] = arguments.seed
    return config_from_dict(values)


def sample(arguments: argparse.Namespace) -> Path:
    """Draw, write and render; returns the folder with tunes.abc, tunes.csv and tunes/."""
    record = RunRecord.read(arguments.run_directory)
    config = _changed_config(config_from_dict(record.config), arguments)
    place = arguments.out
    if place is None:
        check_no_links(arguments.run_directory)
    else:
        check_sample_folder(place)
    prompts = config.sampling.read_prompts()

    # torch takes a second to import, which --help and a wrong argument should not wait for.
    import torch

    from musicgen.model.computing import computing_on
    from musicgen.rendering import check_soundfont
    from musicgen.sampling.generation import sample_tunes
    from musicgen.songs import origin_of, render_songs, write_rows, write_tunebook
    from musicgen.training.state import load_checkpoint
    from musicgen.training.threads import num_cores

    if config.rendering.num_tunes:
        check_soundfont(config.rendering)
    if record.weights is None:
        raise InputError(f"{arguments.run_directory}: this run is {record.status} and has no trained network")
    state = arguments.run_directory / record.weights
    checkpoint = load_checkpoint(state, config.sampling.weights, config.training)
    device = torch.device("cpu")
    network = checkpoint.network(device, config.training.precision or "fp32")
    # As in the run: on other threads sums are added up in another order, and a tune may take another turn.
    with computing_on(config.training.num_threads or num_cores()):
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
