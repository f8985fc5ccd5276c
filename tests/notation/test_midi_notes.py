import struct

import pytest

from musicgen.notation import SoundingNote, sounding_notes
from musicgen.notation.midi_notes import is_silent


def midi(*tracks: bytes, division: int = 480) -> bytes:
    chunks = [b"MTrk" + struct.pack(">I", len(track)) + track for track in tracks]
    return b"MThd" + struct.pack(">IHHH", 6, 1, len(tracks), division) + b"".join(chunks)


def test_notes_of_every_track_by_onset():
    first = bytes([0, 0x90, 60, 90, 0x83, 0x60, 0x80, 60, 0])
    second = bytes([0x81, 0x70, 0x91, 64, 90, 0x81, 0x70, 64, 0])
    assert sounding_notes(midi(first, second)) == (SoundingNote(0, 0.25, 60), SoundingNote(0.125, 0.125, 64))


def test_other_events_are_skipped():
    track = bytes([0, 0xFF, 1, 2, 65, 66, 0, 0xF0, 1, 0xF7, 0, 0xC0, 5, 0, 0xE0, 0, 64])
    track += bytes([0, 0x90, 60, 90, 0x83, 0x60, 0x80, 60, 0, 0, 0xFF, 0x2F, 0])
    assert sounding_notes(midi(track)) == (SoundingNote(0, 0.25, 60),)


def test_equal_notes_end_in_starting_order():
    track = bytes([0, 0x90, 60, 90, 0x60, 60, 90, 0x60, 60, 0, 0x60, 60, 0])
    notes = sounding_notes(midi(track, division=96))
    assert [(note.onset, note.duration) for note in notes] == [(0, 0.5), (0.25, 0.5)]


def test_percussion_and_silent_notes_do_not_sound():
    track = bytes([0, 0x99, 60, 90, 0x60, 0x89, 60, 0, 0, 0x90, 62, 90, 0, 0x80, 62, 0])
    assert sounding_notes(midi(track)) == ()
    assert is_silent(midi(track))
    assert not is_silent(midi(track, bytes([0, 0x90, 60, 90, 0x60, 60, 0])))


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"MThd",
        b"RIFF" + bytes(40),
        midi(b"", division=0),
        midi(bytes([0, 0x90, 60])),
        midi(bytes([0, 60, 60])),
        midi(bytes([0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0x90, 60, 90])),
    ],
)
def test_junk_is_a_value_error(junk):
    with pytest.raises(ValueError, match="MIDI"):
        sounding_notes(junk)
    with pytest.raises(ValueError, match="MIDI"):
        is_silent(junk)
