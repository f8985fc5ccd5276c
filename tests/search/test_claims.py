from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import optuna
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import BaseDistribution
from optuna.trial import TrialState

from musicgen.errors import InputError
from musicgen.search.claims import Search
from musicgen.search.objective import OptunaDirection
from musicgen.search.space import Space
from musicgen.search.storage import Database, open_database

SPACE = Space.of(OverridesParser.create().parse_overrides(["x=interval(0.0,1.0)", "y=a,b"]))


opened: list[Database] = []


@pytest.fixture(autouse=True)
def close_databases() -> Iterator[None]:
    yield
    while opened:
        opened.pop().close()


def search(
    folder: Path,
    space: Space = SPACE,
    directions: Sequence[OptunaDirection] = ("minimize",),
    max_failure_rate: float = 1.0,
    min_ended: int = 1,
    **terms: object,
) -> Search:
    """As another process opens it: with other connections and locks."""
    opened.append(open_database(f"sqlite:///{folder}/search.sqlite"))
    return Search(
        opened[-1],
        "mine",
        space,
        {"baseline": {"a": 1, "b": None}, **terms},
        lambda number: optuna.samplers.RandomSampler(seed=number),
        optuna.pruners.NopPruner(),
        directions,
        max_failure_rate,
        min_ended,
    )


def die(one: Search) -> None:
    """What the end of a process does to its locks."""
    one._locks.close()


def test_two_processes_claim_the_requested_number_of_trials(tmp_path: Path) -> None:
    first, second = search(tmp_path), search(tmp_path)
    claimed = [one.claim(5) for one in (first, second, first, second, first, second, first)]
    numbers = [None if trial is None else trial.number for trial in claimed]
    assert numbers == [0, 1, 2, 3, 4, None, None]
    assert len({trial.params["x"] for trial in claimed if trial is not None}) == 5
    assert not first.is_over()
    for trial in claimed[:5]:
        assert trial is not None
        first.study.tell(trial, 1.0)
    assert first.is_over() and second.is_over()
    assert first.lead() and not second.lead()


def test_the_trial_of_a_dead_process_is_resumed(tmp_path: Path) -> None:
    first, second = search(tmp_path), search(tmp_path)
    orphan, living = first.claim(3), second.claim(3)
    assert orphan is not None and living is not None
    orphan.report(2.5, 7)
    die(first)
    taken = second.claim(3)
    assert taken is not None and taken.number == orphan.number and taken.params == orphan.params
    new, none = second.claim(3), second.claim(3)
    assert new is not None and new.number == 2 and none is None
    second.study.tell(taken, 1.5)
    assert second.trials[0].intermediate_values == {7: 2.5}


@pytest.mark.parametrize("drawn", [0, 1, 2, 3])
def test_a_trial_interrupted_while_drawing_gets_the_same_values(
    drawn: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = Space.of(
        OverridesParser.create().parse_overrides(["x=interval(0.0,1.0)", "y=a,b,c", "z=interval(1,99)"])
    )
    (tmp_path / "whole").mkdir()
    expected = search(tmp_path / "whole", space).claim(1)
    dying = search(tmp_path, space)
    suggested = iter(range(drawn))

    def suggest(trial: optuna.Trial, name: str, distribution: BaseDistribution) -> object:
        if next(suggested, None) is None:
            raise KeyboardInterrupt
        return whole_suggest(trial, name, distribution)

    whole_suggest = optuna.Trial._suggest
    with monkeypatch.context() as patch:
        patch.setattr(optuna.Trial, "_suggest", suggest)
        with suppress(KeyboardInterrupt):
            dying.claim(1)
    assert len(dying.trials[0].params) == drawn
    die(dying)
    trial = search(tmp_path, space).claim(1)
    assert expected is not None and trial is not None and trial.number == 0
    assert trial.params == expected.params


def test_the_values_of_a_trial_do_not_depend_on_interruptions(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = search(tmp_path / "a")
    expected = [whole.claim(4) for _ in range(4)]
    found = []
    for _ in range(4):
        process = search(tmp_path / "b")
        trial = process.claim(4)
        assert trial is not None
        process.study.tell(trial, 1.0)
        found.append(trial)
        die(process)
    assert [one and one.params for one in expected] == [one.params for one in found]


def test_enqueued_trials_come_first_and_count_once(tmp_path: Path) -> None:
    one = search(tmp_path)
    one.study.enqueue_trial({"x": 0.25, "y": "b"})
    trial = one.claim(1)
    assert trial is not None and trial.params == {"x": 0.25, "y": "b"}
    assert one.claim(1) is None
    one.study.tell(trial, state=TrialState.FAIL)
    assert one.claim(1) is None and one.is_over()


@pytest.mark.parametrize(("rate", "num_failed"), [(0.0, 1), (0.5, 3), (1.0, 8)])
def test_a_search_ends_after_too_many_failures(rate: float, num_failed: int, tmp_path: Path) -> None:
    one = search(tmp_path, max_failure_rate=rate, min_ended=4)
    for number in range(8):
        if number == num_failed:
            with pytest.raises(InputError, match=f"{num_failed} of {num_failed} trials failed, more than"):
                one.claim(8)
            die(one)
            # The same command resumes.
            one = search(tmp_path, max_failure_rate=rate, min_ended=4)
            assert one.claim(8) is not None
            return
        trial = one.claim(8)
        assert trial is not None
        one.study.tell(trial, state=TrialState.FAIL)
    assert rate == 1 and one.is_over()


def test_a_taken_over_trial_keeps_the_values_of_a_custom_space(tmp_path: Path) -> None:
    space = Space(SPACE.distributions, [], lambda trial: trial.suggest_float("z", 0.0, 1.0))
    first, second = search(tmp_path, space), search(tmp_path, space)
    orphan = first.claim(1)
    die(first)
    taken = second.claim(1)
    assert orphan is not None and taken is not None and set(taken.params) == {"x", "y", "z"}
    assert taken.params == orphan.params


def test_another_search_of_the_same_name_shows_the_difference(tmp_path: Path) -> None:
    search(tmp_path)
    search(tmp_path)
    other = Space.of(OverridesParser.create().parse_overrides(["x=interval(0.0,2.0)", "y=a,b"]))
    with pytest.raises(InputError, match="space.x.attributes.high is 1.0 there and 2.0 here"):
        search(tmp_path, other)
    with pytest.raises(InputError, match="baseline.a is 1 there and 2 here"):
        search(tmp_path, baseline={"a": 2, "b": None})
    with pytest.raises(InputError, match="baseline.b is null there and missing here"):
        search(tmp_path, baseline={"a": 1})
    with pytest.raises(InputError, match=r"direction.* is .*minimize.* there and .*maximize.* here"):
        search(tmp_path, directions=["maximize"])
