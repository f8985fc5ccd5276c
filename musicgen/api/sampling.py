"""More tunes from a trained run."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from musicgen.api.tunes import Tunes

if TYPE_CHECKING:
    from musicgen.run.more_draws import MoreDraws


class _AsInTheRun:
    def __repr__(self) -> str:
        return "<as in the run>"


AS_IN_THE_RUN: Any = _AsInTheRun()
"""Of a setting that is not given: None means no wish or no limit."""


def sample(
    run: str | PathLike[str],
    *,
    num_tunes: int = AS_IN_THE_RUN,
    key: str | None = AS_IN_THE_RUN,
    meter: str | None = AS_IN_THE_RUN,
    rhythm: str | None = AS_IN_THE_RUN,
    range: str | Sequence[str] | None = AS_IN_THE_RUN,  # noqa: A002
    keep: Literal["all", "sound"] = AS_IN_THE_RUN,
    max_draws: int | None = AS_IN_THE_RUN,
    prompts: Sequence[str] = AS_IN_THE_RUN,
    temperature: float | Sequence[float] = AS_IN_THE_RUN,
    top_k: int | None = AS_IN_THE_RUN,
    top_p: float | None = AS_IN_THE_RUN,
    max_chars: int = AS_IN_THE_RUN,
    weights: Literal["best", "last"] = AS_IN_THE_RUN,
    seed: int | None = None,
    folder: str | PathLike[str] | None = None,
) -> Tunes:
    """Draw more tunes from the network of a run, in memory; with `folder`, also write them there.

    What is not given is as in the run, so without any setting these are the run's own tunes. None drops a
    wish or a limit of the run. With `range` or `keep`, only the tunes that fulfil them are returned.

    Parameters
    ----------
    run
        A Run, or its directory.
    num_tunes
        How many tunes to return; fewer, if `max_draws` is reached before.
    key, meter, rhythm
        K:, M: and R: of every tune, such as "Em", "6/8" and "jig".
    range
        An instrument such as "whistle", or the lowest and the highest note, "D4-B5" or ["D4", "B5"].
    keep
        "sound" returns only sound tunes, as `judge` finds them.
    max_draws
        Draw at most this many tunes to keep num_tunes of them; None: ten times num_tunes.
    prompts
        What the tunes begin with, spread over them.
    temperature
        Divides the scores of the next character: 0 always takes the most likely one, 1 the network's own
        probabilities. Several are spread over the tunes.
    top_k, top_p
        Sample only from the k most likely characters; only from the likeliest that together have at least
        this probability.
    max_chars
        The longest a tune may get, in characters with its prompt.
    weights
        "best": those with the lowest validation loss; "last": those at the end of training.
    seed
        Another seed gives other tunes.
    folder
        A new or unused folder, for tunes.abc and tunes.csv.

    Raises
    ------
    InputError
        The run has no network, or a setting is not possible, such as a key that no training tune has.

    Examples
    --------
    >>> run = musicgen.load_run("outputs/run")
    >>> tunes = musicgen.sample(run, num_tunes=3, key="C", temperature=0.5)
    >>> len(tunes), "K:C" in tunes[0]
    (3, True)
    """
    from musicgen.records.destination import check_sample_folder
    from musicgen.records.record import RunRecord
    from musicgen.records.runs import FoundRun
    from musicgen.run.resample import changed_config

    settings = {
        "num_tunes": num_tunes,
        "key": key,
        "meter": meter,
        "rhythm": rhythm,
        "range": range,
        "keep": keep,
        "max_draws": max_draws,
        "prompts": prompts,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "max_chars": max_chars,
        "weights": weights,
    }
    given = {name: value for name, value in settings.items() if value is not AS_IN_THE_RUN}
    found = FoundRun(Path(run), RunRecord.read(Path(run)))
    config = changed_config(found, given, seed, num_rendered=0, soundfont=None)
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
