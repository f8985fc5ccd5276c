"""Samples more tunes from a trained run, with other settings if requested."""

import re
import sys
from collections.abc import Mapping
from datetime import datetime
from itertools import takewhile
from pathlib import Path

from musicgen.config import Config, config_from_dict
from musicgen.corpus.headers import HeaderFields
from musicgen.errors import InputError, one_line
from musicgen.records.destination import check_sample_folder
from musicgen.records.record import FILE_NAME, RunRecord
from musicgen.records.runs import FoundRun
from musicgen.records.sampled_tunes import read_songs
from musicgen.system.files import make_new_folder

_STAMP = re.compile(r"(?<=\n)N:.*\n")
"""The line of a sampled tune that names its origin."""


def resample(
    directory: Path,
    sampling: Mapping[str, object],
    *,
    seed: int | None = None,
    num_rendered: int | None = None,
    soundfont: str | None = None,
    folder: Path | None = None,
) -> Path:
    """Sample, write and render tunes of a run; returns the folder with tunes.abc, tunes.csv and tunes/.

    sampling: fields of the sampling config to change. The other arguments default to the values of the run,
    except that the built-in soundfont is used, and a new folder in the run's samples/. Raises InputError.
    """
    run = FoundRun(directory, RunRecord.read(directory))
    config = changed_config(run, sampling, seed, num_rendered, soundfont)
    if folder is not None:
        check_sample_folder(folder)
    config.sampling.read_prompts()

    # Import torch late, so that wrong arguments fail at once.
    from musicgen.rendering import check_soundfont
    from musicgen.run.choice import choose_tunes
    from musicgen.run.more_draws import draw_more

    if config.rendering.num_tunes:
        check_soundfont(config.rendering)
        if soundfont is None and run.soundfont is not None:
            note = f"using the built-in soundfont, not that of the run ({run.soundfont})"
            print(one_line(f"{note}; --soundfont FILE selects one"), file=sys.stderr)
    more = draw_more(run, config)
    chosen = choose_tunes(more.draws.kept, config.rendering.num_tunes)
    for line in (more.draws.summary if more.draws.has_conditions else "", chosen.shortfall):
        if line:
            print(line, file=sys.stderr)
    if folder is None:
        folder = make_new_folder(directory / "samples" / f"{datetime.now():%Y-%m-%d-%H-%M-%S-%f}")
    songs = more.write(folder, chosen.tunes)
    first = next((song.rendered.audio for song in songs if song.tune is chosen.best), None)
    if first is not None:
        print(f"listen first: {folder / 'tunes' / first.name}", file=sys.stderr)
    return folder


def changed_config(
    run: FoundRun,
    sampling: Mapping[str, object],
    seed: int | None,
    num_rendered: int | None,
    soundfont: str | None,
) -> Config:
    """The run's config with these changes, validated.

    The run may come from a stranger, so files named in its config are not read: prompts that came from a file
    are recovered from its tunes.
    """
    config = config_from_dict(run.record.config)
    values = config.as_dict()
    section, rendering = values["sampling"], values["rendering"]
    assert isinstance(section, dict) and isinstance(rendering, dict)
    if section["prompts_file"] is not None and "prompts" not in sampling:
        section["prompts"] = prompts_of(run, len(config.sampling.temperatures))
    section["prompts_file"] = None
    section |= sampling
    rendering["soundfont"] = soundfont
    if num_rendered is not None:
        rendering["num_tunes"] = num_rendered
    if seed is not None:
        values["seed"] = seed
    return config_from_dict(values)


def prompts_of(run: FoundRun, num_temperatures: int) -> list[str]:
    """The prompts of the run's tunes, in an order for which `spread` assigns them in the same way."""
    rows = run.tune_rows()
    try:
        pairs = [(row["prompt"], row["temperature"]) for row in rows]
    except KeyError:
        pairs = []
    if not pairs:
        raise InputError(f"{run.directory}: the run's prompts came from a file; use --prompt TEXT")
    if num_temperatures > 1:
        # All prompts with the first temperature precede the second temperature.
        return [prompt for prompt, _ in takewhile(lambda pair: pair[1] == pairs[0][1], pairs)]
    prompts = [prompt for prompt, _ in pairs]
    return next(
        prompts[:period] for period in range(1, len(prompts) + 1) if prompts[period:] == prompts[:-period]
    )


def header_fields_of(run: FoundRun) -> HeaderFields:
    """The header fields of the run's training tunes, or of its samples where an older record lacks them."""
    recorded = run.record.corpus.get("headers")
    if recorded is not None:
        return HeaderFields.from_record(recorded, f"{run.directory / FILE_NAME}: corpus.headers")
    return HeaderFields.of(_STAMP.sub("", song.abc, count=1) for song in read_songs(run))


def state_file(run: FoundRun) -> Path:
    """The file with the run's network, in any store.

    Raises InputError unless its name is that of a state of the run's training: a stranger's record must not
    choose which file is read.
    """
    from musicgen.training.folder import STATE_NAME

    record = run.record
    if record.weights is None:
        raise InputError(f"{run.directory}: this run is {record.status} and has no trained network")
    path = Path(record.weights)
    if path.parent.name != record.training_id or not STATE_NAME.fullmatch(path.name):
        raise InputError(
            f"{run.directory / FILE_NAME}: weights does not name a state of this training; "
            f"expected STORE/{record.training_id[:20]}/end-NUMBER.pt"
        )
    return run.directory / path
