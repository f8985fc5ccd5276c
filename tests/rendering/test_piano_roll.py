import numpy as np
import pytest
from matplotlib.image import imread

from musicgen.notation.parsing import parse_tune
from musicgen.rendering.midi import perform
from musicgen.rendering.piano_roll import BARS_PER_ROW, MAX_ROWS, draw_piano_roll, read_roll


def midi_of(abc, config):
    midi = perform(abc, config).midi
    assert midi is not None
    return midi


def roll_of(abc, config):
    return read_roll(midi_of(abc, config), parse_tune(abc))


def test_bars_and_beats_follow_the_meter(golden, make_config):
    roll = roll_of(golden, make_config())
    assert (roll.upbeat, roll.bar_starts, roll.beats) == (0, (0, 1920, 3840, 5760, 7680, 9600), (480,) * 5)


def test_bars_start_after_the_upbeat(make_config):
    roll = roll_of("X:1\nM:6/8\nL:1/8\nK:G\nD|GAB GAB|G6|\n", make_config())
    assert (roll.upbeat, roll.bar_starts, roll.beats) == (240, (240, 1680, 3120), (720, 720))


def test_tonic_notes_have_another_colour(golden, make_config, tmp_path):
    path = tmp_path / "roll.png"
    draw_piano_roll(midi_of(golden, make_config()), parse_tune(golden), path)
    pixels = (imread(path)[:, :, :3] * 255).round().astype(int)
    assert pixels.shape[1] == 1320
    for colour in ((0x2F, 0x6F, 0x9F), (0xD9, 0x77, 0x2B)):
        assert np.all(pixels == colour, axis=2).sum() > 500


@pytest.mark.parametrize("title", ["$\\frac{1}{$", "\x00\u202e", "漢" * 3])
def test_hostile_titles_are_drawn_as_text(title, make_config, tmp_path, recwarn):
    abc = f"X:1\nT:{title}\nK:C\nCDEF|\n"
    draw_piano_roll(midi_of(abc, make_config()), parse_tune(abc), tmp_path / "roll.png")
    assert not [str(warning.message) for warning in recwarn]


def test_long_tunes_are_truncated(make_config):
    abc = "X:1\nM:1/16\nL:1/16\nK:C\n" + "C|" * 400 + "\n"
    assert len(roll_of(abc, make_config()).beats) == BARS_PER_ROW * MAX_ROWS
