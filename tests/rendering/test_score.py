from collections import Counter
from xml.etree import ElementTree

import pytest

from musicgen.notation.parsing import parse_tune
from musicgen.notation.tune import ParsedTune
from musicgen.rendering import score as score_module
from musicgen.rendering.mei import to_mei
from musicgen.rendering.score import Engraver, Score
from musicgen.rendering.sheet_reader import MAX_EVENTS, read_sheet

SVG = "{http://www.w3.org/2000/svg}"
MEI = "{http://www.music-encoding.org/ns/mei}"


def mei_of(music: str, header: str = "X:1\nT:t\nM:4/4\nL:1/8\nK:D\n") -> ElementTree.Element:
    return ElementTree.fromstring(to_mei(read_sheet(parse_tune(header + music + "\n"))))


def engrave(parsed: ParsedTune) -> Score:
    with Engraver(20.0) as engraver:
        return engraver.engrave(parsed)


def values(root: ElementTree.Element, tag: str, *names: str) -> list[tuple[str | None, ...]]:
    return [tuple(element.get(name) for name in names) for element in root.iter(MEI + tag)]


def classes(svg: str) -> list[str]:
    return [element.get("class", "") for element in ElementTree.fromstring(svg).iter(SVG + "g")]


def test_score_is_one_self_contained_page(golden):
    score = engrave(parse_tune(golden))
    assert score.problems == ()
    assert score.svg is not None
    drawn = Counter(classes(score.svg))
    assert (drawn["measure"], drawn["note"], drawn["staff"]) == (3, 14, 3)
    assert "Golden" in "".join(ElementTree.fromstring(score.svg).itertext())
    assert not any(reference in score.svg for reference in ('href="http', "url(", "@import"))


def test_the_page_is_as_high_as_the_tune(golden):
    def height(svg: str | None) -> float:
        return float(ElementTree.fromstring(svg or "").get("viewBox", "").split()[3])

    short = height(engrave(parse_tune(golden)).svg)
    tall = height(engrave(parse_tune(golden + golden.splitlines()[-1] + "\n" * 1 + "ABcd efga|\n" * 60)).svg)
    assert short < 300
    assert tall > 3 * short


@pytest.mark.parametrize(
    ("music", "attributes", "expected"),
    [
        pytest.param(
            '[!fermata!CE]2["^Edge"G,2C2]{!f!a}G2|\n%%begintext\nA bad egg\n%%endtext\nV:2\nABcd|',
            "pname",
            "c e g c a g",
            id="marks, annotations and text blocks are not notes",
        ),
        pytest.param(
            "D ^f'2 _B,3 =c/2 d//|",
            "pname oct accid dur dots",
            "d4-8- f6s4- b3f41 c5n16- d5-32-",
            id="spelling and values",
        ),
        pytest.param("A5 B7|", "pname dur dots tie", "a2-i a8-t b22-", id="long values are tied"),
        pytest.param("A2-A2-|A2-B2|", "pname tie", "ai am am b-", id="ties join equal pitches"),
        pytest.param("[CE-]2 E2 [CE]2-[CG]2|", "pname tie", "c- ei et ci ei ct g-", id="ties in chords"),
        pytest.param("A>B c<<d|", "dur dots", "81 16- 32- 82", id="broken rhythm"),
        pytest.param("V:1\nA8|\nV:2\nC8|\nV:1\nB8 & D8|", "pname", "a b", id="first voice"),
    ],
)
def test_notes(music: str, attributes: str, expected: str) -> None:
    notes = values(mei_of(music), "note", *attributes.split())
    assert " ".join("".join(value or "-" for value in note) for note in notes) == expected


def test_tuplets_beams_chords_and_graces():
    root = mei_of("(3ABc d2 {gf}[Ace]4|")
    assert values(root, "tuplet", "num", "numbase") == [("3", "2")]
    tuplet = next(root.iter(MEI + "tuplet"))
    assert [child.tag for child in tuplet] == [MEI + "beam"]
    assert values(root, "chord", "dur") == [("2",)]
    assert len(next(root.iter(MEI + "chord")).findall(MEI + "note")) == 3
    assert len(list(next(root.iter(MEI + "graceGrp")).iter(MEI + "note"))) == 2


def test_repeats_and_endings():
    root = mei_of("|:A8|1 B8:|2 c8||d8::e8|]")
    assert values(root, "measure", "left", "right") == [
        ("rptstart", "single"),
        (None, "rptend"),
        (None, "dbl"),
        (None, "rptend"),
        ("rptstart", "end"),
    ]
    assert [len(ending.findall(MEI + "measure")) for ending in root.iter(MEI + "ending")] == [1, 1]
    assert values(root, "ending", "n") == [("1",), ("2",)]


