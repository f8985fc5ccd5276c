"""Edits that change no note of a tune do not change its cleaned notes either, on 300 real tunes."""

import random
import re
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest

from musicgen.config import compose_config
from musicgen.corpus.formats import decode_text
from musicgen.corpus.sources import read_source
from musicgen.corpus.tunebook import read_tunebook
from musicgen.corpus.tunes import clean_tune
from musicgen.notation import parse_tune
from musicgen.notation.headers import music_start
from musicgen.notation.tokens import TOKEN
from tests.notation.test_against_abc2midi import disagreement

FIELDS = frozenset("XTRMLK")
TUNES_OF_EACH = 100
PLACES = 3

COMMENT = "% a bad egg |cabbage| [K:F]"
BLOCK = "%%begintext obeylines\nA faded cabbage |abc|\n\nX:9\nM:7/8\nK:E\nV:3\nABcd|\n%%endtext"
DRAWING = "%%beginps\n/egg { 1 2 add } bind def\nK:F\n%%endps"
OTHER_VOICE = "V:2 clef=bass\nK:Ab\n[L:1/2]C,D,|[K:Ebm]^E,2|\nw: la |la\n+: la\nV:1"
INLINE_VOICE = "[V:2][K:Ab]^C,D,|(3EFG-[V:1]"


def split_header(tune: str) -> tuple[str, str]:
    """The header with its K: line, and the body."""
    start = music_start(tune)
    return tune[:start], tune[start:]


