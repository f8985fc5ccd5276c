"""MusicXML, read back with the standard library."""

from xml.etree import ElementTree

import pytest

from musicgen.rendering.music_xml import to_music_xml

pytestmark = pytest.mark.slow


def test_the_notes_of_the_tune_are_in_the_file(golden: str) -> None:
    written = to_music_xml(golden)
    assert written is not None
    root = ElementTree.fromstring(written)
    steps = [step.text for step in root.iterfind(".//note/pitch/step")]
    assert "".join(filter(None, steps)) == "DEFGABCDDDDAFD"
    sharps = [
        note.findtext("pitch/step")
        for note in root.iterfind(".//note")
        if note.findtext("pitch/alter") == "1"
    ]
    assert sharps == ["F", "C", "F"], "the signature of D applies"
    assert len(root.findall(".//measure")) == 3 and root.findtext(".//movement-title") == "Golden"


def test_a_text_that_is_no_tune_has_no_music_xml() -> None:
    assert to_music_xml("") is None