def test_bars_of_rest_are_measures_of_their_own() -> None:
    parsed = parse_tune("X:1\nM:4/4\nL:1/8\nK:C\nCDEF GABc|Z8|X|c8|]")
    sheet = read_sheet(parsed)
    assert len(sheet.measures) == len(parsed.bars) == 11 and sheet.problems == ()
    assert [event.is_invisible for measure in sheet.measures[1:10] for event in measure.events] == [
        *[False] * 8,
        True,
    ]
    assert {event.duration for measure in sheet.measures[1:] for event in measure.events} == {1}


def test_bars_of_rest_are_limited_as_in_the_parsed_tune() -> None:
    parsed = parse_tune("X:1\nM:3/4\nK:C\nC6|Z256|Z|Z0|")
    sheet = read_sheet(parsed)
    assert len(sheet.measures) == len(parsed.bars) == 259
    assert (
        sheet.problems == parsed.problems == tuple(f"rest '{rest}' is out of range" for rest in ("Z", "Z0"))
    )
    many = read_sheet(parse_tune("X:1\nK:C\n" + "ABcd|\n" * 490 + "Z99|"))
    assert sum(len(measure.events) for measure in many.measures) == MAX_EVENTS
    assert many.problems == (f"the score ends after {MAX_EVENTS} notes",)


def test_signatures_change_with_the_fields():
    root = mei_of("A8|[K:Bb]A4 [M:3/4]A4|\nM:C|\nK:A minor\nA8|")
    assert values(root, "keySig", "sig") == [("2s",), ("2f",), ("0",)]
    meters = values(root, "meterSig", "count", "unit", "sym")
    assert meters == [("4", "4", None), ("3", "4", None), (None, None, "cut")]
    assert values(root, "measure", "right") == [("single",), ("invis",), ("single",), ("single",)]


def test_the_title_is_plain_text():
    root = mei_of("A8|", 'X:1\nT:<script>&"\x01\u202e' + "x" * 200 + "\nK:C\n")
    title = "".join(next(root.iter(MEI + "rend")).itertext())
    assert title.startswith('<script>&"xxx')
    assert len(title) == 70


def test_differences_from_the_text_are_problems():
    assert read_sheet(parse_tune("X:1\nK:C\nA#B|")).problems == ("not drawn: '#'",)
    third = read_sheet(parse_tune("X:1\nL:1/8\nK:C\nA2/3|")).problems
    assert third == ("drew a note of 1/12 of a whole note as 3/32",)
    long = read_sheet(parse_tune("X:1\nK:C\n" + "ABcd|\n" * 1_000))
    assert sum(len(measure.events) for measure in long.measures) == MAX_EVENTS
    assert long.problems == (f"the score ends after {MAX_EVENTS} notes",)


@pytest.mark.parametrize("abc", ["", "junk!", "X:1\nK:C\n", "X:1\nK:C\nz4|"])
def test_an_empty_score_has_a_reason(abc):
    parsed = parse_tune(abc)
    score = engrave(parsed)
    has_notes = any(event.notes for measure in read_sheet(parsed).measures for event in measure.events)
    assert (score.svg is None) == (not has_notes)
    if not has_notes:
        assert score.problems[0] == "no note to draw"


def test_a_crash_or_timeout_costs_only_one_score(golden, tmp_path, monkeypatch):
    def engraver(code: str) -> None:
        program = tmp_path / "engrave.py"
        program.write_text(code)
        monkeypatch.setattr(score_module, "_ENGRAVER", program)

    real = score_module._ENGRAVER
    with Engraver(600.0) as one:
        engraver("import os; os.abort()")
        assert one.engrave(parse_tune(golden)).problems[0].startswith("the engraver exited with status -")
        engraver("import time; time.sleep(600)")
        with Engraver(0.2) as impatient:
            assert impatient.engrave(parse_tune(golden)).problems == ("engraving took longer than 0.2 s",)
        engraver("import sys; sys.stdin.buffer.read(8); sys.exit(1)")
        assert one.engrave(parse_tune(golden)) == Score(None, ("the engraver exited with status 1",))
        monkeypatch.setattr(score_module, "_ENGRAVER", real)
        assert one.engrave(parse_tune(golden)) == engrave(parse_tune(golden))


def test_sharing_an_engraver_changes_nothing(golden: str) -> None:
    odd = parse_tune("X:1\nM:6/8\nL:1/8\nK:G\nGAB c2A|[GB]3 {f}g3|(3abc d2 e|]\n")
    with Engraver(20.0) as engraver:
        together = [engraver.engrave(tune) for tune in (odd, parse_tune(""), parse_tune(golden), odd)]
    assert together == [engrave(odd), engrave(parse_tune("")), engrave(parse_tune(golden)), engrave(odd)]


def test_the_page_is_white():
    svg = engrave(parse_tune("X:1\nM:4/4\nL:1/8\nK:C\nCDEF GABc|]\n")).svg
    assert svg is not None
    page, *_ = ElementTree.fromstring(svg)
    assert page.attrib == {"width": "100%", "height": "100%", "style": "fill:white;stroke:none"}
