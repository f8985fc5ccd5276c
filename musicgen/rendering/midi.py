"""ABC text to MIDI with the configured tempo and instrument, whatever the text says.

Sampled text may contain directives that change the instrument, switch to drums or set a tempo of one quarter
note per minute. So instrument and tempo are set in the MIDI, after abc2midi, not by directives in the text.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from musicgen.notation.abc2midi import convert
from musicgen.rendering.config import RenderingConfig

if TYPE_CHECKING:
    from symusic.core import ScoreSecond, ScoreTick

_MAX_MESSAGES = 5


@dataclass(frozen=True, slots=True)
class Performance:
    """The MIDI of a tune. midi and duration_seconds are None if no note sounds."""

    midi: bytes | None
    duration_seconds: float | None
    """Up to the end of the last note that is kept."""
    is_cut: bool
    """Whether the tune continues after `duration_seconds`."""
    problems: tuple[str, ...]


def perform(abc: str, config: RenderingConfig, title: str = "") -> Performance:
    """Convert a tune, set tempo, instrument and title, and drop notes after `max_seconds`.

    title: name of the MIDI's first track; the tune's T: by default. If no note sounds, the problems say why.
    """
    conversion = convert(abc, config.timeout_seconds)
    if conversion.midi is None:
        return _silence(conversion.problem or "abc2midi wrote no MIDI", *conversion.messages[:_MAX_MESSAGES])
    try:
        score = read_score(conversion.midi)
    except (RuntimeError, ValueError) as error:
        return _silence(f"cannot read the MIDI of abc2midi: {error}")
    problems = () if conversion.problem is None else (conversion.problem,)
    _set_tempo_and_instrument(score, config)
    if title and len(score.tracks):
        score.tracks[0].name = title
    is_cut = _leave_out_after(score, config.max_seconds)
    if score.note_num() == 0:
        return _silence("no note sounds", *problems)
    if is_cut:
        problems += (f"longer than {config.max_seconds:g} s: cut with a fade-out",)
    duration = max(note.end for track in in_seconds(score).tracks for note in track.notes)
    return Performance(score.dumps_midi(), min(float(duration), config.max_seconds), is_cut, problems)


def read_score(midi: bytes) -> "ScoreTick":
    """The notes of MIDI bytes, in ticks. Raises RuntimeError for other bytes."""
    from symusic import Score

    return cast("ScoreTick", Score.from_midi(midi, ttype="tick"))


def in_seconds(score: "ScoreTick") -> "ScoreSecond":
    """The score with its times in seconds at its own tempo."""
    return cast("ScoreSecond", score.to("second"))


def _silence(*problems: str) -> Performance:
    return Performance(None, None, False, problems)


def _set_tempo_and_instrument(score: "ScoreTick", config: RenderingConfig) -> None:
    """Change a score in place: one program, no drums, no controllers, and the configured tempo if any."""
    from symusic.core import TempoTick, TempoTickList

    for track in score.tracks:
        track.program = config.instrument
        track.is_drum = False
        # Controllers and pitch bends can silence or detune a tune (%%MIDI control 7 0).
        track.controls.clear()
        track.pitch_bends.clear()
    if config.tempo is not None:
        score.tempos = TempoTickList([TempoTick(0, qpm=float(config.tempo))])


def _leave_out_after(score: "ScoreTick", max_seconds: float) -> bool:
    """Drop and shorten notes in place so that none sounds after `max_seconds`; returns whether any did."""
    from symusic.core import NoteTickList

    in_time = in_seconds(score)
    is_cut = False
    for track, timed in zip(score.tracks, in_time.tracks, strict=True):
        kept = []
        for note, timed_note in zip(track.notes, timed.notes, strict=True):
            if timed_note.time >= max_seconds:
                is_cut = True
                continue
            if timed_note.end > max_seconds:
                is_cut = True
                share = (max_seconds - timed_note.time) / timed_note.duration
                note.duration = max(1, int(note.duration * share))
            kept.append(note)
        track.notes = NoteTickList(kept)
    return is_cut
