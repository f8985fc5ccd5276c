"""Which corpus of this machine is a run's."""

from pathlib import Path

import pytest

from musicgen.config import data_config
from musicgen.errors import InputError
from musicgen.records.known_corpus import known_corpus, load_known_corpus
from musicgen.records.runs import FoundRun, find_runs
from tests.listening.made_session import corpus_config, write_study


@pytest.fixture
def run(tmp_path: Path) -> FoundRun:
    return find_runs([write_study(tmp_path, seeds=1)])[0]


def test_a_path_named_only_by_the_run_is_not_read(run: FoundRun) -> None:
    assert known_corpus(run.record) is None
    with pytest.raises(InputError, match="use --corpus PATH"):
        load_known_corpus(run.record, None)


def test_a_named_corpus_is_cleaned_and_split_as_for_the_run(run: FoundRun, tmp_path: Path) -> None:
    run.record.config = {**run.record.config, "data": {**corpus_config(tmp_path), "test_share": 0.2}}
    place = known_corpus(run.record, str(tmp_path / "tunes.abc"))
    assert len(load_known_corpus(run.record, place).part("test")) == 8


def test_a_corpus_of_ours_counts_if_its_source_is_the_same(run: FoundRun) -> None:
    ours = data_config("oneills")
    data = {field: getattr(ours, field) for field in ("name", "source", "path", "url", "sha256")}
    run.record.config = {**run.record.config, "data": data}
    assert known_corpus(run.record) == ours
    run.record.config = {**run.record.config, "data": {**data, "path": "/etc/passwd"}}
    assert known_corpus(run.record) is None


def test_another_corpus_is_refused(run: FoundRun, tmp_path: Path) -> None:
    file = tmp_path / "tunes.abc"
    file.write_text(file.read_text() + "\n\nX:99\nK:C\nCDEF GABc|]\n")
    with pytest.raises(InputError, match="is not the one the runs were trained on"):
        load_known_corpus(run.record, known_corpus(run.record, str(file)))
