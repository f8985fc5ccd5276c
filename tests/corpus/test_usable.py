"""A corpus read on several cores is the corpus read on one."""

import threading
from dataclasses import asdict
from pathlib import Path

import pytest

from musicgen.config import data_config
from musicgen.corpus import usable
from musicgen.corpus.usable import forget_read, read_usable_tunes
from musicgen.system import cores
from tests.soak.commands import write_tunebook

ODD = 'X:90\nK:C\nz8|\n\nX:91\nM:4/4\nCDEF|\n\nX:92\nK:G\n!p!GABc|"Am"GABc|\n\nX:93\nK:G\nGABc|GABc|\n\n'
"""Without notes, without a key, with marks that are dropped, and equal to the one before without them."""


def test_all_cores_read_the_tunes_that_one_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_tunebook(tmp_path)
    path.write_text(ODD + path.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    monkeypatch.setattr(cores, "num_cores", lambda: 2)
    alone = read_usable_tunes(data_config(str(path)))
    forget_read()
    monkeypatch.setattr(usable, "_TUNES_AT_ONCE", 3)
    forked = read_usable_tunes(data_config(str(path)))
    assert asdict(forked) == asdict(alone) and forked is not alone
    assert alone.dropped == {"without notes": 1, "without key": 1, "duplicate": 1}
    assert alone.dropped_marks
