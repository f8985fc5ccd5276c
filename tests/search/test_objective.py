import pytest

from musicgen.errors import InputError
from musicgen.search.objective import Objective, objectives_of

LOSS, SOUND, REPEAT = "fit/validation_loss", "validity/sound_rate", "structure/lag_repeat"


def test_a_metric_brings_its_direction() -> None:
    assert objectives_of(LOSS, None) == (Objective(LOSS, False),)
    assert objectives_of([LOSS, SOUND], None) == (Objective(LOSS, False), Objective(SOUND, True))
    assert objectives_of([LOSS, SOUND], ["minimize", "maximize"]) == objectives_of([LOSS, SOUND], None)
    assert objectives_of([REPEAT], "maximize") == (Objective(REPEAT, True),)


@pytest.mark.parametrize(
    ("names", "directions", "words"),
    [
        ("fit/los", None, "objective: fit/los is not a metric; allowed are fit/train_loss, "),
        ([], None, r"objective=\[\]: must be a name or a list of names"),
        (None, None, "objective=None: must be a name"),
        ([LOSS, LOSS], None, "names a metric twice"),
        (LOSS, "up", "direction=up: allowed are minimize and maximize"),
        (LOSS, "maximize", "direction=maximize: fit/validation_loss can only be improved with minimize"),
        ([LOSS, SOUND], "minimize", "direction=minimize: needs one direction for each metric"),
        (LOSS, ["minimize", "maximize"], r"direction=\[minimize,maximize\]: needs one direction"),
        (REPEAT, None, "structure/lag_repeat is neither better high nor better low"),
    ],
)
def test_wrong_objectives_are_named(names: object, directions: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        objectives_of(names, directions)
