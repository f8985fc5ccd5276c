"""Cleans the text of a tune.

Cleaning removes what is useless in training text and changes no note: it works on the same lines and tokens
as the readers in `musicgen.notation`, so the cleaned text means the same to them.
"""

import hashlib
import re
from collections import Counter

from musicgen.corpus.marks import without_marks
from musicgen.notation.headers import split_header
from musicgen.notation.lines import FirstVoice, body_lines
from musicgen.notation.melodies import Melody
from musicgen.notation.meter import read_meter
from musicgen.notation.tokens import SOUNDS, TOKEN

MAX_TUNE_CHARACTERS = 100_000
"""The longest tunes of the supported corpora have a few thousand."""
_BLANKS = re.compile(r"[ \t]{2,}|\t")
_VOICELESS_FIELDS = frozenset("TP")
"""Fields that apply to the tune, not to the voice they appear in."""


def clean_tune(
    tune: str,
    keep_fields: frozenset[str],
    *,
    keep_chord_symbols: bool = False,
    dropped_marks: Counter[str] | None = None,
) -> str:
    """The first voice with only these fields, without comments, directives, old-style `!` line ends and marks
    that do not belong to the melody (see marks.py).

    Keeps all voices if `keep_fields` contains V, which tells them apart. Collapses runs of spaces, since one
    ends a beam as well as several. dropped_marks: kind -> number of removed marks, to which this tune's are
    added.
    """
    headers, body, _ = split_header(tune)
    cleaner = _Cleaner(keep_fields, FirstVoice(headers), keep_chord_symbols=keep_chord_symbols)
    for letter, value in headers:
        cleaner.add_field(letter, value)
    cleaner.read(body)
    if dropped_marks is not None:
        dropped_marks.update(cleaner.dropped_marks)
    return "\n".join(cleaner.lines)


class _Cleaner:
    def __init__(self, keep_fields: frozenset[str], voice: FirstVoice, *, keep_chord_symbols: bool) -> None:
        self.lines: list[str] = []
        self.dropped_marks: Counter[str] = Counter()
        self._keep_chord_symbols = keep_chord_symbols
        self._keep_fields = keep_fields
        self._keeps_voices = "V" in keep_fields
        self._voice = voice
        self._music: list[str] = []
        self._has_sounds = False

    def read(self, body: str) -> None:
        for line in body_lines(body):
            if line.field is None and not line.text.strip():
                if self._has_music():
                    return
            elif line.field is None:
                self._add_music(line.text)
            elif line.field[0] == "V" and not self._keeps_voices:
                self._voice.change(line.field[1], self._has_music())
            elif self._voice.is_here or line.field[0] in _VOICELESS_FIELDS:
                self.add_field(*line.field)

    def add_field(self, letter: str, value: str) -> None:
        if letter in self._keep_fields:
            self.lines.append(f"{letter}:{_BLANKS.sub(' ', value)}")

    def _has_music(self) -> bool:
        """Whether the music so far has a note or rest. Lazy, because few tunes need it."""
        self._has_sounds = self._has_sounds or any(map(_has_sounds, self._music))
        self._music.clear()
        return self._has_sounds

    def _add_music(self, line: str) -> None:
        if self._voice.is_here or "V:" in line:
            line, dropped = without_marks(line, keep_chord_symbols=self._keep_chord_symbols)
            self.dropped_marks += dropped
        text = self._kept_words(line) if self._needs_words(line) else line.strip().removesuffix("!")
        text = _BLANKS.sub(" ", text).strip()
        if text:
            self.lines.append(text)
            self._music.append(text)

    def _needs_words(self, line: str) -> bool:
        """Whether the line must be tokenised. A single `!` cannot be a decoration."""
        return not self._voice.is_here or "%" in line or "V:" in line or line.count("!") > 1

    def _kept_words(self, line: str) -> str:
        kept, last = "", None
        for match in TOKEN.finditer(line):
            kind, text = match.lastgroup, match[0]
            if kind == "comment":
                break
            if kind == "field" and text[1] == "V" and not self._keeps_voices:
                self._voice.change(text[3:-1], self._has_music() or _has_sounds(kept))
                # Keep the tokens on both sides apart.
                kept += " "
            elif self._voice.is_here:
                kept += text
                last = last if kind == "space" else (kind, text)
        kept = kept.rstrip()
        return kept.removesuffix("!") if last == ("linebreak", "!") else kept


def _has_sounds(music: str) -> bool:
    return any(match.lastgroup in SOUNDS for match in TOKEN.finditer(music))


def normalised(body: str) -> str:
    """A tune's body without white space and old-style `!` line ends."""
    if "!" not in body:
        # Equal to the expression below, and ten times as fast.
        return "".join(body.split())
    return re.sub(r"\s|!(?=[ \t]*$)", "", body, flags=re.MULTILINE)


def identity(body: str, melody: Melody, meter: str | None) -> bytes:
    """A digest that is equal for tunes that differ only in layout.

    body, melody and meter: those of the tune, the meter as the value of M:. The same letters in another key,
    meter or unit note length are a different tune.
    """
    digest = hashlib.sha256(repr((len(melody), melody.tonic, read_meter(meter or "")[0])).encode())
    digest.update(melody.pitches.tobytes() + melody.durations.tobytes())
    digest.update(normalised(body).encode(errors="surrogatepass"))
    return digest.digest()
