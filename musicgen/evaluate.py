"""`python -m musicgen.evaluate TUNES.abc --reference CORPUS`: every metric of any ABC file, from any tool."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from musicgen.config import corpus_names, data_config
from musicgen.corpus.config import DataConfig
from musicgen.errors import InputError
from musicgen.system.commands import exit_status, in_settled_environment


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    corpora = ", ".join(corpus_names())
    parser = argparse.ArgumentParser(
        prog="python -m musicgen.evaluate",
        description="Measure tunes against a corpus by validity, similarity, diversity, originality.",
    )
    parser.add_argument("tunes", type=Path, metavar="TUNES.abc", help="a file, folder or glob of ABC tunes")
    parser.add_argument(
        "--reference", required=True, metavar="CORPUS", help=f"a file, folder or glob, or one of {corpora}"
    )
    parser.add_argument(
        "--requested", type=int, metavar="N", help="tunes asked for, if some did not come at all"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there too")
    parser.add_argument(
        "--cache", type=Path, metavar="DIR", default=Path("outputs/cache"), help="default: %(default)s"
    )
    return parser.parse_args(arguments)


def tunes_config(tunes: Path, corpus: DataConfig) -> DataConfig:
    """Where the tunes to measure are; they keep the fields that the corpus keeps."""
    return replace(corpus, name="file", source="files", path=str(tunes), url=None, sha256=None)


def evaluate(arguments: argparse.Namespace) -> None:
    """Measure, print the table and write the JSON file."""
    # numpy and rich take a while to import, which --help and a wrong argument should not wait for.
    from musicgen.corpus.corpus import load_corpus
    from musicgen.corpus.sources import read_source
    from musicgen.corpus.tunebook import read_tunebook, describe_reading
    from musicgen.corpus.tunes import MAX_TUNE_CHARACTERS, clean_tune
    from musicgen.metrics.comparison import Corpus
    from musicgen.metrics.evaluation import Evaluator
    from musicgen.metrics.reference import build_reference
    from musicgen.metrics.table import metrics_table, print_table
    from musicgen.metrics.tunes import read_corpus
    from musicgen.records.destination import check_json_file

    if arguments.json is not None:
        check_json_file(arguments.json)
    data = data_config(arguments.reference)
    files = tunes_config(arguments.tunes, data)
    book = read_tunebook(read_source(files))
    tunes = [clean_tune(tune, frozenset(files.keep_fields)) for tune in book.tunes]
    if not tunes:
        raise InputError(f"{arguments.tunes}: no tune found; a tune begins with a line X:")
    longest = max(map(len, tunes))
    if longest > MAX_TUNE_CHARACTERS:
        raise InputError(
            f"{arguments.tunes}: a tune of {longest:,} characters; {MAX_TUNE_CHARACTERS:,} are allowed"
        )
    requested = len(tunes) if arguments.requested is None else arguments.requested
    if requested < len(tunes):
        raise InputError(f"--requested {requested}: fewer than the {len(tunes)} tunes of {arguments.tunes}")
    corpus = load_corpus(data, arguments.cache)
    reference = build_reference(
        corpus.tunes, num_tunes=len(tunes), groups=corpus.groups, cache_dir=arguments.cache
    )
    compared = read_corpus(corpus.tunes, arguments.cache)
    evaluator = Evaluator(reference, Corpus.of(compared, compared))
    evaluation = evaluator.evaluate(tunes, num_requested=requested)
    beside = {name: {"mean": mean, "sd": reference.sd[name]} for name, mean in reference.mean.items()}
    result = {
        "metrics": evaluation.metrics,
        "reference": beside,
        "floor": reference.floor,
        "reasons": evaluation.reasons,
    }
    if arguments.json is not None:
        from musicgen.system.files import write_text_atomically

        write_text_atomically(arguments.json, json.dumps(result, indent=2, allow_nan=False) + "\n")
    print_table(
        metrics_table(evaluation.metrics, evaluation.metrics, beside, reference.floor, evaluation.reasons)
    )
    print(f"{arguments.tunes}: {describe_reading(book.num_read, book.dropped, book.num_cut)}")
    print(f"{corpus.name}: {corpus.report.lines()[0]}")
    print(
        f"{len(tunes)} tunes against {corpus.report.num_tunes} of {corpus.name}; "
        f"corpus: {reference.sample_size} held-out tunes, 20 splits; floor: a character 5-gram model"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parsed = _parse_arguments(arguments)
    return exit_status(lambda: evaluate(parsed))


if __name__ == "__main__":
    sys.exit(in_settled_environment(main))