@pytest.fixture(scope="module")
def tunes() -> list[str]:
    """Tunes of three books without V: fields, because some edits add voices."""
    chosen: list[str] = []
    for name in ("oneills", "ryans", "airds"):
        book = read_tunebook(read_source(compose_config([f"data={name}"]).data)).tunes
        one_voice = [tune for tune in book if "V:" not in tune]
        chosen += one_voice[:: len(one_voice) // TUNES_OF_EACH][:TUNES_OF_EACH]
    assert len(chosen) == 3 * TUNES_OF_EACH
    return chosen


@cache
def bars(tune: str) -> list[tuple[list[tuple[int, Fraction, bool]], bool]]:
    """Pitch, duration and tie of each note, bar by bar, and whether the bar is valid."""
    return [
        ([(note.pitch, note.duration, note.tied) for note in bar.notes], bar.is_valid)
        for bar in parse_tune(tune).bars
    ]


def insert_lines(*inserted: str) -> Callable[[str, random.Random], str]:
    """An edit that inserts lines into the body."""

    def edit(tune: str, rng: random.Random) -> str:
        header, body = split_header(tune)
        lines = body.split("\n")
        # After the V: line, if there is one.
        first = lines[0] == "V:1"
        for _ in range(PLACES):
            lines.insert(rng.randrange(first, len(lines) + 1), rng.choice(inserted))
        return header + "\n".join(lines)

    return edit


def insert_voices(*inserted: str) -> Callable[[str, random.Random], str]:
    """An edit that inserts other voices into the body, each followed by a return to the first."""

    def edit(tune: str, rng: random.Random) -> str:
        header, body = split_header(tune)
        return insert_lines(*inserted)(f"{header}V:1\n{body}", rng)

    return edit


def insert_in_header(tune: str, rng: random.Random) -> str:
    lines = tune.split("\n")
    key = next(number for number, line in enumerate(lines) if line.startswith("K:"))
    fields = ["N:notes |abc|\n+:more", "Z:me % and you\n%%x\n+:|c|", "V:1 nm=A\nV:2"]
    inserted = [COMMENT, BLOCK, DRAWING, *fields]
    for _ in range(PLACES):
        lines.insert(rng.randrange(1, key + 1), rng.choice(inserted))
    return "\n".join(lines)


def at_line_ends(*added: str) -> Callable[[str, random.Random], str]:
    """An edit that appends to lines of music. Skips lines with `!`, which could pair with an added one."""

    def edit(tune: str, rng: random.Random) -> str:
        header, body = split_header(tune)
        lines = [
            line + rng.choice(added) if is_music(line) and not set(line) & set("!%\\") else line
            for line in body.split("\n")
        ]
        return header + "\n".join(lines)

    return edit


def before_notes(*inserted: str) -> Callable[[str, random.Random], str]:
    """An edit that inserts something before notes. Skips lines with signs that could pair with added ones."""

    def edit(tune: str, rng: random.Random) -> str:
        header, body = split_header(tune)
        lines = [edited_line(line, rng) for line in body.split("\n")]
        return header + "\n".join(lines if INLINE_VOICE not in inserted else ["V:1", *lines])

    def edited_line(line: str, rng: random.Random) -> str:
        notes = [match.start() for match in TOKEN.finditer(line) if match.lastgroup == "note"]
        notes = [place for place in notes if line[:place].strip()]
        if not is_music(line) or not notes or set(line) & set("!+%"):
            return line
        place = rng.choice(notes)
        return line[:place] + rng.choice(inserted) + line[place:]

    return edit


def in_chords(tune: str, rng: random.Random) -> str:
    """Replace notes by chords of the note itself, with decorations and annotations."""
    header, body = split_header(tune)
    pairs = [("[!fermata!", "]"), ('["^Edge [a|b]:"', "]"), ("[+accent+", "]")]
    pairs += [("[!5!!>!", '"_de"]'), ("[.u", "!f!]")]

    def chord(match: re.Match[str]) -> str:
        if match.lastgroup != "note" or rng.random() < 0.8:
            return match[0]
        before, after = rng.choice(pairs)
        return before + match[0] + after

    lines = [
        TOKEN.sub(chord, line) if is_music(line) and not set(line) & set("!+%") else line
        for line in body.split("\n")
    ]
    return header + "\n".join(lines)


def is_music(line: str) -> bool:
    return bool(line.strip()) and re.match(r"[A-Za-z+]:(?![|:])|%", line) is None


SAME_TEXT = {
    "comments": insert_lines(COMMENT, "  " + COMMENT, "%%MIDI program 1"),
    "comments at line ends": at_line_ends(COMMENT, " " + COMMENT),
    "lyrics": insert_lines(
        "w: a bed | feed\n+: a dead cab", "w:|a |bed", "W: face|\n+:bag", "s: !f! * !p! |\n+:**"
    ),
    "other fields": insert_lines(
        "N:|abc|\n+:|def|", "H::abc", "Q:1/4=90", "r:a remark\n+:abc", "P:A", "d: * !f!"
    ),
    "blanks before fields": insert_lines(" w: a bed", "\tN :cabbage"),
    "text blocks": insert_lines(BLOCK, DRAWING, "%%beginsvg\n<g>|a|</g>\n%%endsvg"),
    "headers": insert_in_header,
    "voices": insert_voices(OTHER_VOICE),
    "old line ends": at_line_ends("!", " !", "! " + COMMENT),
}
SAME_NOTES = {
    "voices in the line": before_notes(INLINE_VOICE),
    "decorations": before_notes(
        "!fine!", "!D.C.!", "!crescendo)!", "!>)!", "!D.C. al fine!", "!a:b!", "+trill+"
    ),
    "decorations at line ends": at_line_ends(
        "!fine!", " !D.C.!", "!crescendo)!", "!>)!", " !8va)! " + COMMENT
    ),
    "words": before_notes('"^a|b [c]: 50% d"', '"Am7/G"', '"_fed !f! {a}"'),
    "remarks": before_notes("[r:a bad edge]", "[P:A]", "[Q:1/4=90]", "[I:bad]"),
    "grace notes": before_notes("{a}", "{/g'}", '{"^b"c/d/}'),
    "line breaks": before_notes("$", "!\n", "\\\n", "\n", "\\ " + COMMENT + "\n", "\\\n" + COMMENT + "\n"),
    "line breaks at line ends": at_line_ends("$", "\\", " \\ " + COMMENT),
    "marks in chords": in_chords,
}


@pytest.mark.parametrize("kind", [*SAME_TEXT, *SAME_NOTES])
def test_harmless_edits_change_no_note(kind: str, tunes: list[str]) -> None:
    edit = (SAME_TEXT | SAME_NOTES)[kind]
    num_edited = 0
    for number, tune in enumerate(tunes):
        edited = edit(tune, random.Random(f"{kind} {number}"))
        num_edited += edited != tune
        cleaned = clean_tune(edited, FIELDS)
        if kind in SAME_TEXT:
            assert cleaned == clean_tune(tune, FIELDS), edited
        assert bars(cleaned) == bars(edited) == bars(tune), edited
    assert num_edited > len(tunes) / 2


def test_combined_harmless_edits_change_no_note(tunes: list[str]) -> None:
    for number, tune in enumerate(tunes):
        rng = random.Random(number)
        edited = before_notes("!fine!", '"^a|b"')(tune, rng)
        edited = at_line_ends("", " " + COMMENT)(edited, rng)
        edited = insert_voices(OTHER_VOICE, BLOCK, DRAWING, COMMENT, "w: a bed\n+:|feed")(edited, rng)
        edited = insert_in_header(edited, rng)
        assert bars(clean_tune(edited, FIELDS)) == bars(edited) == bars(tune), edited


def test_abc2midi_agrees_on_edited_tunes(tunes: list[str]) -> None:
    kinds = ("comments", "lyrics", "text blocks", "headers", "voices", "words", "old line ends")
    for number, tune in enumerate(tunes[::10]):
        kind = kinds[number % len(kinds)]
        edited = (SAME_TEXT | SAME_NOTES)[kind](tune, random.Random(number))
        cleaned = clean_tune(edited, FIELDS)
        assert disagreement(cleaned) == disagreement(clean_tune(tune, FIELDS)), edited


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r", "\r\r\n"])
def test_text_between_joined_files_changes_no_tune(line_end: str, tunes: list[str]) -> None:
    between = (
        "",
        "Some words | about the next tune\n\n",
        BLOCK + "\n\n",
        "\ufeff%abc-2.1\nC:Trad\nM:5/8\n\n",
        "%abc\nM:7/4\n\n",
    )
    rng = random.Random(0)
    own = [tune for tune in tunes if "\nM:" in tune and "\nC:" not in tune]
    text = "".join(rng.choice(between) + tune + "\n\n" for tune in own)
    found = read_tunebook(decode_text(text.replace("\n", line_end).encode(), Path("joined.abc"))).tunes
    assert [clean_tune(tune, FIELDS) for tune in found] == [clean_tune(tune, FIELDS) for tune in own]
