"""Optuna's own page opens the storage of a search."""

import json
from pathlib import Path
from wsgiref.util import setup_testing_defaults

import optuna
import pytest

from musicgen.search.storage import open_database


def test_optuna_dashboard_reads_the_storage(tmp_path: Path) -> None:
    dashboard = pytest.importorskip("optuna_dashboard", reason="optuna-dashboard is not installed")
    database = open_database(f"sqlite:///{tmp_path}/search.sqlite")
    storage = database.storage
    study = optuna.create_study(storage=storage, study_name="mine")
    study.add_trial(optuna.trial.create_trial(value=1.5))
    environment: dict = {"PATH_INFO": "/api/studies"}
    setup_testing_defaults(environment)
    told: list[str] = []
    body = b"".join(dashboard.wsgi(storage)(environment, lambda status, *_: told.append(status)))
    assert told == ["200 OK"], environment["wsgi.errors"].getvalue()
    assert [one["study_name"] for one in json.loads(body)["study_summaries"]] == ["mine"]
    database.close()
