"""What a study declared in advance: its primary metrics, and the largest differences that do not matter."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from musicgen.effects.effect import EXPLORATORY, PRIMARY, SCREENING
from musicgen.effects.pairing import PairedRuns
from musicgen.records.runs import FoundRun
from musicgen.system.conf import conf_folder


@dataclass(frozen=True, slots=True)
class Terms:
    """What the study declared in advance."""

    primary_metrics: Sequence[str]
    equivalence_margin: Mapping[str, float]
    is_screening: bool = False
    """Whether these are the runs of a study's first stage, which claims nothing."""

    @classmethod
    def of(cls, paired: PairedRuns) -> "Terms":
        """The terms of the runs' study, or the defaults."""
        studies = (run.record.config.get("study") for run in paired.runs)
        study = next((study for study in studies if isinstance(study, Mapping)), {})
        declared = {**_defaults(), **study}
        return cls(
            declared["primary_metrics"], declared["equivalence_margin"], declared.get("stages") is not None
        )

    def family(self, metric: str) -> str:
        """The family of tests that a metric's rows belong to."""
        if self.is_screening:
            return SCREENING
        return PRIMARY if metric in self.primary_metrics else EXPLORATORY

    def margin(self, metric: str, runs: Iterable[FoundRun]) -> float | None:
        """The largest difference that does not matter: declared, or 1 SD of the reference of these runs."""
        if metric in self.equivalence_margin:
            return self.equivalence_margin[metric]
        known = (run.record.reference.get(metric) for run in runs)
        return next((reference["sd"] for reference in known if reference is not None), None)


@cache
def _defaults() -> Mapping[str, Any]:
    """The terms of a sweep without a declared study, which runs of the first versions do not hold."""
    return yaml.safe_load((conf_folder() / "study" / "none.yaml").read_text(encoding="utf-8"))
