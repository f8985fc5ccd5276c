import json
from dataclasses import asdict

import pytest

from musicgen.corpus.headers import HeaderFields
from musicgen.errors import InputError

TUNES = [
    *["X:1\nT:One\nM:C\nL:1/8\nK:D Major\nDFA|"] * 3,
    *["X:2\nT:Two\nR:Slip Jig\nM:9/8\nL:1/8\nK:E Dorian\nR:reel\nEFG|"] * 2,
    "X:3\nT:Three\nR:slipjig\nM:4/4\nL:1/8\nK:Edor\nEFG|",
]
FIELDS = HeaderFields.of(TUNES)


def test_orders_and_values_are_counted_commonest_first() -> None:
    assert list(FIELDS.orders.items()) == [("XTMLK", 3), ("XTRMLK", 3)]
    assert FIELDS.values == {
        "M": {"C": 3, "9/8": 2, "4/4": 1},
        "K": {"D Major": 3, "E Dorian": 2, "Edor": 1},
        "R": {"Slip Jig": 2, "slipjig": 1},
    }


def test_titles_and_numbers_change_no_count() -> None:
    titles = ["M:6/8", "", ":K:G", "%", " two  words", "L:1/4 %%begintext"]
    tunes = [
        f"X:{number}\nT:{title}\nM:C\n%%begintext\nT:{title}\n%%endtext\nK:D\nDFA|"
        for number, title in enumerate(titles)
    ]
    assert HeaderFields.of(tunes) == HeaderFields({"XTMK": 6}, {"M": {"C": 6}, "K": {"D": 6}, "R": {}})


def test_the_commonest_order_with_all_fields_is_found() -> None:
    assert FIELDS.order_with("K") == "XTMLK"
    assert FIELDS.order_with("KR") == "XTRMLK"
    assert FIELDS.order_with("Q") is FIELDS.order_with("TT") is None


def test_an_order_that_few_tunes_have_is_not_usual() -> None:
    rare = HeaderFields.of([*["X:1\nT:One\nK:D\n"] * 199, "X:1\nK:D\n"])
    assert rare.begins_with("XT") and rare.begins_with("")
    assert not rare.begins_with("XK") and not rare.begins_with("K")


@pytest.mark.parametrize(
    ("letter", "value", "spelling"),
    [
        ("K", "D", "D Major"),
        ("K", "dmaj", "D Major"),
        ("K", "e dorian", "E Dorian"),
        ("K", "Em", None),
        ("K", "Q", None),
        ("M", "4/4", "C"),
        ("M", "c", "C"),
        ("M", "C|", None),
        ("R", "slip jig", "Slip Jig"),
        ("R", "reel", None),
    ],
)
def test_values_are_found_by_their_meaning(letter: str, value: str, spelling: str | None) -> None:
    assert FIELDS.spelling(letter, value) == spelling


def test_no_tunes_have_no_order() -> None:
    nothing = HeaderFields.of([])
    assert not nothing.begins_with("X") and nothing.order_with("X") is None


def test_a_record_gives_the_same_fields() -> None:
    assert HeaderFields.from_record(json.loads(json.dumps(asdict(FIELDS))), "run.json") == FIELDS
    with pytest.raises(InputError, match=r"^run\.json: values"):
        HeaderFields.from_record({"orders": {}}, "run.json")
