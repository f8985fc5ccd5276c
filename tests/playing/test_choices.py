import pytest

from musicgen.corpus.headers import HeaderFields
from musicgen.playing.choices import KEYBOARD, as_listed, choices_of, fixed_by, keyboards_of

FIELDS = HeaderFields.of(
    ["X:1\nR:jig\nM:6/8\nK:D\nA|", "X:2\nR:reel\nM:4/4\nK:D\nA|", "X:3\nM:4/4\nK:Gm\nA|"]
)

SPELLINGS = [
    ("Slip Jig", "4/4", "Gdor"),
    ("Slip Jig", "4/4", "Gdor"),
    ("reel", "6/8", "AMix"),
    ("reel", "6/8", "AMix"),
    ("slipjig", "C", "GDor"),
    ("Reel", "6/8", "Amix"),
    ("reel", "4/4", "Bn"),
]


def test_choices_are_those_of_the_training_tunes() -> None:
    choices = choices_of(FIELDS)
    assert (choices["key"], choices["meter"], choices["rhythm"]) == (
        ["D", "Gm"],
        ["4/4", "6/8"],
        ["jig", "reel"],
    )
    assert "whistle" in choices["range"]


def test_each_choice_has_one_spelling_and_is_readable() -> None:
    tunes = [f"X:1\nR:{r}\nM:{m}\nK:{k}\nA|" for r, m, k in SPELLINGS]
    choices = choices_of(HeaderFields.of(tunes))
    assert choices["key"] == ["Gdor", "AMix"]
    assert choices["meter"] == ["4/4", "6/8"] and choices["rhythm"] == ["reel", "Slip Jig"]


def test_the_runs_wishes_are_among_the_choices() -> None:
    wishes = {"key": "G minor", "meter": "C", "rhythm": None}
    assert as_listed(wishes, FIELDS) == {"key": "Gm", "meter": "4/4", "rhythm": None}
    assert as_listed({"key": "F#m"}, FIELDS) == {"key": "F#m"}


@pytest.mark.parametrize(
    ("prompt", "fixed"),
    [
        ("X:", {}),
        ("X:1\nT:Smoke\nR:reel\nM:4/4\nK:D\n", {"key": "D", "meter": "4/4", "rhythm": "reel"}),
        ("X:1\nM:6/8\nK:A", {"meter": "6/8"}),
    ],
)
def test_a_prompt_fixes_what_its_complete_lines_say(prompt: str, fixed: dict[str, str]) -> None:
    assert fixed_by(prompt) == fixed


def test_every_key_has_a_note_for_every_pitch() -> None:
    keyboards = keyboards_of(FIELDS)
    assert set(keyboards) == {"D", "Gm"} and {len(notes) for notes in keyboards.values()} == {len(KEYBOARD)}
    assert keyboards["D"][KEYBOARD.index(66)] == ("F", "^F")
    assert keyboards["Gm"][KEYBOARD.index(63)] == ("E", "_E")
