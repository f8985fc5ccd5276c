import io
import json
import zipfile
from pathlib import Path

import pytest
import soundfile

from musicgen.reporting.pack import write_pack
from musicgen.reporting.report import ReportOptions, make_report
from musicgen.reporting.study_data import StudyData


@pytest.fixture(scope="module")
def pack(study: StudyData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pack")
    report = make_report(study, folder / "songs", ReportOptions(pairs=0, best=2))
    return write_pack(report, folder / "best.zip")


def test_a_packed_song_comes_with_everything_about_it(pack: Path) -> None:
    with zipfile.ZipFile(pack) as archive:
        names = archive.namelist()
        folders = sorted({name.partition("/")[0] for name in names if "/" in name})
        assert folders == ["01-tune-1", "02-a-tune"]
        files = {name.partition("/")[2].rpartition(".")[2] for name in names if name.startswith("01-")}
        assert files == {"abc", "mid", "wav", "mp3", "svg", "png", "json", "txt"}
        first = folders[0]
        abc = archive.read(f"{first}/{first}.abc").decode()
        assert "lstm 1 x 64" in abc and "seed 0" in abc and "temperature 0.7" in abc and "prompt" in abc
        for suffix, rate in (("wav", 44_100), ("mp3", 44_100)):
            sound = soundfile.info(io.BytesIO(archive.read(f"{first}/{first}.{suffix}")))
            assert sound.samplerate == rate and sound.duration > 5
        about = archive.read(f"{first}/about.txt").decode()
        assert "To make it again: python -m musicgen.train training=smoke model.cell=lstm seed=0" in about
        assert "Nearest training tune: <script>" in about and "Not rated" in about
        assert "In this song:\nM:4/4\nL:1/8\nK:C\nCDEF GABc|cBAG FEDC\n" in about
        assert "In the training tune:\nM:2/4\nL:1/8\nK:C\nFE|" in about
        assert json.loads(archive.read(f"{first}/config.json"))["model"]["cell"] == "lstm"
        assert "## Summary" in archive.read("summary.md").decode()
