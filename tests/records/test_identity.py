import copy

import pytest

from musicgen.config import PARTS, SET_BY_THE_SWEEPER
from musicgen.records.identity import ONCE_WITHOUT, pace_identity, run_identity, training_identity
from tests.test_config import composed_values

VALUES = composed_values()
CORPUS = "0" * 64


def changed(name: str, value: object) -> dict:
    values = copy.deepcopy(VALUES)
    *groups, field = name.split(".")
    owner: dict = values
    for group in groups:
        owner = owner[group]
    assert owner[field] != value
    owner[field] = value
    return values


TRAINING = training_identity(VALUES, CORPUS, "cpu")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("training.learning_rate", 0.5),
        ("model.cell", "lstm"),
        ("seed", 9),
        ("data.split_seed", 9),
        ("data.test_share", 0.2),
    ],
)
def test_settings_of_the_weights_change_the_training_identity(name: str, value: object) -> None:
    assert training_identity(changed(name, value), CORPUS, "cpu") != TRAINING


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sampling.temperature", 0.5),
        ("rendering.tempo", 90),
        ("tracker.mode", "offline"),
        ("paths.outputs", "elsewhere"),
        ("paths.locks", False),
        ("paths.store_gigabytes", 1.0),
        ("data.name", "renamed"),
        ("training.max_minutes", 5.0),
    ],
)
def test_other_settings_keep_the_training_identity(name: str, value: object) -> None:
    assert training_identity(changed(name, value), CORPUS, "cpu") == TRAINING


def test_only_the_identity_of_the_start_matters() -> None:
    path = changed("training.start_from", "some/run")
    assert training_identity(path, CORPUS, "cpu") == TRAINING
    tuned = training_identity(VALUES, CORPUS, "cpu", "0123456789abcdef@1200")
    assert tuned == training_identity(path, CORPUS, "cpu", "0123456789abcdef@1200")
    assert len({TRAINING, tuned, training_identity(VALUES, CORPUS, "cpu", "0123456789abcdef@1100")}) == 3


LAB = composed_values("training=lab")


def identity_with(values: dict, **training: object) -> str:
    return training_identity({**values, "training": {**values["training"], **training}}, CORPUS, "cpu")


def test_runs_at_a_constant_rate_share_a_training() -> None:
    assert identity_with(LAB, num_iterations=7) == identity_with(LAB, num_iterations=70)
    assert identity_with(VALUES, num_iterations=7) != identity_with(VALUES, num_iterations=70)
    for values in (LAB, VALUES):
        assert identity_with(values, early_stopping_patience=3) == identity_with(values)
        assert identity_with(values, num_threads=7) != identity_with(values)


def test_a_run_identity_covers_where_it_ends() -> None:
    for name, value in (("num_iterations", 7), ("early_stopping_patience", 3)):
        assert run_identity(changed(f"training.{name}", value), TRAINING) != run_identity(VALUES, TRAINING)


def test_an_early_stop_is_another_run_of_the_same_training() -> None:
    stopped = changed("training.stop_iteration", 7)
    assert training_identity(stopped, CORPUS, "cpu") == TRAINING
    assert run_identity(stopped, TRAINING) != run_identity(VALUES, TRAINING)
    # What was trained before there were stops is known by the same name.
    older = copy.deepcopy(VALUES)
    del older["training"]["stop_iteration"]
    assert run_identity(older, TRAINING) == run_identity(VALUES, TRAINING)


def test_a_time_limit_is_no_part_of_an_identity() -> None:
    assert run_identity(changed("training.max_minutes", 5.0), TRAINING) == run_identity(VALUES, TRAINING)


@pytest.mark.parametrize(
    ("name", "value", "is_same"),
    [
        ("training.max_minutes", 5.0, True),
        ("training.num_iterations", 7, True),
        ("training.learning_rate", 0.5, True),
        ("seed", 9, True),
        ("training.batch_size", 7, False),
        ("training.num_threads", 7, False),
        ("model.hidden_size", 7, False),
        ("data.validation_share", 0.3, False),
    ],
)
def test_a_pace_depends_on_what_takes_time(name: str, value: object, is_same: bool) -> None:
    pace = pace_identity(VALUES, CORPUS, "cpu")
    assert (pace_identity(changed(name, value), CORPUS, "cpu") == pace) == is_same
    assert len({pace, pace_identity(VALUES, "1" * 64, "cpu"), pace_identity(VALUES, CORPUS, "cuda")}) == 3


def test_other_tunes_or_devices_are_another_training() -> None:
    assert (
        len({TRAINING, training_identity(VALUES, "1" * 64, "cpu"), training_identity(VALUES, CORPUS, "cuda")})
        == 3
    )


