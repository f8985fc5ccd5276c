"""Metrics of other packages."""

import math
from pathlib import Path

import pytest

import musicgen
from musicgen.config import compose_config
from musicgen.errors import InputError
from musicgen.metrics.comparison import Comparison, Corpus
from musicgen.metrics.evaluation import Evaluation, evaluate_by
from musicgen.metrics.noise import sampling_noise
from musicgen.metrics.outside import as_recorded, declaration, metric, outside_metrics
from musicgen.metrics.reference import build_reference
from musicgen.metrics.registry import METRICS, Direction, limits_of, measure, summary_metrics
from musicgen.metrics.tunes import read_tunes
from tests.made_packages import install
from tests.metrics.made_comparisons import compared
from tests.soak.commands import small_tune

GROUP = "musicgen.metrics"
TUNES = [small_tune(number) for number in range(24)]
HEAD = "from musicgen.metrics.outside import metric\nfrom musicgen.metrics.tunes import UnmeasurableError\n"


def write(packages: Path, body: str, limits: str = "(0, 1)") -> None:
    """Install a metric `mine` with this body."""
    code = (
        f"{HEAD}@metric('own/mine', better='lower', meaning='share of something', limits={limits})\n"
        f"def mine(tunes):\n    {body}\n"
    )
    install(packages, "mine_of_a_test", code, GROUP, mine="mine_of_a_test:mine")


def test_a_metric_is_measured_like_the_built_in_ones(packages: Path) -> None:
    write(packages, "return sum('C' in tune.splitlines()[-1] for tune in tunes) / len(tunes)")
    outside = outside_metrics(["mine"])
    reference = build_reference(TUNES, num_tunes=6, num_splits=3, outside=outside)
    assert {"own/mine"} <= reference.mean.keys() & reference.sd.keys() & reference.floor.keys()
    nothing = Corpus.of([], [])
    bare, full = "X:1\nM:4/4\nL:1/8\nK:C\nDEFG|", "X:1\nM:4/4\nL:1/8\nK:C\nCDEF|"
    without_notes = "X:1\nK:C\n"
    evaluation = Evaluation.of(compared([bare, full, without_notes], reference, nothing, outside=outside))
    assert evaluation.metrics["own/mine"] == 0.5 and list(evaluation.metrics)[-1] == "own/mine"
    by = evaluate_by(compared([bare, full], reference, nothing, outside=outside), ["a", "b"], reference)
    assert [one.metrics["own/mine"] for one in by.values()] == [0, 1]
    assert "own/mine" in sampling_noise(compared(TUNES, reference, nothing, outside=outside))


def test_a_declaration_is_known_to_tables(packages: Path) -> None:
    write(packages, "return 1", limits="(0, None)")
    assert "own/mine" not in METRICS
    (mine,) = outside_metrics(["mine"])
    assert METRICS["own/mine"].direction is Direction.LOWER and limits_of("own/mine") == (0, math.inf)
    assert summary_metrics()[-1] == "own/mine"
    recorded = as_recorded([mine])
    assert recorded == {"own/mine": {"better": "lower", "meaning": "share of something", "limits": [0, None]}}
    assert declaration("own/mine", **recorded["own/mine"]) == METRICS["own/mine"]
    # Declared, but not asked for.
    alone = Comparison(tuple(read_tunes(TUNES[:1])), 1, Corpus.of([], []), 10, 20, seed=0)
    assert "own/mine" not in measure(alone)[0]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("return 1 / 0", "ZeroDivisionError: division by zero"),
        ("raise RuntimeError('two\\nlines')", "RuntimeError: two\\nlines"),
        ("raise UnmeasurableError('no tune has a chord')", "no tune has a chord"),
        ("return 'much'", "the function returned a str, not a number"),
        ("return None", "the function returned a NoneType, not a number"),
        ("return [1]", "the function returned a list, not a number"),
        ("return float('nan')", "the function returned nan, outside 0 to 1"),
        ("return 1.5", "the function returned 1.5, outside 0 to 1"),
        ("return 10**400", "outside 0 to 1"),
    ],
)
def test_a_metric_without_a_value_has_a_reason(packages: Path, body: str, reason: str) -> None:
    write(packages, body)
    comparison = Comparison(
        tuple(read_tunes(TUNES[:3])), 3, Corpus.of([], []), 10, 20, seed=0, outside=outside_metrics(["mine"])
    )
    metrics, reasons = measure(comparison)
    assert metrics["own/mine"] is None and reason in reasons["own/mine"]
    assert "\n" not in reasons["own/mine"]
    assert metrics["diversity/pitch_range"] is not None


