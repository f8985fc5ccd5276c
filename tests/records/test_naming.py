from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from musicgen.records.naming import (
    MAX_NAME_BYTES,
    MAX_NAME_CHARACTERS,
    changes_name,
    folder_name,
    override_text,
    search_name,
    study_tags,
    unique_names,
)
from tests.test_config import parsed

PLAIN = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)


@given(PLAIN | st.lists(PLAIN) | st.dictionaries(st.from_regex(r"[a-z]+", fullmatch=True), PLAIN))
def test_hydra_reads_back_what_was_written(value: object) -> None:
    override = OverridesParser.create().parse_override(f"key={override_text(value)}")
    assert override.value() == value


@given(st.text())
def test_a_name_is_one_folder(text: str) -> None:
    name = folder_name(text)
    assert len(name) <= MAX_NAME_CHARACTERS and (not name or Path(name).name == name)
    assert len(name.encode()) <= MAX_NAME_BYTES


def test_a_name_of_long_letters_fits_the_file_system(tmp_path: Path) -> None:
    (tmp_path / f"{folder_name('data.path=' + '𝄞' * 10 + '漢' * 200)}-2").mkdir()


def test_searches_with_other_numbers_have_other_names() -> None:
    long = ["experiment=smoke", "data=file", f"data.path=/{'a' * 90}", "tracker=none"]
    names = [search_name([*long, f"model.dropout=interval(0.0,0.{end})"]) for end in range(1, 9)]
    assert len(set(names)) == 8
    assert all(len(name) < MAX_NAME_CHARACTERS + 20 and Path(name).name == name for name in names)
    # Short names are those of earlier versions.
    assert search_name(["model=gru", "tracker=none"]) == "search-model=gru" and search_name([]) == "search"


def test_equal_names_get_free_numbers() -> None:
    assert unique_names(["a", "a", "a-2", "a", "a-2"]) == ["a", "a-3", "a-2", "a-4", "a-2-2"]
    assert unique_names(["path=Book", "path=book", "path=book-2"]) == [
        "path=Book",
        "path=book-3",
        "path=book-2",
    ]
    assert unique_names(["\u00e9", "e\u0301", "x"]) == ["\u00e9", "e\u0301-2", "x"]


@given(st.lists(st.sampled_from(["a", "A", "a-2", "a-2-2", "a-3", "b"])))
def test_unique_names_are_unique(names: list[str]) -> None:
    unique = unique_names(names)
    assert len({name.casefold() for name in unique}) == len(names)
    assert all(one == other or one.startswith(f"{other}-") for one, other in zip(unique, names, strict=True))


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ([], ""),
        (["model=gru", "training.batch_size=64"], "-model=gru-training.batch_size=64"),
        (["paths.outputs=/tmp/a", "tracker=none", "seed=3"], "-seed=3"),
        (["hydra.sweep.dir=x", "+training.batch_size=1"], "-+training.batch_size=1"),
    ],
)
def test_folders_say_what_changed(overrides: list[str], name: str) -> None:
    assert changes_name(overrides, "tracker", "hydra") == name


def test_a_run_of_a_study_carries_its_arm() -> None:
    assert study_tags(parsed()) == []
    assert study_tags(parsed("study.name=rates")) == ["study=rates", "arm=baseline"]
    change = "+change={parameter:training.learning_rate,value:0.01,baseline_value:0.006}"
    assert study_tags(parsed("study.name=rates", change)) == [
        "study=rates",
        "arm=training.learning_rate=0.01",
        "parameter=training.learning_rate",
        "value=0.01",
    ]
