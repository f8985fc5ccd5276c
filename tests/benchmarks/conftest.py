"""Little work: a small corpus instead of O'Neill's, which takes seconds to read, and short measurements."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import corpora, limit
from musicgen.config import compose_config
from musicgen.corpus.corpus import load_corpus


@pytest.fixture(scope="package", autouse=True)
def small_default_corpus(corpus: Path) -> Iterator[None]:
    small = load_corpus(compose_config(["experiment=lab", "data=file", f"data.path={corpus}"]).data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpora, "load_corpus", lambda _config: small)
        yield
    corpora.default_corpus.cache_clear()
    corpora.training_tokens.cache_clear()


@pytest.fixture(autouse=True, scope="package")
def short_tries() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limit, "SECONDS_PER_TRY", 0.001)
        yield
