from dataclasses import replace
from pathlib import Path

import pytest

from musicgen.corpus.corpus import load_corpus
from musicgen.errors import InputError
from tests.corpus.test_corpus import data_config

TUNE = "X:1\nM:4/4\nL:1/8\nK:C\nCDEFGABc|cBAGFEDC|CEGcGECE|ACEAceac|"


def test_tunes_with_a_near_duplicate_elsewhere_are_dropped(tunebook: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.abc"
    own.write_text(TUNE + "\n")
    large = tmp_path / "large.abc"
    # The same tune a fifth higher.
    higher = TUNE.replace("K:C", "K:G").replace(
        "CDEFGABc|cBAGFEDC|CEGcGECE|ACEAceac", "GABcdefg|gfedcBAG|GBdgdBGB|"
    )
    large.write_text(f"{tunebook.read_text()}\n\n{higher.replace('X:1', 'X:99')}\n")
    config = data_config(large, near_duplicate_share=0.5)
    whole, less = (
        load_corpus(replace(config, exclude_near_duplicates_of=place)) for place in (None, str(own))
    )
    assert set(whole.tunes) - set(less.tunes) == {whole.tunes[-1]} and "X:99" in whole.tunes[-1]
    assert less.report.dropped == whole.report.dropped | {f"near-duplicates of {own}": 1}
    assert len(less.groups) == len(less.tunes) and less.sha256 != whole.sha256


def test_a_corpus_of_ours_is_named_without_a_path(tunebook: Path) -> None:
    config = data_config(tunebook, near_duplicate_share=0.5, exclude_near_duplicates_of="airds")
    assert "near-duplicates of airds" in load_corpus(config).report.dropped


def test_excluding_every_tune_says_so(tunebook: Path) -> None:
    config = data_config(tunebook, near_duplicate_share=0.5, exclude_near_duplicates_of=str(tunebook))
    with pytest.raises(InputError, match="all 40 tunes have a near-duplicate there, so none is left"):
        load_corpus(config)


def test_a_missing_other_corpus_is_one_line(tunebook: Path) -> None:
    config = data_config(tunebook, near_duplicate_share=0.5, exclude_near_duplicates_of="nowhere")
    with pytest.raises(InputError, match="^data.exclude_near_duplicates_of=nowhere: .*no such file"):
        load_corpus(config)


def test_exclusion_needs_a_share(tunebook: Path) -> None:
    with pytest.raises(ValueError, match="needs near_duplicate_share"):
        data_config(tunebook, exclude_near_duplicates_of="airds")
