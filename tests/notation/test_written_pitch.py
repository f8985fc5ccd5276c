import pytest

from musicgen.notation.key import read_key
from musicgen.notation.parsing import parse_tune
from musicgen.notation.written_pitch import written_pitch


@pytest.mark.parametrize("key", ["C", "D", "E", "F#", "C#", "F", "Eb", "Gb", "Cb", "Ador", "Gm", "D =c"])
def test_both_ways_to_write_a_pitch_sound_as_it(key: str) -> None:
    for pitch in range(48, 97):
        plain, explicit = written_pitch(pitch, read_key(key)[0])
        assert [note.pitch for note in parse_tune(f"X:1\nM:4/4\nK:{key}\n{plain}").notes] == [pitch]
        letter = plain.strip("^_=")
        other = {"C": "_", "G": "^"}.get(key, "^")
        # The letter has been changed before, in the same bar.
        text = f"X:1\nM:none\nK:{key}\n{other}{letter} {explicit}"
        assert parse_tune(text).notes[1].pitch == pitch


def test_a_note_outside_of_the_key_has_the_sign_of_its_key() -> None:
    assert written_pitch(63, read_key("D")[0]) == ("^D", "^D")
    assert written_pitch(61, read_key("F")[0]) == ("_D", "_D")
    assert written_pitch(65, read_key("D")[0]) == ("=F", "=F")
    assert written_pitch(66, read_key("D")[0]) == ("F", "^F")
    assert written_pitch(72, read_key("C")[0]) == ("c", "=c")
    assert written_pitch(57, read_key("C")[0])[0] == "A," and written_pitch(84, read_key("C")[0])[0] == "c'"
