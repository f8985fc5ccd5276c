"""MusicXML, read back with the standard library."""

from fractions import Fraction
from xml.etree import ElementTree

import pytest

from musicgen.notation.key import PITCH_CLASS
from musicgen.notation.parsing import parse_tune
from musicgen.rendering.music_xml import to_music_xml
from musicgen.rendering.sheet_reader import read_sheet
from tests.soak.commands import small_tune

HEADER = "X:1\nT:t\nM:4/4\nL:1/8\nK:D\n"


def written(abc: str) -> ElementTree.Element:
    return ElementTree.fromstring(to_music_xml(read_sheet(parse_tune(abc))))


def sounding(root: ElementTree.Element) -> list[tuple[int, Fraction]]:
    """(MIDI number, duration in whole notes) of each note, with the pieces of one note joined."""
    divisions = int(root.findtext(".//divisions") or 0)
    notes: list[tuple[int, Fraction]] = []
    for note in root.iterfind(".//note"):
        if note.find("pitch") is None or note.find("chord") is not None:
            continue
        octave, alter = (int(note.findtext(f"pitch/{name}") or 0) for name in ("octave", "alter"))
        pitch = 12 * (octave + 1) + PITCH_CLASS[note.findtext("pitch/step") or ""] + alter
        duration = Fraction(int(note.findtext("duration") or 0), 4 * divisions)
        if {tie.get("type") for tie in note.iterfind("tie")} >= {"stop"}:
            assert notes[-1][0] == pitch, "a tie joins equal pitches"
            notes[-1] = pitch, notes[-1][1] + duration
        else:
            notes.append((pitch, duration))
    return notes


@pytest.mark.parametrize(
    "music",
    [
        "DFAd fdAF|c8|]",
        "D>E F<G A>>B c2|",
        "(3DEF (3G2A2B2 (5:4:5DEFGA|d2 z2 x4|",
        "^G2 g =c c' _B,|G g c B|",
        "D5 E3|F7 G|A/B/ c// d// e3/2 f/ g4|",
        "{ag}T!fermata!f2 .e~d Hc2 |: B2 A2 :|1 d4:|2 D4|]",
        "[M:6/8]DEF GAB|[K:Gm]B2e ABc|[L:1/16]D2E2F2 G6|",
    ],
)
def test_notes_sound_as_in_the_text(music: str) -> None:
    expected = [(note.pitch, note.duration) for note in parse_tune(HEADER + music).notes]
    assert sounding(written(HEADER + music)) == expected


def test_a_tie_carries_its_accidental_over_the_bar_line() -> None:
    root = written(f"{HEADER}^G8-|G4 G4|")
    assert sounding(root) == [(68, Fraction(3, 2)), (67, Fraction(1, 2))]
    assert [tie.get("type") for tie in root.iterfind(".//notations/tied")] == ["start", "stop"]


def test_a_tie_in_a_chord_joins_only_its_note() -> None:
    root = written(f"{HEADER}[^D^G-]8|[DG]8|")
    notes = [
        (note.findtext("pitch/alter"), *(tie.get("type") for tie in note.iterfind("tie")))
        for note in root.iterfind(".//note")
    ]
    assert notes == [("1",), ("1", "start"), (None,), ("1", "stop")]


def test_a_chord_has_all_of_its_notes() -> None:
    root = written(f"{HEADER}[DFA]4 D4|")
    assert [note.findtext("pitch/step") for note in root.iterfind(".//note")] == ["D", "F", "A", "D"]
    assert [note.find("chord") is not None for note in root.iterfind(".//note")] == [False, True, True, False]


def test_repeats_and_endings_are_bar_lines() -> None:
    root = written(f"{HEADER}|:D8|1 E8:|2 F8|]")
    lines = [
        (
            line.get("location"),
            *((part.tag, *part.attrib.values()) for part in line if part.tag != "bar-style"),
        )
        for line in root.iter("barline")
    ]
    assert lines == [
        ("left", ("repeat", "forward")),
        ("left", ("ending", "1", "start")),
        ("right", ("ending", "1", "stop"), ("repeat", "backward")),
        ("left", ("ending", "2", "start")),
        ("right", ("ending", "2", "stop")),
    ]


def test_signatures_and_title_are_kept() -> None:
    root = written("X:1\nT:A <b>&\x00\nM:C|\nL:1/8\nK:Ador\nA8|[M:6/8][K:D =c ^g]D6|[M:none]D9|")
    assert root.findtext("movement-title") == "A <b>&"
    first, second, third = root.iter("attributes")
    assert (first.findtext("key/fifths"), first.findtext("time/beats"), first.findtext("time/beat-type")) == (
        "1",
        "2",
        "2",
    )
    assert [step.text for step in second.iterfind("key/key-step")] == ["F", "G"]
    assert second.findtext("time/beats") == "6" and third.find("time/senza-misura") is not None


def test_whole_tunes_keep_their_notes() -> None:
    for number in range(40):
        tune = small_tune(number)
        assert sounding(written(tune)) == [(note.pitch, note.duration) for note in parse_tune(tune).notes]
