"""What a musician would say of single tunes."""

import pytest

from musicgen.metrics.soundness import Judgement, Loop, count_faults, find_loop
from musicgen.notation import parse_tune

HEADER = "X:1\nT:One\nM:4/4\nL:1/4\nK:C\n"
EIGHT = "CDEF|GFED|CDEF|GGGG|CDEF|GFED|EFDE|"
SOUND = f"{EIGHT}C4:|{EIGHT}D2C2|]"


def judge(body: str, *, header: str = HEADER, reached_end: bool = True) -> Judgement:
    return Judgement(parse_tune(header + body), reached_end)


def test_a_tune_without_faults_is_sound() -> None:
    judgement = judge(SOUND)
    assert judgement.is_whole and judgement.is_sound and judgement.is_strictly_sound
    assert judgement.words == "sound" and judgement.faults == {}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "has no music"),
        ("zzzz|]", "has no music"),
        (f"{EIGHT}CD", "cut off"),
        (f"{EIGHT}C4|(", "cut off"),
        (f"{EIGHT}C4|^", "cut off"),
        (f"{EIGHT}D2A2|]", "ends on A, not on the tonic C"),
        ("CDEF|GFE|CDEF|C4|]", "bar 2 is too short"),
        ("CDEF|GFEDC|CDEF|C4|]", "bar 2 is too long"),
        ("CDEFG|CDEFG|CDEF|C5|D5|C4|]", "bar 1 is too long, bar 2 is too long, bar 4 is too long, 1 more"),
        ("CDEF|" * 4 + "C4|]", "runs in circles: a period of 1 bar 4 times, from bar 1"),
        (
            "C4|" + "CDEF|GFED|" * 5 + "DDDE",
            "runs in circles: a period of 2 bars 5 times, from bar 2; ends on E, not on the tonic C",
        ),
    ],
)
def test_faults_are_said_in_words(body: str, words: str) -> None:
    assert judge(body).words.startswith(words) and not judge(body).is_sound


def test_a_tune_at_the_cap_is_cut_off() -> None:
    judgement = judge(SOUND, reached_end=False)
    assert judgement.words == "cut off" and not judgement.is_ended and not judgement.is_whole


def test_an_open_last_bar_that_is_full_is_an_end() -> None:
    assert judge(f"{EIGHT}C4").is_sound
    # Free meter has no full bars.
    assert judge("CDE C", header="X:1\nM:none\nL:1/4\nK:C\n").is_sound


def test_bars_without_a_meter_are_wrong() -> None:
    assert judge("CDEF|C4|]", header="X:1\nK:C\n").words == "bar 1 has no meter, bar 2 has no meter"


def test_the_tonic_is_that_of_the_key_in_force() -> None:
    assert judge("CDEF|\nK:G\nGABG|]").is_sound
    assert judge("CDEF|[K:G]GABc|]").words == "ends on C, not on the tonic G"
    assert judge("GABG|]", header="X:1\nM:4/4\nL:1/4\nK:Bb\n").words == "ends on G, not on the tonic B♭"


@pytest.mark.parametrize(
    ("bars", "loop"),
    [
        ("abcd", None),
        ("aaab", None),
        ("aaaab", Loop(1, 1, 4)),
        ("xabababab", Loop(2, 2, 4)),
        ("abababa", None),
        ("xababababax", Loop(2, 2, 4)),
        ("abcdefghijklmnop" * 4, Loop(1, 16, 4)),
        ("abcdefghijklmnopq" * 4, None),
        ("a" * 9, Loop(1, 1, 9)),
    ],
)
def test_a_loop_states_a_period_four_times(bars: str, loop: Loop | None) -> None:
    assert find_loop(list(bars)) == loop


def test_strict_soundness_asks_for_ends_that_fit() -> None:
    # A pickup of one beat wants a last bar of three.
    assert judge("G|CDEF|C3:|G|EDCD|C3|]").is_strictly_sound
    wanting = judge("G|CDEF|C2:|G|EDCD|C3|]")
    assert wanting.is_sound and not wanting.is_strictly_sound
    assert wanting.section_ends_that_fit == (False, True)


def test_a_long_last_note_is_longer_than_the_average() -> None:
    assert judge(SOUND).has_long_last_note
    assert not judge("CDEF|GFEC|").has_long_last_note
    assert not judge("(3CDE(3FED|(3CDE(3FEC|").has_long_last_note
    assert not judge("").has_long_last_note


def test_the_key_is_found_from_the_notes() -> None:
    in_g = "GBdg|dcBA|GABc|G4|]"
    assert judge(in_g, header=HEADER.replace("K:C", "K:G")).is_in_its_key
    assert judge(in_g).is_in_its_key is False and judge("z4|").is_in_its_key is None


def test_the_downbeat_triad_follows_the_mode() -> None:
    minor = HEADER.replace("K:C", "K:Am")
    assert judge("A4|c4|e4|B4|c4", header=minor).downbeat_triad == 4 / 5
    # Pickups and rests have no downbeat.
    assert judge("D|C4|D4|z4|").downbeat_triad == 1 / 2
    assert judge("D|").downbeat_triad is None


def test_only_the_gravest_fault_is_counted() -> None:
    tunes = [judge(SOUND), judge(SOUND, reached_end=False), judge("CDEF|" * 4 + "D4|"), judge("D4|]")]
    assert count_faults(tunes) == {"sound": 1, "cut off": 1, "in circles": 1, "ending off the tonic": 1}
