import pytest

from musicgen.rendering.midi import perform, read_score

HOSTILE = "%%MIDI program 9\n%%MIDI channel 10\n%%MIDI control 7 0\nQ:1/4=30\n"


def score_of(performance):
    assert performance.midi is not None
    return read_score(performance.midi)


def test_tune_plays_as_written(golden, make_config):
    performance = perform(golden, make_config())
    assert performance.duration_seconds == pytest.approx(10.0, abs=0.01)
    assert not performance.is_cut
    assert performance.problems == ()
    score = score_of(performance)
    assert [note.pitch for note in score.tracks[0].notes][:8] == [62, 64, 66, 67, 69, 71, 73, 74]
    assert score.note_num() == 2 * 10 + 4


def test_instrument_and_tempo_come_from_the_config(golden, make_config):
    performance = perform(golden, make_config(instrument=21, tempo=240))
    score = score_of(performance)
    assert {track.program for track in score.tracks} == {21}
    assert [tempo.qpm for tempo in score.tempos] == [pytest.approx(240.0)]
    assert performance.duration_seconds == pytest.approx(5.0, abs=0.01)


def test_a_given_title_names_the_track(golden, make_config):
    performance = perform(golden, make_config(), "Tune 17 of batch_size=8, seed 0")
    assert score_of(performance).tracks[0].name == "Tune 17 of batch_size=8, seed 0"
    assert score_of(perform(golden, make_config())).tracks[0].name != "Tune 17 of batch_size=8, seed 0"


def test_the_tempo_of_the_tune_is_the_default(golden, make_config):
    slow = golden.replace("K:D\n", "Q:1/4=60\nK:D\n")
    assert perform(slow, make_config()).duration_seconds == pytest.approx(20.0, abs=0.01)
    assert perform(slow, make_config(tempo=120)).duration_seconds == pytest.approx(10.0, abs=0.01)


def test_directives_cannot_change_the_sound(golden, make_config):
    config = make_config(instrument=40, tempo=120)
    performance = perform(golden.replace("K:D\n", "K:D\n" + HOSTILE), config)
    score = score_of(performance)
    assert [(track.program, track.is_drum, len(track.controls)) for track in score.tracks] == [(40, False, 0)]
    assert performance.duration_seconds == pytest.approx(10.0, abs=0.01)


def test_a_long_tune_is_cut_and_a_problem(golden, make_config):
    performance = perform(golden, make_config(max_seconds=3.3))
    assert performance.is_cut
    assert performance.duration_seconds == pytest.approx(3.3, abs=0.01)
    assert any("longer than 3.3 s" in problem for problem in performance.problems)


@pytest.mark.parametrize(
    "abc", ["", "junk", "X:1\nK:D\n", "X:1\nK:D\nz4|z4|\n", "\x00\ud800", "%%MIDI\n" * 9]
)
def test_silence_has_a_reason(abc, make_config):
    performance = perform(abc, make_config())
    assert performance.midi is None
    assert performance.duration_seconds is None
    assert performance.problems
    assert all(performance.problems)
