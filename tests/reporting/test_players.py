import base64
from pathlib import Path

import pytest
import soundfile

from musicgen.records.sampled_tunes import Song, read_songs
from musicgen.rendering import RenderingConfig
from musicgen.reporting.players import file_stem, make_players, sound_of
from musicgen.reporting.study_data import StudyData


@pytest.fixture(scope="module")
def songs(study: StudyData) -> list[Song]:
    return read_songs(study.paired.baseline.runs[0])


def test_the_files_named_by_the_page_are_in_the_folder(songs: list[Song], tmp_path: Path) -> None:
    players = make_players([songs[1], songs[1], songs[3]], tmp_path, embedded=False)
    assert len(players) == 2
    player, silent = players[songs[1].key], players[songs[3].key]
    for address in (player.audio, player.score, player.midi):
        assert address is not None and address.startswith("songs/") and (tmp_path / address).is_file()
    assert not list(tmp_path.rglob("*.wav"))
    # Eight bars of 4/4 at 180 quarter notes a minute.
    assert player.seconds == pytest.approx(8 * 4 * 60 / 180, abs=0.1)
    assert player.audio and soundfile.info(tmp_path / player.audio).duration == pytest.approx(
        player.seconds, abs=4
    )
    assert (silent.audio, silent.score, silent.roll) == (None, None, None) and silent.problems


def test_an_embedded_player_needs_no_files(songs: list[Song], tmp_path: Path) -> None:
    (player,) = make_players([songs[1]], tmp_path, embedded=True).values()
    for address, kind in ((player.audio, "audio/mpeg"), (player.score, "image/svg+xml")):
        assert address is not None and address.startswith(f"data:{kind};base64,")
        assert base64.b64decode(address.partition(",")[2])
    assert player.midi is None


def test_no_songs_give_no_players(tmp_path: Path) -> None:
    assert make_players([], tmp_path / "none", embedded=False) == {}


def test_file_names_contain_none_of_the_tunes_text(songs: list[Song]) -> None:
    assert file_stem(songs[1]) == "00" * 8 + "-001"


def test_the_runs_soundfont_is_ignored(songs: list[Song], monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"soundfont": "/no/such.sf2", "tempo": 90}
    monkeypatch.setitem(songs[0].run.record.config, "rendering", settings)  # pyright: ignore[reportArgumentType]
    config = sound_of(songs)
    assert config.soundfont is None and config.tempo == 90


def test_without_songs_the_rendering_is_the_default() -> None:
    assert isinstance(sound_of([]), RenderingConfig)
