import sys
from dataclasses import replace
from pathlib import Path

import pytest

from musicgen.records.runs import find_runs
from tests.soak import long_runs
from tests.soak.long_runs import Sample, judge, main, watch
from tests.soak.row_files import read_rows

FLAT = [Sample(0.5 * number, number // 2, 300.0 + number % 3, 12 + number % 2, 5) for number in range(600)]
"""Samples of 300 jobs, with the fluctuations within a job."""


@pytest.mark.parametrize(
    ("quantity", "growth", "is_flat"),
    [
        ("megabytes", 0.0, True),
        ("megabytes", 0.05, True),
        ("megabytes", 0.1, False),
        ("files", 0.01, False),
        ("threads", 0.01, False),
    ],
)
def test_growth_per_job_is_detected(quantity: str, growth: float, is_flat: bool) -> None:
    samples = [
        replace(sample, **{quantity: getattr(sample, quantity) + growth * sample.progress}) for sample in FLAT
    ]
    assert judge(samples, 0.0) == is_flat


def test_a_leaking_process_is_detected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_runs, "SAMPLING_SECONDS", 0.005)
    progress = tmp_path / "progress"
    leak = (
        "import sys, time; kept = []\n"
        "for number in range(40):\n"
        "    kept += [bytearray(b'x' * 2_000_000), open(sys.argv[1], 'a')]\n"
        "    kept[-1].write('.'); kept[-1].flush(); time.sleep(0.02)"
    )
    command = [sys.executable, "-c", leak, str(progress)]

    def done() -> int:
        return progress.stat().st_size if progress.exists() else 0

    assert watch(command, done, tmp_path / "samples.csv") == 0
    assert not judge(read_rows(tmp_path / "samples.csv", Sample), 0.0)


@pytest.mark.slow
def test_jobs_in_one_process_are_sampled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["rendering=none", "rendering.plots=false", "tracker=none"]
    main(["jobs", "--jobs", "3", "--outputs", str(tmp_path), *small])
    assert [run.record.status for run in find_runs([tmp_path / "sweep"])] == ["complete"] * 3
    printed = capsys.readouterr().out
    assert "resident megabytes" in printed and "runs: run.json" in printed and "store:" in printed
