import pytest

from musicgen.notation.key import NO_KEY, read_key, signature

SHARP_SIDE = {"C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5, "F#": 6, "C#": 7}
FLAT_SIDE = {"F": -1, "Bb": -2, "Eb": -3, "Ab": -4, "Db": -5, "Gb": -6, "Cb": -7}


def altered(value: str) -> str:
    """The letters that the key alters, sharps as ^F, flats as _B, in the order of the signature."""
    key, problem = read_key(value)
    assert problem is None
    signs = {2: "^^", 1: "^", -1: "_", -2: "__"}
    return "".join(signs[semitones] + letter for letter, semitones in key.alterations if semitones)


@pytest.mark.parametrize(("tonic", "fifths"), [*SHARP_SIDE.items(), *FLAT_SIDE.items()])
def test_major_keys(tonic, fifths):
    assert read_key(tonic)[0].alterations == signature(fifths)
    assert sum(semitones for _, semitones in signature(fifths)) == fifths


@pytest.mark.parametrize(
    ("value", "expected", "tonic"),
    [
        ("D Major", "^F^C", 2),
        ("Dmaj", "^F^C", 2),
        ("D Ionian", "^F^C", 2),
        ("Ador", "^F", 9),
        ("A Dorian", "^F", 9),
        ("A DORIAN", "^F", 9),
        ("Gm", "_E_B", 7),
        ("G m", "_E_B", 7),
        ("GM", "_E_B", 7),
        ("G minor", "_E_B", 7),
        ("Gaeolian", "_E_B", 7),
        ("F#m", "^F^C^G", 6),
        ("Amix", "^F^C", 9),
        ("A Mixolydian", "^F^C", 9),
        ("Ephr", "", 4),
        ("Flyd", "", 5),
        ("Bloc", "", 11),
        ("Bb", "_E_B", 10),
        ("HP", "^F^C", 9),
        ("Hp", "^F^C", 9),
        ("none", "", 0),
        ("", "", 0),
        ("D =c", "^F", 2),
        ("Dmix=c", "^F", 2),
        ("D exp _b^f", "^F_B", 2),
        ("^f_B", "^F_B", 0),
        ("Am clef=bass middle=d", "", 9),
        ("G treble", "^F", 7),
        ("clef=alto", "", 0),
        ("G# major", "^^F^C^G^D^A^E^B", 8),
    ],
)
def test_spellings(value, expected, tonic):
    assert altered(value) == expected
    assert read_key(value)[0].tonic == tonic


@pytest.mark.parametrize(
    ("value", "shift"),
    [("G treble-8", -12), ("G clef=treble+8", 12), ("G octave=-1", -12), ("G transpose=2", 2), ("G", 0)],
)
def test_shift(value, shift):
    assert read_key(value)[0].shift == shift


@pytest.mark.parametrize("value", ["H", "g", "Gxyz", "G nonsense", "D ^", "|:A2"])
def test_invalid_key_is_a_problem(value):
    problem = read_key(value)[1]
    assert problem is not None
    assert problem.startswith("K: ")


def test_previous_key_is_kept_if_none_is_named():
    previous = read_key("D")[0]
    assert read_key("clef=bass", previous) == (previous, None)
    assert read_key("%%", previous)[0] == previous
    assert read_key("%%")[0] == NO_KEY
