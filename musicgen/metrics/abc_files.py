"""Evaluates ABC files from any tool against any corpus."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from musicgen.corpus.config import DataConfig
from musicgen.corpus.corpus import Corpus, load_corpus
from musicgen.corpus.sources import read_source
from musicgen.corpus.tunebook import Tunebook, describe_reading, read_tunebook
from musicgen.corpus.tunes import MAX_TUNE_CHARACTERS, clean_tune
from musicgen.errors import InputError
from musicgen.metrics.comparison import Corpus as ComparedCorpus
from musicgen.metrics.evaluation import Evaluation, compare
from musicgen.metrics.outside import outside_metrics
from musicgen.metrics.reference import NUM_SPLITS, Reference, build_reference
from musicgen.metrics.soundness import count_faults
from musicgen.metrics.tunes import read_corpus


@dataclass(frozen=True)
class FileEvaluation:
    """The metrics of ABC files, and what they were compared with."""

    name: str
    """The path of the files, or what else the tunes are called."""
    book: Tunebook
    corpus: Corpus
    reference: Reference
    evaluation: Evaluation

    def as_dict(self) -> dict[str, object]:
        """Metrics, reference (mean and sd), floor and reasons, each by metric, as for JSON."""
        return {
            "metrics": self.evaluation.metrics,
            "reference": self.reference.by_metric,
            "floor": self.reference.floor,
            "reasons": self.evaluation.reasons,
        }

    def lines(self) -> list[str]:
        """What was read and compared, and the faults of the tunes, for a terminal."""
        book, report, size = self.book, self.corpus.report, self.reference.sample_size
        return [
            f"{self.name}: {describe_reading(book.num_read, book.dropped, book.num_cut)}",
            f"{self.corpus.name}: {report.lines()[0]}",
            f"{len(book.tunes)} tunes against {report.num_tunes} of {self.corpus.name}; "
            f"corpus: {size} held-out tunes, {NUM_SPLITS} splits; floor: a character 5-gram model",
            f"tunes, by their gravest fault: {', '.join(self._counts())}",
        ]

    def _counts(self) -> list[str]:
        comparison = self.evaluation.comparison
        counts = count_faults([tune.judgement for tune in comparison.delivered])
        num_missing = comparison.num_requested - len(comparison.delivered)
        missing = [f"{num_missing} missing"] if num_missing else []
        return [*(f"{count} {kind}" for kind, count in counts.items()), *missing]


def read_abc_files(tunes: Path, data: DataConfig) -> Tunebook:
    """The tunes of a file, folder or glob, cleaned like those of the corpus that `data` describes.

    Raises InputError without a tune, or for one of more than `MAX_TUNE_CHARACTERS`.
    """
    files = replace(data, name="file", source="files", path=str(tunes), url=None, sha256=None, git_blob=None)
    return read_abc_text(read_source(files), data, str(tunes))


def read_abc_text(text: str, data: DataConfig, name: str) -> Tunebook:
    """The same for the text of ABC files; `name` is what errors call it."""
    book = read_tunebook(text)
    tunes = book.tunes
    if data.clean:
        fields, chords = frozenset(data.keep_fields), data.keep_chord_symbols
        tunes = [clean_tune(tune, fields, keep_chord_symbols=chords) for tune in tunes]
    if not tunes:
        raise InputError(f"{name}: no tune found; a tune starts with an X: field")
    longest = max(map(len, tunes))
    if longest > MAX_TUNE_CHARACTERS:
        raise InputError(
            f"{name}: a tune has {longest:,} characters; at most {MAX_TUNE_CHARACTERS:,} are allowed"
        )
    return replace(book, tunes=tunes)


def evaluate_book(
    book: Tunebook,
    name: str,
    data: DataConfig,
    cache_dir: Path,
    num_requested: int | None = None,
    metrics: Sequence[str] = (),
) -> FileEvaluation:
    """Compute every metric of ABC files against a corpus; `cache_dir` caches corpus and reference.

    name: what lines and errors call the tunes. num_requested: denominator of the validity rates; default: the
    number of tunes found. metrics: names or paths of metrics of other packages. Raises InputError for a
    corpus or metrics that cannot be used.
    """
    num_tunes = len(book.tunes)
    if num_requested is not None and num_requested < num_tunes:
        raise InputError(f"--requested {num_requested}: {name} has more tunes ({num_tunes})")
    outside = outside_metrics(metrics)
    corpus = load_corpus(data, cache_dir)
    reference = build_reference(
        corpus.tunes, num_tunes=num_tunes, groups=corpus.groups, outside=outside, cache_dir=cache_dir
    )
    known = read_corpus(corpus.tunes, cache_dir)
    compared = ComparedCorpus.of(known, known)
    comparison = compare(book.tunes, reference, compared, num_requested=num_requested, outside=outside)
    return FileEvaluation(name, book, corpus, reference, Evaluation.of(comparison))
