"""What a plan checks before it launches a run."""

from pathlib import Path
from typing import Any, cast

from musicgen.config import Config, compose_config
from musicgen.corpus.corpus import load_corpus
from musicgen.errors import InputError
from musicgen.sweep.identities import Corpora
from tests.commands import TINY


def test_a_prompt_is_checked_against_its_own_split(tunebook: Path, tmp_path: Path) -> None:
    tunebook.write_text(tunebook.read_text("utf-8").replace("T:Tune 8\n", "T:Tüne 8\n"), "utf-8")

    def split_by(seed: int) -> Config:
        given = [f"data.path={tunebook}", f"paths.outputs={tmp_path}", f"data.split_seed={seed}"]
        shares = ["data.validation_share=0.3", "data.test_share=0.3", "data.near_duplicate_share=null"]
        return compose_config([*TINY, *given, *shares, "sampling.prompts=['X:1\\nT:ü']"])

    configs = [split_by(seed) for seed in range(6)]
    is_known = ["ü" in load_corpus(config.data).vocabulary.characters for config in configs]
    assert True in is_known and False in is_known
    # Whichever split is the first, on which the corpus is read.
    for order in (configs, configs[::-1]):
        corpora = Corpora()
        passed = {config.data.split_seed for config in order if passes(corpora, config)}
        assert passed == {seed for seed in range(6) if is_known[seed]}


def passes(corpora: Corpora, config: Config) -> bool:
    try:
        corpora.identify(cast(Any, None), config)
    except InputError as error:
        return "which is not in the training tunes" not in str(error)
    return True
