"""Renders one sampled tune to files: text, MIDI, audio, score and piano roll, each written atomically."""

from dataclasses import dataclass
from pathlib import Path

from musicgen.notation.parsing import parse_tune
from musicgen.notation.tune import ParsedTune
from musicgen.rendering.audio import synthesise, write_audio
from musicgen.rendering.config import RenderingConfig
from musicgen.rendering.midi import Performance, perform
from musicgen.rendering.piano_roll import draw_piano_roll
from musicgen.rendering.score import Engraver
from musicgen.system.files import replace_atomically, write_text_atomically


@dataclass(frozen=True, slots=True)
class RenderedTune:
    """Paths of a tune's files; None if not requested or not possible."""

    abc: Path
    midi: Path | None
    audio: Path | None
    score: Path | None
    piano_roll: Path | None
    duration_seconds: float | None
    """Duration of the MIDI up to the end of the last note; None if no note sounds."""
    problems: tuple[str, ...]
    """Why something is missing or differs from the text, one line each."""


def render_tune(
    abc: str, stem: Path, config: RenderingConfig, engraver: Engraver | None = None
) -> RenderedTune:
    """Write `stem`.abc, .mid, .wav (or .flac, .ogg), .svg and .png; creates missing folders.

    Accepts any text: the .abc is always written, and `problems` says what could not be rendered. Raises
    InputError if the soundfont is invalid or abc2midi is missing, and OSError if files cannot be written.
    Equal text and config give equal bytes. Sharing an engraver between tunes is faster.
    """
    if engraver is None:
        with Engraver(config.timeout_seconds) as engraver:
            return render_tune(abc, stem, config, engraver)
    stem.parent.mkdir(parents=True, exist_ok=True)
    abc = abc.encode("utf-8", errors="replace").decode("utf-8")
    text = _path(stem, "abc")
    write_text_atomically(text, abc)
    tune = parse_tune(abc)
    performance = perform(abc, config)
    problems = list(performance.problems)
    midi = _write_midi(performance, stem)
    audio = _write_sound(performance, stem, config, problems)
    score = _write_score(tune, stem, config, engraver, problems)
    piano_roll = _write_piano_roll(tune, performance, stem, config)
    return RenderedTune(
        text, midi, audio, score, piano_roll, performance.duration_seconds, tuple(dict.fromkeys(problems))
    )


def _path(stem: Path, suffix: str) -> Path:
    """The stem with a suffix appended; unlike with_suffix, keeps dots in its name."""
    return stem.with_name(f"{stem.name}.{suffix}")


def _write_midi(performance: Performance, stem: Path) -> Path | None:
    if performance.midi is None:
        return None
    path = _path(stem, "mid")
    with replace_atomically(path) as temporary:
        temporary.write_bytes(performance.midi)
    return path


def _write_sound(
    performance: Performance, stem: Path, config: RenderingConfig, problems: list[str]
) -> Path | None:
    if config.audio_format == "none" or performance.midi is None:
        return None
    sound = synthesise(performance.midi, performance.is_cut, config)
    if sound is None:
        problems.append(f"the soundfont has no sound for these notes with instrument {config.instrument}")
        return None
    path = _path(stem, config.audio_format)
    with replace_atomically(path) as temporary:
        write_audio(sound, temporary, config)
    return path


def _write_score(
    tune: ParsedTune, stem: Path, config: RenderingConfig, engraver: Engraver, problems: list[str]
) -> Path | None:
    if not config.score:
        return None
    score = engraver.engrave(tune)
    problems.extend(f"score: {problem}" for problem in score.problems)
    if score.svg is None:
        return None
    path = _path(stem, "svg")
    write_text_atomically(path, score.svg)
    return path


def _write_piano_roll(
    tune: ParsedTune, performance: Performance, stem: Path, config: RenderingConfig
) -> Path | None:
    if not config.piano_roll or performance.midi is None:
        return None
    path = _path(stem, "png")
    with replace_atomically(path) as temporary:
        draw_piano_roll(performance.midi, tune, temporary)
    return path
