"""Metrics of any tunes: against a corpus, alone, or of a single one."""

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame

    from musicgen.corpus.config import DataConfig
    from musicgen.corpus.tunebook import Tunebook
    from musicgen.metrics.soundness import Judgement

_ALONE = ("validity", "diversity", "structure")
"""Families of metrics that need no corpus."""
_NEED_A_BUDGET = "diversity/distinct_"
"""Their values depend on a number of notes that the reference sets."""
COLUMNS = ("value", "reference", "reference_sd", "floor", "standing", "reason")


def evaluate(
    abc: str | PathLike[str] | Iterable[str],
    reference: str | PathLike[str],
    *,
    requested: int | None = None,
    cache: str | PathLike[str] = "outputs/cache",
    metrics: Iterable[str] = (),
) -> "DataFrame":
    r"""Measure tunes by every metric, next to real tunes: a row for each metric.

    `value` is that of the tunes, `reference` and `reference_sd` are mean and standard deviation over
    held-out samples of as many real tunes, `floor` is the value of tunes from a 5-gram model. `standing` says
    where the value stands among these, `reason` why there is no value. docs/evaluation.md has the unit and
    meaning of each metric.

    Parameters
    ----------
    abc
        A path of an ABC file, a text, or several texts; a string with a line break is a text.
    reference
        The name of a corpus, such as "oneills", or the path of one.
    requested
        How many tunes were requested, if some are missing.
    cache
        A folder for what is computed from the corpus, which takes a while the first time.
    metrics
        Names or paths of metrics of other packages to measure too.

    Raises
    ------
    InputError
        The tunes, the corpus or a metric cannot be read, or there are more tunes than were requested.

    Examples
    --------
    >>> tunes = ["X:1\nM:4/4\nL:1/8\nK:C\nCDEF GABc|c8|]", "X:2\nM:4/4\nL:1/8\nK:C\nCDEF GABcd|c8|]"]
    >>> metrics = musicgen.evaluate(tunes, "my-tunes.abc")
    >>> float(metrics.loc["validity/bar_rate", "value"])
    0.75
    """
    from musicgen.config import data_config
    from musicgen.metrics.abc_files import evaluate_book

    data = data_config(str(Path(reference)))
    book, name = _read(abc, data)
    result = evaluate_book(book, name, data, Path(cache), requested, list(metrics))
    evaluation, real = result.evaluation, result.reference
    return measurements(evaluation.metrics, real.by_metric, real.floor, evaluation.reasons)


def measure(tunes: Iterable[str], *, metrics: Iterable[str] = ()) -> dict[str, float | None]:
    r"""Measure tunes by the metrics that need no corpus: validity, diversity and structure.

    Returns a value for each metric by its name, None for one that these tunes do not have.

    Parameters
    ----------
    tunes
        ABC texts, one tune each; a single text is one tune.
    metrics
        Names or paths of metrics of other packages to measure too.

    Raises
    ------
    InputError
        A metric does not exist.

    Examples
    --------
    >>> metrics = musicgen.measure(["X:1\nM:4/4\nL:1/8\nK:C\nCDEF GABc|c8|]"])
    >>> metrics["validity/sound_rate"], metrics["diversity/pitch_range"]
    (1.0, 12.0)
    """
    from musicgen.metrics.comparison import Comparison, Corpus
    from musicgen.metrics.outside import outside_metrics
    from musicgen.metrics.registry import METRICS, measure
    from musicgen.metrics.tunes import read_tunes

    outside = outside_metrics(list(metrics))
    read = tuple(read_tunes(_texts(tunes), runs_abc2midi=True))
    nothing = Corpus.of([], [])
    comparison = Comparison(read, len(read), nothing, len(read), note_budget=0, seed=0, outside=outside)
    left_out = {
        name
        for name, metric in METRICS.items()
        if metric.family not in _ALONE or name.startswith(_NEED_A_BUDGET)
    } - {metric.name for metric in outside}
    return measure(comparison, left_out)[0]


def judge(abc: str, *, reached_end: bool = True) -> "Judgement":
    r"""Judge one tune as a musician would: `is_sound`, and in `words` what is wrong with it.

    A sound tune comes to its end, its bars have the right length, it does not state the same bars four times
    in a row, and its last note is the tonic. `faults` has a line for each way in which it is not. Any text
    of several lines can be judged.

    Parameters
    ----------
    abc
        The ABC text of the tune.
    reached_end
        False if the tune was cut off before its end, as a sampled tune with too many characters is.

    Raises
    ------
    InputError
        The text has one line, so it is a path or no tune.

    Examples
    --------
    >>> judgement = musicgen.judge("X:1\nM:4/4\nL:1/8\nK:C\nCDEF GABcd|c8|]")
    >>> judgement.is_sound, judgement.words
    (False, 'bar 1 is too long')
    """
    from musicgen.errors import InputError
    from musicgen.metrics.soundness import Judgement
    from musicgen.notation.lines import with_newlines
    from musicgen.notation.parsing import parse_tune
    from musicgen.notation.problems import quote

    abc = with_newlines(abc)
    if "\n" not in abc.strip():
        raise InputError(f"judge: {quote(abc)} is not a tune; give the text of one, not a path")
    return Judgement(parse_tune(abc), reached_end)


def measurements(
    metrics: Mapping[str, float | None],
    reference: Mapping[str, Mapping[str, float]],
    floor: Mapping[str, float | None],
    reasons: Mapping[str, str],
) -> "DataFrame":
    """A row for each metric, by name; missing numbers are NaN, missing words "".

    reference: metric -> mean and sd.
    """
    from pandas import DataFrame

    from musicgen.metrics.standing import standing

    rows = {}
    for name, value in metrics.items():
        real, low = reference.get(name), floor.get(name)
        words = "" if value is None or real is None else standing(name, [value], real, low)
        mean, sd = (None, None) if real is None else (real["mean"], real["sd"])
        rows[name] = (value, mean, sd, low, words, reasons.get(name, ""))
    table = DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS)).rename_axis("metric")
    numbers = COLUMNS[:4]
    return table.astype(dict.fromkeys(numbers, float))


def _read(abc: str | PathLike[str] | Iterable[str], data: "DataConfig") -> "tuple[Tunebook, str]":
    """The tunes, cleaned like those of the corpus, and what errors call them."""
    from musicgen.corpus.tunebook import FILE_START
    from musicgen.metrics.abc_files import read_abc_files, read_abc_text
    from musicgen.notation.lines import with_newlines

    if isinstance(abc, PathLike) or (isinstance(abc, str) and "\n" not in with_newlines(abc)):
        return read_abc_files(Path(abc), data), str(abc)
    # As separate files: the header of one must not become that of the next.
    text = f"\n{FILE_START}".join(map(_numbered, _texts(abc)))
    return read_abc_text(text, data, "the ABC text"), "the ABC text"


def _texts(tunes: Iterable[str]) -> list[str]:
    """ABC texts; a single text is one tune."""
    from musicgen.notation.lines import with_newlines

    return [with_newlines(text) for text in ([tunes] if isinstance(tunes, str) else tunes)]


def _numbered(text: str) -> str:
    """The text; with X:1 in front if it lacks an X: field, which starts a tune in a file."""
    return text if any(line.lstrip().startswith("X:") for line in text.split("\n")) else f"X:1\n{text}"
