import pytest

from musicgen.errors import InputError
from musicgen.records.criteria import CRITERIA, POINTS, SCALES, check_criteria, check_point


def test_every_point_of_every_scale_has_a_label() -> None:
    assert POINTS == (1, 2, 3, 4, 5)
    assert list(CRITERIA) == ["musicality", "variety", "structure", "emotion_and_style"]
    assert list(SCALES) == [*CRITERIA, "set_variety"]
    for name, scale in SCALES.items():
        assert scale.name == name and scale.title and scale.question.endswith("?")
        assert len(set(scale.labels)) == len(POINTS)


def test_criteria_come_in_the_order_of_the_page() -> None:
    assert check_criteria(["structure", "musicality"]) == ["musicality", "structure"]
    assert check_criteria([]) == []
    with pytest.raises(InputError, match=r"^criterion groove: unknown; allowed are musicality, variety,"):
        check_criteria(["musicality", "groove"])


def test_a_point_is_a_whole_number_of_the_scale() -> None:
    assert [check_point("variety", point) for point in POINTS] == list(POINTS)
    for wrong in (0, 6, -1, 3.0, True, "3", None):
        with pytest.raises(InputError, match=r"^variety=.*: a whole number from 1 to 5 is needed$"):
            check_point("variety", wrong)
    with pytest.raises(InputError, match="criterion groove"):
        check_point("groove", 3)
