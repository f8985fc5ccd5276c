import random

import pytest
import soundfile

from musicgen.rendering import render_tune


def test_every_file_is_written(golden, make_config, tmp_path):
    stem = tmp_path / "tunes" / "000"
    rendered = render_tune(golden, stem, make_config(score=True, piano_roll=True))
    names = sorted(path.name for path in stem.parent.iterdir())
    assert names == ["000.abc", "000.mid", "000.png", "000.svg", "000.wav"]
    assert rendered.problems == ()
    assert rendered.duration_seconds == pytest.approx(10.0, abs=0.01)
    assert rendered.abc.read_text(encoding="utf-8") == golden
    assert rendered.audio is not None
    assert soundfile.info(rendered.audio).duration == pytest.approx(10.0, abs=0.3)


def test_only_requested_files_are_written(golden, make_config, tmp_path):
    stem = tmp_path / "0.8"
    (tmp_path / "0.8.wav").write_text("mine")
    rendered = render_tune(golden, stem, make_config(audio_format="none"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.8.abc", "0.8.mid", "0.8.wav"]
    assert (tmp_path / "0.8.wav").read_text() == "mine"
    assert (rendered.audio, rendered.score, rendered.piano_roll) == (None, None, None)


def test_same_tune_and_config_give_the_same_bytes(golden, make_config, tmp_path):
    for audio_format in ("wav", "ogg"):
        config = make_config(score=True, piano_roll=True, audio_format=audio_format)
        for name in ("first", "second"):
            render_tune(golden, tmp_path / name, config)
        for suffix in ("mid", audio_format, "svg", "png"):
            first, second = tmp_path / f"first.{suffix}", tmp_path / f"second.{suffix}"
            assert first.read_bytes() == second.read_bytes(), suffix


@pytest.mark.parametrize("abc", ["", "no tune at all", "X:1\nT:Rests\nK:D\nz4|z4|\n", "\ud800"])
def test_a_silent_tune_has_its_text_and_a_reason(abc, make_config, tmp_path):
    rendered = render_tune(abc, tmp_path / "x", make_config(score=True, piano_roll=True))
    assert rendered.abc.read_text(encoding="utf-8") == abc.replace("\ud800", "?")
    assert (rendered.midi, rendered.audio, rendered.duration_seconds) == (None, None, None)
    assert rendered.problems
    assert all("\n" not in problem for problem in rendered.problems)


def test_mutated_tunes_never_raise(golden, make_config, tmp_path):
    rng = random.Random(0)
    config = make_config(sample_rate=8_000, max_seconds=5.0)
    for number in range(12):
        text = list(golden)
        for _ in range(rng.randrange(1, 12)):
            text[rng.randrange(len(text))] = rng.choice('ABcd|:[]{}()"!%-<>^_/23z\n')
        rendered = render_tune("".join(text), tmp_path / str(number), config)
        assert (rendered.midi is None) == (rendered.duration_seconds is None)
        assert rendered.midi is not None or rendered.problems


@pytest.mark.parametrize(
    "title",
    ["$(touch marker)", "`touch marker`; touch marker", "../../marker", "<script>a()</script>", "\x1b[2J%s"],
)
def test_titles_cannot_inject_paths_or_code(title, make_config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    abc = f"X:1\nT:{title}\nM:4/4\nL:1/8\nK:C\nCDEFGABc|]\n"
    rendered = render_tune(abc, tmp_path / "tunes" / "000", make_config(score=True, piano_roll=True))
    assert [path.name for path in tmp_path.iterdir()] == ["tunes"]
    assert {path.stem for path in (tmp_path / "tunes").iterdir()} == {"000"}
    assert rendered.score is not None and "<script>" not in rendered.score.read_text(encoding="utf-8")