def test_a_sample_of_the_validation_tunes_is_another_training() -> None:
    sampled = [training_identity(VALUES, CORPUS, "cpu", None, number) for number in (None, 2000, 2001)]
    assert sampled[0] == TRAINING and len(set(sampled)) == 3


def test_a_run_identity_covers_training_sampling_and_evaluation() -> None:
    run = run_identity(VALUES, TRAINING)
    assert run_identity(changed("sampling.temperature", 0.5), TRAINING) != run
    assert run_identity(changed("rendering.tempo", 90), TRAINING) == run
    assert run_identity(VALUES, "another") != run


def test_the_order_of_fields_makes_no_difference() -> None:
    assert training_identity(dict(reversed(VALUES.items())), CORPUS, "cpu") == TRAINING


@pytest.mark.parametrize(
    ("overrides", "training", "run"),
    [
        ([], "f6ba0bce7093e17d", "fe73c6e1fe548526"),
        (["experiment=smoke"], "c558417c9a4558c9", "2da9e7fc7118eab6"),
        (["training=smoke"], "c558417c9a4558c9", "2da9e7fc7118eab6"),
        (["experiment=quick"], "da638f15aaa399ee", "a6c30c9cc35f920b"),
        (["experiment=lab"], "c197ddfe51aa2815", "6d468777fe44a732"),
        (["training=lab", "model=lab"], "c197ddfe51aa2815", "6d468777fe44a732"),
    ],
)
def test_identities_in_todays_stores_are_still_found(overrides: list[str], training: str, run: str) -> None:
    values = composed_values(*overrides)
    assert training_identity(values, CORPUS, "cpu") == training
    assert run_identity(values, training) == run


@pytest.mark.parametrize("name", sorted(PARTS.keys() & VALUES.keys() - set(SET_BY_THE_SWEEPER) - {"device"}))
def test_the_table_of_parts_says_which_identity_a_part_enters(name: str) -> None:
    def identities(values: dict) -> tuple[str, str]:
        training = training_identity(values, CORPUS, "cpu")
        return training, run_identity(values, training)

    part = (
        {"validation_share": 0.3}
        if name == "data"
        else {"schedule": "constant"}
        if name == "training"
        else {}
    )
    changes = {**VALUES, name: 99 if name == "seed" else {**VALUES[name], "new": 1, **part}}
    same = [one == other for one, other in zip(identities(VALUES), identities(changes), strict=True)]
    assert (
        same == {"training": [False, False], "run": [True, False], None: [True, True]}[PARTS[name].identity]
    )


def test_identities_have_not_changed() -> None:
    """Where one of these changes without ENGINE_VERSION, existing stores become useless."""
    shares = {"validation_share": 0.1, "test_share": 0.1, "near_duplicate_share": 0.5}
    lengths = {"num_iterations": 3, "final_learning_rate_share": 0.1, "early_stopping_patience": None}
    training = {"schedule": "constant", "learning_rate": 0.005, "stop_iteration": None, **lengths}
    config = {
        "data": {"name": "a", "split_seed": 0, **shares},
        "model": {"cell": "lstm", "hidden_size": 8},
        "training": training,
        "sampling": {"temperature": 0.7},
        "evaluation": {},
        "seed": 0,
    }
    constant = training_identity(config, CORPUS, "cpu")
    assert constant == "7c67705887570632"
    cosine = {**config, "training": training | {"schedule": "cosine"}}
    assert training_identity(cosine, CORPUS, "cpu") == "b4bb369d1f9d0326"
    assert run_identity(config, constant) == "f5ae219e3c80dc97"
    stopped = {**config, "training": training | {"stop_iteration": 2}}
    assert run_identity(stopped, constant) == "8d74c316da0ccc33"


@pytest.mark.parametrize("group", ["model", "training", "sampling", "evaluation"])
def test_later_settings_keep_the_identity_of_older_runs(group: str) -> None:
    later = ONCE_WITHOUT[group]
    values = {**VALUES, group: {**VALUES[group], **later}}
    older = {**VALUES, group: {name: value for name, value in VALUES[group].items() if name not in later}}
    training = training_identity(values, CORPUS, "cpu")
    assert training_identity(older, CORPUS, "cpu") == training
    assert run_identity(older, training) == run_identity(values, training)


def test_later_settings_count_once_they_are_set() -> None:
    assert identity_with(VALUES, engine="torch") != TRAINING
    assert run_identity(changed("sampling.key", "D"), TRAINING) != run_identity(VALUES, TRAINING)


def test_settings_unused_at_a_constant_rate_do_not_count() -> None:
    for values, is_same in ((LAB, True), (VALUES, False)):
        assert (
            identity_with(values, final_learning_rate_share=0.3)
            == identity_with(values, final_learning_rate_share=0.4)
        ) == is_same
