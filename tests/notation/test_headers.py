import pytest

from musicgen.notation.headers import music_start, split_header


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("\n%%MIDI program 1\nX:1\n% note\nK:C\nA|", (("X", "1"), ("K", "C"))),
        ("T:The\n+:Reel\nK:C\n", (("T", "The Reel"), ("K", "C"))),
        ("T:\n+:Reel\nK:C\n+:\n", (("T", "Reel"), ("K", "C"))),
        ("X:1\nN::1st setting\nK:G\n", (("X", "1"), ("N", ":1st setting"), ("K", "G"))),
        ("X:1\n%%beginsvg\nK:E\n\n<g>\n%%endsvg\nK:C\n+:=f\nABc|", (("X", "1"), ("K", "C =f"))),
        ("", ()),
    ],
    ids=["comments", "continuation", "empty value", "leading colon", "text block", "empty text"],
)
def test_fields(text: str, fields: tuple[tuple[str, str], ...]) -> None:
    assert split_header(text)[0] == fields


@pytest.mark.parametrize(
    ("text", "fields", "body"),
    [
        ("X:1\nT: The Reel \nK:D % bright\nabc|\nK:G\nd|\n", "X:1 T:The Reel K:D", "abc|\nK:G\nd|\n"),
        ("X:1\nM:4/4\nABcd|\n\nmore", "X:1 M:4/4", "ABcd|\n\nmore"),
        ("X:1\nM:4/4\nABcd|\n\nX:2\nK:G\nG4|", "X:1 M:4/4", "ABcd|\n\nX:2\nK:G\nG4|"),
        ("ABc|\nK:G\ndef|", "", "ABc|\nK:G\ndef|"),
    ],
    ids=["up to the key", "no key", "key after an empty line", "no header"],
)
def test_the_header_ends_at_the_key_or_before_music(text: str, fields: str, body: str) -> None:
    found, rest, problem = split_header(text)
    assert " ".join(f"{letter}:{value}" for letter, value in found) == fields
    assert (rest, problem) == (body, None)


def test_music_starts_below_the_key() -> None:
    tune = "X:1\nT:One\nM:4/4\nK:D\nABcd|\nefga|"
    assert tune[music_start(tune) :] == "ABcd|\nefga|"
    assert music_start("X:1\nT:no key") == len("X:1\nT:no key")


def test_other_lines_in_the_header_are_skipped() -> None:
    fields, body, problem = split_header("X:1\nN bars are missing\nM:3/4\nK:G\nABc|")
    assert fields == (("X", "1"), ("M", "3/4"), ("K", "G"))
    assert body == "ABc|"
    assert problem == "header line 'N bars are missing' is not a field"
