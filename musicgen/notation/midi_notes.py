"""Reads the notes of a Standard MIDI File without any package.

Times are in whole notes. Channel 10 (percussion) is ignored.
Source: Standard MIDI Files 1.0, MIDI Manufacturers Association, 1996.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_PERCUSSION = 9
_NOTE_OFF, _NOTE_ON, _SYSTEM = 0x8, 0x9, 0xF
_DATA_BYTES = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}


@dataclass(frozen=True, slots=True, order=True)
class SoundingNote:
    """A note of a MIDI file; times in whole notes, pitch as a MIDI number."""

    onset: float
    duration: float
    pitch: int


def sounding_notes(midi: bytes) -> tuple[SoundingNote, ...]:
    """All notes longer than zero, by onset. Raises ValueError for bytes that are not a MIDI file."""
    return tuple(sorted(_sounding_notes(midi)))


def is_silent(midi: bytes) -> bool:
    """Whether no note is longer than zero. Raises ValueError; reads up to the first note only."""
    return next(_sounding_notes(midi), None) is None


def is_whole(midi: bytes) -> bool:
    """Whether the file contains exactly the tracks that its header announces, to the last byte."""
    try:
        magic, header_length, _, num_tracks, _ = struct.unpack_from(">4sIHHH", midi)
        position = 8 + header_length
        for _ in range(num_tracks):
            name, length = struct.unpack_from(">4sI", midi, position)
            if name != b"MTrk":
                return False
            position += 8 + length
    except struct.error:
        return False
    return magic == b"MThd" and position == len(midi)


def _sounding_notes(midi: bytes) -> Iterator[SoundingNote]:
    try:
        ticks_per_quarter = _ticks_per_quarter(midi)
        for track in _tracks(midi):
            for start, end, pitch in _notes(track):
                if end > start:
                    onset, duration = start / ticks_per_quarter / 4, (end - start) / ticks_per_quarter / 4
                    yield SoundingNote(onset, duration, pitch)
    except (struct.error, IndexError) as error:
        raise ValueError("truncated MIDI file") from error


def _ticks_per_quarter(midi: bytes) -> int:
    magic, header_length, _, _, division = struct.unpack_from(">4sIHHH", midi)
    if magic != b"MThd" or header_length < 6 or not 1 <= division < 0x8000:
        raise ValueError("not a MIDI file with ticks per quarter note")
    return division


def _tracks(midi: bytes) -> Iterator[bytes]:
    """The bytes of each track chunk; other chunks are skipped."""
    position = 8 + struct.unpack_from(">I", midi, 4)[0]
    while position < len(midi):
        name, length = struct.unpack_from(">4sI", midi, position)
        position += 8
        if name == b"MTrk":
            yield midi[position : position + length]
        position += length


def _notes(track: bytes) -> Iterator[tuple[int, int, int]]:
    """(start tick, end tick, pitch) of every note that the track starts and ends."""
    started: dict[tuple[int, int], list[int]] = {}
    for tick, kind, channel, pitch, velocity in _channel_events(track):
        if kind not in (_NOTE_ON, _NOTE_OFF) or channel == _PERCUSSION:
            continue
        begun = started.setdefault((channel, pitch), [])
        if kind == _NOTE_ON and velocity > 0:
            begun.append(tick)
        elif begun:
            yield begun.pop(0), tick, pitch


def _channel_events(track: bytes) -> Iterator[tuple[int, int, int, int, int]]:
    """(tick, kind, channel, first data byte, second or 0) of every channel event, running status resolved."""
    position = tick = status = 0
    while position < len(track):
        delta, position = _variable_length(track, position)
        tick += delta
        if track[position] >= 0x80:
            status = track[position]
            position += 1
        kind, channel = status >> 4, status & 0x0F
        if kind == _SYSTEM:
            position += status == 0xFF
            length, position = _variable_length(track, position)
            position += length
            continue
        if kind < _NOTE_OFF:
            raise ValueError("MIDI event without a status byte")
        count = _DATA_BYTES[kind]
        yield tick, kind, channel, track[position], track[position + 1] if count == 2 else 0
        position += count


def _variable_length(track: bytes, position: int) -> tuple[int, int]:
    """A variable-length number and the position after it."""
    value = 0
    for count in range(4):
        byte = track[position + count]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, position + count + 1
    raise ValueError("MIDI number longer than four bytes")
