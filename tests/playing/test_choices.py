from musicgen.corpus.headers import HeaderFields
from musicgen.playing.choices import KEYBOARD, choices_of, keyboards_of

FIELDS = HeaderFields.of(
    ["X:1\nR:jig\nM:6/8\nK:D\nA|", "X:2\nR:reel\nM:4/4\nK:D\nA|", "X:3\nM:4/4\nK:Gm\nA|"]
)


def test_choices_are_those_of_the_training_tunes() -> None:
    choices = choices_of(FIELDS)
    assert (choices["key"], choices["meter"], choices["rhythm"]) == (
        ["D", "Gm"],
        ["4/4", "6/8"],
        ["jig", "reel"],
    )
    assert "whistle" in choices["range"]


def test_every_key_has_a_note_for_every_pitch() -> None:
    keyboards = keyboards_of(FIELDS)
    assert set(keyboards) == {"D", "Gm"} and {len(notes) for notes in keyboards.values()} == {len(KEYBOARD)}
    assert keyboards["D"][KEYBOARD.index(66)] == ("F", "^F")
    assert keyboards["Gm"][KEYBOARD.index(63)] == ("E", "_E")
