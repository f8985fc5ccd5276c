"""Corpora that functions of other packages return."""

from dataclasses import replace
from pathlib import Path

import pytest

from musicgen.config import compose_config
from musicgen.corpus.config import DataConfig
from musicgen.corpus.corpus import load_corpus
from musicgen.corpus.sources import read_source
from musicgen.corpus.tunebook import read_tunebook
from musicgen.errors import InputError
from tests.made_packages import install
from tests.soak.commands import small_tune

GROUP = "musicgen.corpora"


def data(packages: Path, body: str) -> DataConfig:
    """The config of a corpus that a function with this body returns."""
    tunes = packages / "tunes.txt"
    tunes.write_text("\0".join(map(small_tune, range(40))), encoding="utf-8")
    head = "from pathlib import Path\nfrom musicgen.errors import InputError\n"
    code = f"{head}def read(data):\n    {body}\n"
    install(packages, "mine_of_a_test", code, GROUP, mine="mine_of_a_test:read")
    return compose_config(["data=file", f"data.path={tunes}", "data.source=mine"]).data


def test_texts_of_a_function_are_a_corpus(packages: Path) -> None:
    corpus = load_corpus(data(packages, "yield from Path(data.path).read_text('utf-8').split('\\0')"))
    assert (corpus.report.tunes_read, len(corpus.tunes)) == (40, 40)


def test_each_text_is_a_file_of_its_own(packages: Path) -> None:
    text = read_source(data(packages, r"return ['M:3/4\r\nX:1\nK:C\nCDE|', 'X:2\nK:D\nDEF|']"))
    assert ["M:3/4" in tune for tune in read_tunebook(text).tunes] == [True, False]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("return 7", "TypeError: 'int' object is not iterable"),
        ("return [b'X:1']", "returned a bytes where ABC text is needed"),
        ("return None", "TypeError"),
        ("return []", "returned no text, not ABC tunes"),
        ("return 'X:1\\n\\0'", "returned binary data, not ABC tunes"),
        ("raise KeyError('two\\nlines')", "KeyError: 'two"),
        ("raise InputError('no such table')", "no such table"),
        ("yield 'X:1'; raise OSError('gone')", "OSError: gone"),
        ("return 'X:1' * 10**6", "exceeds the limit of 1 MB of text; raise data.max_megabytes"),
    ],
)
def test_anything_but_text_is_one_line(packages: Path, body: str, complaint: str) -> None:
    config = replace(data(packages, body), max_megabytes=1)
    with pytest.raises(InputError) as error:
        read_source(config)
    assert str(error.value).startswith("data.source=mine: ") and complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_source_is_one_line(packages: Path) -> None:
    data(packages, "return ''")
    with pytest.raises(InputError) as error:
        compose_config(["data=file", "data.path=x", "data.source=file"])
    assert str(error.value) == (
        "data.source=file: no such source; installed are music21, download, files, mine, "
        "or a path such as package.module:function"
    )
