"""Kept tunes: their files, and the run's files, which stay as they are."""

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
import soundfile

from musicgen.errors import InputError
from musicgen.notation.parsing import parse_tune
from musicgen.playing.networks import Drawn, PlayedRun
from musicgen.playing.tunebook import BOOK, Tunebook
from musicgen.playing.wanted import Wanted
from musicgen.run.sound import sound_of_run
from tests.playing.conftest import PHRASE


@pytest.fixture(scope="module")
def tunes(played: PlayedRun) -> list[Drawn]:
    wanted = [Wanted(seed=seed, temperature=0.5, top_p=0.9, phrase=f"T:A Tune\n{PHRASE}") for seed in (1, 2)]
    return [played.draw(one) for one in wanted]


@pytest.fixture
def empty_book(tmp_path: Path) -> Callable[[], Tunebook]:
    return lambda: Tunebook(tmp_path, sound_of_run(None, sample_rate=8_000))


@pytest.mark.slow
def test_a_kept_tune_has_a_file_of_each_kind(tunes: list[Drawn], empty_book: Callable[[], Tunebook]) -> None:
    nothing, book = empty_book(), empty_book()
    assert nothing.folder is None and nothing.file(BOOK) is None
    kept = [book.keep(drawn, "A Tune") for drawn in tunes]
    assert book.folder is not None and book.keep(tunes[0], "A Tune") is kept[0]
    assert kept[1].files == ("002.abc", "002.mid", "002.mp3", "002.musicxml", "002.svg")
    assert {path.name for path in book.folder.iterdir()} == {*kept[0].files, *kept[1].files, BOOK}
    assert soundfile.info(book.folder / "002.mp3").duration > 2
    assert (book.folder / "002.mid").read_bytes().startswith(b"MThd")
    steps = ElementTree.parse(book.folder / "002.musicxml").findall(".//note/pitch/step")
    assert "".join(step.text or "" for step in steps).startswith("CDEFGABCCBAGFEDC")
    both = (book.folder / BOOK).read_text()
    assert both == "".join(f"{(book.folder / one.files[0]).read_text()}\n" for one in kept)
    for number, (drawn, text) in enumerate(zip(tunes, both.split("\n\n"), strict=False), 1):
        assert text.startswith(f"X:{number}\nN:musicgen run {drawn.more.run.record.run_id}")
        assert f"seed {number}, temperature 0.5" in text and "\nT:A Tune\n" in text
        assert parse_tune(text).notes == parse_tune(drawn.tune.text).notes


def test_every_session_has_a_folder_of_its_own(
    tunes: list[Drawn], empty_book: Callable[[], Tunebook], tmp_path: Path
) -> None:
    first, second = empty_book(), empty_book()
    for book in (first, second):
        assert book.keep(tunes[0], "A Tune").number == 1
    assert first.folder != second.folder and first.folder is not None
    assert first.folder.parent == tmp_path / "played"


def test_a_folder_that_is_a_link_is_refused(
    tunes: list[Drawn], empty_book: Callable[[], Tunebook], tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "played").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="is a link"):
        empty_book().keep(tunes[0], "A Tune")
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("name", ["../run.json", "run.json", "001.wav", "", ".", "001.abc/..", "/etc/passwd"])
def test_only_the_books_own_files_are_found(
    name: str, tunes: list[Drawn], empty_book: Callable[[], Tunebook]
) -> None:
    book = empty_book()
    book.keep(tunes[0], "A Tune")
    assert book.file("001.abc") is not None and book.file(name) is None
