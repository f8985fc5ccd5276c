"""run.json: what a run was, how it ended and what it measured."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from musicgen.errors import InputError, first_problem
from musicgen.system.files import read_whole, refuse_links_out, write_text_atomically

SCHEMA_VERSION = 1
FILE_NAME = "run.json"
MAX_BYTES = 2**24
"""Of a run.json; that of a run with the default settings has 20,000."""

Status = Literal["complete", "failed", "diverged", "interrupted", "pruned", "running"]


@dataclass
class RunRecord:
    """The content of run.json, in the order of the file."""

    run_id: str
    training_id: str
    status: Status
    seed: int
    config: Mapping[str, object]
    command: str
    corpus: Mapping[str, object]
    weights: str | None = None
    """The training state that was sampled, relative to the run directory; None before that."""
    change: Mapping[str, object] | None = None
    """parameter, value, baseline_value and also_changes, where the run is a changed one of a study."""
    retuned: Mapping[str, object] = field(default_factory=dict)
    """Nuisance parameter -> value, where a study tunes it again and it is not the baseline's."""
    metrics: dict[str, float | None] = field(default_factory=dict)
    metrics_by: dict[str, dict[str, dict[str, float | None]]] = field(default_factory=dict)
    """"temperature" or "prompt" -> its value -> metrics of these tunes alone, where a run samples several."""
    reference: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Metric -> mean and sd of held-out corpus tunes."""
    reference_by: dict[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    """The same for as many tunes as one of the groups in metrics_by has."""
    floor: Mapping[str, float] = field(default_factory=dict)
    """Metric -> value of tunes from a character 5-gram model."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Metric -> why it is null."""
    sampling_noise: dict[str, float] = field(default_factory=dict)
    """Metric -> its standard error from the finite number of tunes that this one network sampled."""
    timing: dict[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, object] = field(default_factory=dict)
    """cores that the run could use, and started: the moment in UTC, ISO 8601."""
    tracker: Mapping[str, object] = field(default_factory=dict)
    error: str | None = None
    schema_version: int = SCHEMA_VERSION

    @property
    def has_locks(self) -> bool:
        """Whether the run was made where files can be locked; older records do not say."""
        paths = self.config.get("paths")
        return not isinstance(paths, Mapping) or paths.get("locks") is not False

    def write(self, run_directory: Path) -> None:
        """Write run.json, whole or not at all."""
        # allow_nan=False: NaN is no JSON, and a metric that cannot be computed is None with a reason.
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False, allow_nan=False)
        write_text_atomically(run_directory / FILE_NAME, text + "\n")

    @classmethod
    def read(cls, run_directory: Path) -> "RunRecord":
        """Read run.json; raises InputError where the folder is no run directory.

        It may come from somebody else or be damaged: what this returns has the types that the fields say.
        """
        # pydantic takes a moment to import, which --help should not wait for.
        from pydantic import ValidationError
        from pydantic_core import from_json

        from musicgen.records.record_check import check

        path = run_directory / FILE_NAME
        try:
            refuse_links_out(run_directory)
            content = from_json(read_whole(path, MAX_BYTES), allow_inf_nan=False)
        except FileNotFoundError as error:
            raise InputError(f"{run_directory} is no run directory: it has no {FILE_NAME}") from error
        except InputError:
            raise
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read: {error}") from error
        if not isinstance(content, dict):
            raise InputError(f"{path}: is no record of a run")
        if content.get("schema_version") != SCHEMA_VERSION:
            raise InputError(
                f"{path}: schema_version {str(content.get('schema_version'))[:20]}, this program reads "
                f"{SCHEMA_VERSION}"
            )
        try:
            check(content)
        except ValidationError as error:
            raise InputError(f"{path}: is no record of a run: {first_problem(error)}") from error
        except InputError as error:
            raise InputError(f"{path}: is no record of a run: {error}") from error
        return cls(**content)
