"""More tunes from a trained run."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack

from musicgen.api.tunes import Tunes

if TYPE_CHECKING:
    from musicgen.run.more_draws import MoreDraws


class Sampling(TypedDict, total=False):
    """What may differ from the settings of the run. None drops a wish or a limit of the run."""

    num_tunes: int
    key: str | None
    """K: of every tune, such as "Em"."""
    meter: str | None
    """M: of every tune, such as "6/8"."""
    rhythm: str | None
    """R: of every tune, such as "jig"."""
    range: str | Sequence[str] | None
    """Keep only tunes inside: an instrument such as "whistle", or two notes such as "D4-B5"."""
    keep: Literal["all", "sound"]
    """sound: keep only sound tunes."""
    max_draws: int | None
    """Draw at most this many tunes to keep num_tunes of them."""
    prompts: Sequence[str]
    """What the tunes begin with, spread over them."""
    temperature: float | Sequence[float]
    """Several are spread over the tunes."""
    top_k: int | None
    top_p: float | None
    max_chars: int
    weights: Literal["best", "last"]


def sample(
    run: str | PathLike[str],
    *,
    seed: int | None = None,
    folder: str | PathLike[str] | None = None,
    **sampling: Unpack[Sampling],
) -> Tunes:
    """Draw more tunes from the network of a run, in memory; with `folder`, also write them there.

    What is not given is as in the run: the same call without any setting gives the run's own tunes. Settings:
    num_tunes, key ("Em"), meter ("6/8"), rhythm ("jig"), range ("whistle", "D4-B5"), keep ("sound"),
    max_draws, prompts, temperature, top_k, top_p, max_chars, weights ("best", "last"). None drops a wish or a
    limit of the run. With `keep` or `range`, only the tunes that fulfil them are returned.

    run: a Run, or its directory. seed: another one gives other tunes. folder: a new or unused one, for
    tunes.abc and tunes.csv. Raises InputError for a run without a network, or for a setting that is not
    possible, such as a key that no training tune has.

    >>> run = musicgen.load_run("outputs/run")
    >>> tunes = musicgen.sample(run, num_tunes=3, key="C", temperature=0.5)
    >>> len(tunes), "K:C" in tunes[0]
    (3, True)
    """
    from musicgen.records.destination import check_sample_folder
    from musicgen.records.record import RunRecord
    from musicgen.records.runs import FoundRun
    from musicgen.run.resample import changed_config

    found = FoundRun(Path(run), RunRecord.read(Path(run)))
    config = changed_config(found, sampling, seed, num_rendered=0, soundfont=None)
    if folder is not None:
        check_sample_folder(Path(folder))
    config.sampling.read_prompts()

    # Import torch late, so that wrong arguments fail at once.
    from musicgen.run.more_draws import draw_more

    more = draw_more(found, config)
    if folder is not None:
        more.write(Path(folder))
    return _kept_tunes(more)


def _kept_tunes(more: "MoreDraws") -> Tunes:
    """The tunes as if they had been read from tunes.abc and tunes.csv."""
    from musicgen.records.sampled_tunes import Song
    from musicgen.run.songs import tune_rows
    from musicgen.sampling.tunebook import stamped_tune

    rows = tune_rows(more.draws, [{} for _ in more.draws.tunes], [])
    kept = {tune.index for tune in more.draws.kept}
    return Tunes(
        [
            Song(
                more.run,
                tune.index,
                stamped_tune(tune, more.origin),
                {name: "" if value is None else str(value) for name, value in row.items()},
            )
            for tune, row in zip(more.draws.tunes, rows, strict=True)
            if tune.index in kept
        ]
    )
