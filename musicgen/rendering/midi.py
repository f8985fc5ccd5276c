"""ABC text to MIDI that plays at the configured tempo with the configured instrument, whatever the text says.

Sampled text may hold directives that change instruments, switch to drums or ask for one quarter note a
minute. So instrument and tempo are set in the MIDI, after abc2midi, and not by directives in the text.
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
    """A tune as it will sound."""

    midi: bytes | None
    """None where nothing sounds."""
    duration_seconds: float | None
    """Up to the end of the last note, after the cut; None where nothing sounds."""
    is_cut: bool
    """Whether the tune goes on after `duration_seconds`."""
    problems: tuple[str, ...]


def perform(abc: str, config: RenderingConfig) -> Performance:
    """Convert a tune and set its tempo and instrument; notes from `max_seconds` on are left out.

    Where nothing sounds, the problems say why.
    """
    conversion = convert(abc, config.timeout_seconds)
    if conversion.midi is None:
        return _silence(conversion.problem or "abc2midi gave no MIDI", *conversion.messages[:_MAX_MESSAGES])
    try:
        score = read_score(conversion.midi)
    except (RuntimeError, ValueError) as error:
        return _silence(f"the MIDI of abc2midi could not be read: {error}")
    problems = () if conversion.problem is None else (conversion.problem,)
    _set_tempo_and_instrument(score, config)
    is_cut = _leave_out_after(score, config.max_seconds)
    if score.note_num() == 0:
        return _silence("no note sounds", *problems)
    if is_cut:
        problems += (f"lasts longer than {config.max_seconds:g} s: cut there with a fade-out",)
    duration = max(note.end for track in in_seconds(score).tracks for note in track.notes)
    return Performance(score.dumps_midi(), min(float(duration), config.max_seconds), is_cut, problems)


def read_score(midi: bytes) -> "ScoreTick":
    """The notes of MIDI bytes, in ticks. Raises RuntimeError where they are no MIDI file."""
    from symusic import Score

    return cast("ScoreTick", Score.from_midi(midi, ttype="tick"))


def in_seconds(score: "ScoreTick") -> "ScoreSecond":
    """The same notes, timed in seconds."""
    return cast("ScoreSecond", score.to("second"))


def _silence(*problems: str) -> Performance:
    return Performance(None, None, False, problems)


def _set_tempo_and_instrument(score: "ScoreTick", config: RenderingConfig) -> None:
    """Change a symusic score in place: one program, no drums, no controllers, at most one tempo."""
    from symusic.core import TempoTick, TempoTickList

    for track in score.tracks:
        track.program = config.instrument
        track.is_drum = False
        # Controllers and bends can silence or detune a tune (%%MIDI control 7 0).
        track.controls.clear()
        track.pitch_bends.clear()
    if config.tempo is not None:
        score.tempos = TempoTickList([TempoTick(0, qpm=float(config.tempo))])


def _leave_out_after(score: "ScoreTick", max_seconds: float) -> bool:
    """Drop and shorten notes in place so that none sounds after `max_seconds`; whether there were any."""
    from symusic.core import NoteTickList

    in_time = in_seconds(score)
    is_cut = False
    for track, timed in zip(score.tracks, in_time.tracks, strict=True):
        kept = []
        for note, heard in zip(track.notes, timed.notes, strict=True):
            if heard.time >= max_seconds:
                is_cut = True
                continue
            if heard.end > max_seconds:
                is_cut = True
                share = (max_seconds - heard.time) / heard.duration
                note.duration = max(1, int(note.duration * share))
            kept.append(note)
        track.notes = NoteTickList(kept)
    return is_cut
