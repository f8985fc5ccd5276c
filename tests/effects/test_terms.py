"""Terms that hold where a study declares none."""

from musicgen.config import compose_config
from musicgen.effects.pairing import pair_runs
from musicgen.effects.terms import Terms
from musicgen.metrics.registry import METRICS
from tests.records.made_runs import made_run


def test_runs_without_a_study_have_the_terms_of_the_config() -> None:
    terms, declared = Terms.of(pair_runs([made_run()])), compose_config([]).study
    assert terms.primary_metrics == declared.primary_metrics
    assert terms.equivalence_margin == declared.equivalence_margin
    assert set(terms.equivalence_margin) <= set(METRICS) and not terms.is_screening


def test_a_study_overrides_only_what_it_declares() -> None:
    terms = Terms.of(pair_runs([made_run(study={"primary_metrics": ["fit/test_loss"], "stages": {}})]))
    assert terms.primary_metrics == ["fit/test_loss"] and terms.is_screening
    assert terms.equivalence_margin == compose_config([]).study.equivalence_margin
