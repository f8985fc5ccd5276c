"""Sends one archive to Comet, in a separate process that outbox.py starts and ends.

    python -m musicgen.tracking.sender ARCHIVE [--again]

The last line it prints is a `SendResult` as JSON. Comet's own `comet upload` succeeds even if files were
lost, and would send a second time what Comet has.
"""

import json
import logging
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from musicgen.tracking.archive import EXPERIMENT, MESSAGES
from musicgen.tracking.comet_settings import forbid_patching
from musicgen.tracking.config import DEFAULT_PROJECT
from musicgen.tracking.delivery import Stored, drop_stored, stored, wait_for

UNAUTHORIZED = (401, 403)
_OWN_FILES = (EXPERIMENT, MESSAGES)
"""Members of an archive that are not files of the experiment."""


@dataclass(frozen=True, slots=True)
class SendResult:
    """The outcome of sending an archive."""

    url: str | None = None
    """The experiment's address; None if the archive was not sent."""
    error: str | None = None
    """One line; None if Comet has the whole archive."""
    is_about_key: bool = False
    """Whether Comet refuses the key, so that every archive would fail."""


class _Problems(logging.Handler):
    """Collects the first problem that Comet logs during an upload without ending it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.first: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Remember errors of Comet, and warnings of its archive sender."""
        if self.first is None and (record.levelno >= logging.ERROR or record.name == "comet_ml.offline"):
            self.first = record.getMessage()


def send(archive: Path, *, again: bool) -> SendResult:
    """Send what Comet lacks of the archive, and count what it has afterwards.

    again: this program has begun to send the experiment before, so Comet may have a part of it.
    """
    from comet_ml.config.config_api import get_api_key, get_config
    from comet_ml.exceptions import CometRestApiException, ExperimentAlreadyUploaded, InvalidAPIKey
    from comet_ml.offline import OfflineSender, unzip_offline_archive

    key = get_api_key(None, get_config())
    if key is None:
        return SendResult(error="Comet has no key", is_about_key=True)
    problems = _Problems()
    try:
        folder = Path(unzip_offline_archive(str(archive)))
        sender = OfflineSender(key, str(folder))
        is_addition = sender.resume_strategy != "create"
        if again and not is_addition:
            sender.resume_strategy = "get_or_create"
        known = Stored()
        if again or is_addition:
            known = stored(sender.experiment_id, key, is_exact=is_addition)
        before = known.totals
        missing = drop_stored(folder, known if again else Stored())
        # The run's own workspace and project take precedence over today's settings.
        sender.override_workspace = sender.metadata_workspace
        if sender.metadata_project_name != DEFAULT_PROJECT:
            sender.override_project_name = sender.metadata_project_name
        logging.getLogger("comet_ml").addHandler(problems)
        sender.send()
        sender.close()
    except InvalidAPIKey:
        return SendResult(error="Comet does not know the key", is_about_key=True)
    except ExperimentAlreadyUploaded:
        # This program would have noted the attempt.
        return SendResult(error="Comet has an experiment with this key that was not sent from here")
    except CometRestApiException as error:
        status = error.response.status_code
        if status in UNAUTHORIZED:
            return SendResult(error=f"Comet refuses the key (status {status})", is_about_key=True)
        return SendResult(error=_line(f"Comet answers with status {status} {error.safe_msg or ''}", key))
    except Exception as error:
        return SendResult(error=_line(f"{type(error).__name__}: {error}", key))
    files = sender.file_upload_manager.upload_results
    # If Comet is too busy for a file, its sender reports no error and keeps the file.
    kept = sum(path.name not in _OWN_FILES for path in folder.iterdir())
    lost = kept + sum(not file.successful() for file in files)
    if lost or problems.first is not None:
        why = problems.first or "Comet is too busy"
        return SendResult(error=_line(f"Comet lacks {lost} of its {len(files)} files: {why}", key))
    expected = [had + sent for had, sent in zip(before, missing, strict=True)]
    try:
        lacking = wait_for(sender.experiment_id, key, *expected)
    except Exception as error:
        lacking = _line(f"Comet does not say what it has: {type(error).__name__}: {error}", key)
    return SendResult(url=sender._get_experiment_url(), error=lacking or None)


def _line(text: str, key: str) -> str:
    """One line without the key, which some errors contain."""
    return " ".join(text.replace(key, "(key)").split())


def main(arguments: list[str]) -> int:
    """Send the archive of the first argument; prints a `SendResult` as JSON."""
    forbid_patching()
    print(json.dumps(asdict(send(Path(arguments[0]), again="--again" in arguments[1:]))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
