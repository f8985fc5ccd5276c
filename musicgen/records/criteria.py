"""What a listener judges, and what the points of each scale mean.

The four criteria are those of the course that this project follows: musicality, variety, structure, and
emotion and style. Every point has a label, so that two listeners mean the same by a 4.
"""

from dataclasses import dataclass

from musicgen.errors import InputError

POINTS = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class Criterion:
    """A scale of five labelled points."""

    name: str
    """The name in tables and options."""
    title: str
    question: str
    labels: tuple[str, str, str, str, str]
    """Meanings of the points 1 to 5."""


_ALL = (
    Criterion(
        "musicality",
        "Musicality",
        "Is it a melody that a musician would play?",
        ("Notes at random", "Mostly aimless", "A melody, but clumsy", "Good, small flaws", "A tune to play"),
    ),
    Criterion(
        "variety",
        "Variety",
        "Do its ideas change enough, and not too much?",
        ("One idea, or chaos", "Too little, or too much", "Some, uneven", "Good", "Rich, still one tune"),
    ),
    Criterion(
        "structure",
        "Structure",
        "Do phrases repeat, answer each other and come to an end?",
        ("No phrases", "Phrases, unlinked", "Some answer", "Clear, small gaps", "All of it"),
    ),
    Criterion(
        "emotion_and_style",
        "Emotion and style",
        "Does it fit a folk tune's style and convey a mood?",
        ("Neither", "A trace of one", "One of the two", "Both, at times", "Both, all along"),
    ),
)

CRITERIA = {criterion.name: criterion for criterion in _ALL}
"""Criteria for a tune, by name, in the order of pages and tables."""

SET_VARIETY = Criterion(
    "set_variety",
    "Variety of the four",
    "How different are the four from each other?",
    ("One tune four times", "Hardly different", "Two are alike", "Different, of a kind", "Each its own tune"),
)
"""The criterion for four tunes of one run together."""

SCALES = CRITERIA | {SET_VARIETY.name: SET_VARIETY}
"""All scales."""


def check_criteria(names: list[str]) -> list[str]:
    """The names in the order of pages; raises InputError for an unknown one."""
    for name in names:
        if name not in CRITERIA:
            raise InputError(f"criterion {name}: unknown; allowed are {', '.join(CRITERIA)}")
    return [name for name in CRITERIA if name in names]


def check_point(criterion: str, point: object) -> int:
    """The point; raises InputError if it is not on the scale, or the criterion is unknown."""
    check_criteria([criterion])
    if isinstance(point, bool) or not isinstance(point, int) or point not in POINTS:
        raise InputError(f"{criterion}={point}: a whole number from {POINTS[0]} to {POINTS[-1]} is needed")
    return point