def test_numbers_beyond_a_record_are_no_value(packages: Path) -> None:
    write(packages, "return 1e200", limits="(None, None)")
    assert musicgen.measure(TUNES[:2], metrics=["mine"])["own/mine"] is None


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("'validity/sound_rate', better='lower', meaning='a'", "are built-in families; use one of your own"),
        ("'listening/mine', better='lower', meaning='a'", "are built-in families; use one of your own"),
        ("'mine', better='lower', meaning='a'", "its name must look like leaps/octaves"),
        ("'own/=mine', better='lower', meaning='a'", "its name must look like leaps/octaves"),
        ("'own/mine', better='good', meaning='a'", "better=good: allowed are higher, lower, corpus"),
        ("'own/mine', better='lower', meaning=''", "its meaning must be a line"),
        ("'own/mine', better='lower', meaning='a\\nb'", "its meaning must be a line"),
        ("'own/mine', better='lower', meaning='a', limits=(1, 0)", "its limits must be a lower and a higher"),
        ("'own/mine', better='lower', meaning='a', limits=(0, float('nan'))", "its limits must be"),
    ],
)
def test_a_wrong_declaration_is_one_line(packages: Path, arguments: str, complaint: str) -> None:
    code = f"{HEAD}@metric({arguments})\ndef mine(tunes): ...\n"
    install(packages, "mine_of_a_test", code, GROUP, mine="mine_of_a_test:mine")
    with pytest.raises(InputError) as error:
        compose_config(["evaluation.metrics=[mine]"])
    assert str(error.value).startswith("evaluation.metrics: mine: ") and complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_a_plain_function_and_a_second_of_a_name_are_refused(packages: Path) -> None:
    write(packages, "return 1")
    install(packages, "plain_of_a_test", "def plain(tunes): ...", GROUP, plain="plain_of_a_test:plain")
    with pytest.raises(InputError, match=r"plain: is not declared with musicgen\.metrics\.outside\.metric"):
        outside_metrics(["plain"])
    with pytest.raises(InputError, match="another metric of the list is called own/mine too"):
        outside_metrics(["mine", "mine_of_a_test:mine"])
    with pytest.raises(InputError, match="installed are mine, plain, or a path such as"):
        outside_metrics(["yours"])


def test_a_path_to_anything_on_the_machine_is_not_followed() -> None:
    with pytest.raises(InputError, match="a config must not choose which code runs"):
        compose_config(["evaluation.metrics=[subprocess:getoutput]"])


def test_references_are_cached_by_metrics_and_their_code(packages: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"

    def known(names: list[str]) -> set[str]:
        build_reference(TUNES, num_tunes=4, num_splits=2, cache_dir=cache, outside=outside_metrics(names))
        return {path.name for path in cache.glob("reference-*.json")}

    without = known([])
    write(packages, "return 1")
    first = known(["mine"])
    assert len(first - without) == 1 and known(["mine"]) == known([]) == first
    path = packages / "mine_of_a_test.py"
    path.write_text(path.read_text("utf-8") + "# edited\n", encoding="utf-8")
    assert len(known(["mine"]) - first) == 1


def test_a_decorated_function_is_still_a_function() -> None:
    @metric("own/number", better="higher", meaning="number of tunes", limits=(0, None))
    def number(tunes: object) -> float:
        return len(tunes)  # type: ignore[arg-type]

    assert number(["a", "b"]) == 2
