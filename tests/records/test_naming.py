import json
import math
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from musicgen.config import Change
from musicgen.records.naming import (
    MAX_NAME_BYTES,
    MAX_NAME_CHARACTERS,
    arm_name,
    changes_name,
    folder_name,
    level_of,
    override_text,
    overrides_name,
    run_name,
    search_name,
    shown_change,
    shown_level,
    study_tags,
    tune_name,
    tune_title,
    unique_names,
    without_groups,
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
    assert study_tags(parsed(), Path("run")) == []
    assert study_tags(parsed("study.name=rates"), Path("run")) == ["study=rates", "arm=baseline"]
    change = "+change={parameter:training.learning_rate,value:0.01,baseline_value:0.006}"
    assert study_tags(parsed("study.name=rates", change), Path("run")) == [
        "study=rates",
        "arm=learning_rate=0.01",
        "parameter=training.learning_rate",
        "value=0.01",
    ]


@pytest.mark.parametrize(
    ("value", "level"),
    [
        (0.01, "0.01"),
        ("0.010", "0.01"),
        (64.0, "64"),
        (None, "null"),
        (math.nan, "null"),
        ("null", "null"),
        (False, "false"),
        ("False", "false"),
        (["X:"], '["X:"]'),
        ('["X:"]', '["X:"]'),
        ("[a text", "[a text"),
        ("gru", "gru"),
    ],
)
def test_a_level_is_the_same_from_memory_and_from_csv(value: object, level: str) -> None:
    assert level_of(value) == level


@pytest.mark.parametrize("text", ["[", "[" * 100_000])
def test_a_level_that_only_begins_like_a_list_is_a_text(text: str) -> None:
    assert level_of(text) == text


def test_long_levels_keep_both_ends() -> None:
    header = "X:1\\nT:A jig\\nR:jig\\nM:6/8\\nL:1/8\\nK:D\\n"
    shorter, longer = (shown_level(json.dumps([text])) for text in (header, header + "dAF"))
    assert shorter != longer
    assert max(len(shorter), len(longer)) <= 30
    assert longer.endswith("dAF”")


@pytest.mark.parametrize(("level", "shown"), [([], "none"), ([4, 8], "4, 8"), (["X:", "T:"], "“X:”, “T:”")])
def test_lists_are_shown_by_what_they_hold(level: list, shown: str) -> None:
    assert shown_level(level_of(level)) == shown


@pytest.mark.parametrize(
    ("parameter", "value", "words"),
    [
        ("training.batch_size", 8, "batch_size=8"),
        ("model", "gru", "model=gru"),
        ("data.name", "ryans", "data.name=ryans"),
        ("sampling.temperature", [0.5, 1.0], "temperature=0.5, 1.0"),
        ("training.learning_rate", "0.010", "learning_rate=0.01"),
        ("combined", "training.learning_rate=0.01 model=gru", "combined: learning_rate=0.01 model=gru"),
    ],
)
def test_changes_are_named_as_people_say_them(parameter: str, value: object, words: str) -> None:
    assert shown_change(parameter, value) == words


def test_an_arm_is_its_change_and_what_was_tuned_again() -> None:
    change = Change("training.batch_size", 8, 32)
    assert arm_name(change) == "batch_size=8" and arm_name(None) == "baseline"
    assert arm_name(change, {"training.learning_rate": 0.1}) == "batch_size=8, re-tuned learning_rate=0.1"
    assert arm_name(None, {"training.learning_rate": 0.1}) == "baseline, re-tuned learning_rate=0.1"


def test_a_run_alone_is_named_by_the_overrides_that_change_it() -> None:
    plumbing = ["tracker=none", "rendering=none", "paths.outputs=/tmp/a", "training.num_threads=1", "seed=3"]
    given = ["experiment=smoke", "+training.batch_size=8", 'data.path="a b.abc"', *plumbing]
    assert overrides_name(given) == "experiment=smoke, batch_size=8, data.path=a b.abc"
    assert overrides_name(plumbing) == "defaults"
    assert run_name(parsed("seed=3"), given[:1], Path("run")) == "experiment=smoke · seed 3"


def test_a_run_of_a_study_is_named_by_its_arm() -> None:
    change = "+change={parameter:training.learning_rate,value:0.01,baseline_value:0.006}"
    assert run_name(parsed(change), ["model=gru"], Path("run")) == "learning_rate=0.01 · seed 0"
    assert run_name(parsed("study.name=rates"), ["model=gru"], Path("run")) == "baseline · seed 0"
    assert run_name(parsed(), ["model=gru"], Path("sweep/baseline/seed=0")) == "baseline · seed 0"
    assert study_tags(parsed(), Path("sweep/baseline/seed=0")) == ["arm=baseline"]
    combined = (
        "+change={parameter:combined,value:'model.cell=gru, training.batch_size=8',baseline_value:null}"
    )
    assert run_name(parsed(combined), [], Path("run")) == "combined: cell=gru, batch_size=8 · seed 0"


def test_a_trial_is_named_by_its_number_and_values() -> None:
    directory = Path("searches/wide/003/seed=0")
    given = ["training.learning_rate=0.0123456789", "training.batch_size=8", "+training.stop_iteration=15"]
    assert run_name(parsed(), given, directory) == "trial 3: learning_rate=0.0123457, batch_size=8 · seed 0"
    assert study_tags(parsed(), directory) == ["search=wide", "trial=3"]
    assert study_tags(parsed(), Path("runs/2026-11-29/16-52")) == []


def test_the_name_of_a_run_is_not_longer_than_a_line() -> None:
    given = [f"training.learning_rate=0.0{number}" for number in range(30)]
    name = run_name(parsed(), given, Path("run"))
    assert len(name) <= 110 and name.startswith("learning_rate=0") and name.endswith("rate=0.029 · seed 0")


def test_only_the_groups_of_parameters_are_left_out() -> None:
    assert without_groups("data.path=my.tunes.abc") == "data.path=my.tunes.abc"
    assert without_groups("+training.start_from=runs/a.b=c") == "start_from=runs/a.b=c"


@pytest.mark.parametrize(
    ("written", "prompt", "title"),
    [
        ("The Binn of the  Lade", "X:1\n", "The Binn of the Lade"),
        ("Miss McLeod's Reel, The", "", "Miss McLeod's Reel, The"),
        ("Smoke", "X:1\nT:Smoke\nR:reel\n", "Tune 17"),
        ("Thrrk Jtl", "", "Tune 17"),
        ("<b>Bold</b>", "", "Tune 17"),
        ("La" * 31, "", "Tune 17"),
        ("17", "", "Tune 17"),
        ("", "", "Tune 17"),
    ],
)
def test_a_tune_has_its_own_title_or_its_number(written: str, prompt: str, title: str) -> None:
    assert tune_title(written, prompt, 17) == title


def test_outside_of_its_run_a_tune_says_where_it_is_from() -> None:
    assert tune_name("Tune 17", 17, "batch_size=8, seed 0") == "Tune 17 of batch_size=8, seed 0"
    assert tune_name("The Lark", 17, "batch_size=8, seed 0") == "The Lark (tune 17 of batch_size=8, seed 0)"
