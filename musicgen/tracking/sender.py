"""Sends one archive to Comet; a process of its own, which outbox.py starts and ends.

    python -m musicgen.tracking.sender ARCHIVE [--again]

The last line that it prints is an `Answer` as JSON. Comet's own `comet upload` tells neither a part from the
whole (it ends well where files did not get through) nor can it go on with an experiment of which Comet has a
part.
"""

import json
import logging
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from musicgen.tracking.archive import EXPERIMENT, MESSAGES
from musicgen.tracking.comet import forbid_patching
from musicgen.tracking.config import DEFAULT_PROJECT

UNAUTHORIZED = (401, 403)
_OWN_FILES = (EXPERIMENT, MESSAGES)
"""What an archive holds beside the files of the experiment."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an archive."""

    url: str | None = None
    """Of the experiment; None where it was not sent, or where somebody else had sent it."""
    error: str | None = None
    """One line; None where Comet has the whole archive."""
    is_about_key: bool = False
    """Whether Comet refuses the key, which holds for every archive."""


class _Problems(logging.Handler):
    """What Comet logs about an upload that it goes on with: the first such line."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.first: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Note what is lost: every error, and what the sender of archives warns of."""
        if self.first is None and (record.levelno >= logging.ERROR or record.name == "comet_ml.offline"):
            self.first = record.getMessage()


def send(archive: Path, *, again: bool) -> Answer:
    """Send it whole; again: Comet may have a part of it, and gets all of it into the same experiment."""
    from comet_ml.config.config_api import get_api_key, get_config
    from comet_ml.exceptions import CometRestApiException, ExperimentAlreadyUploaded, InvalidAPIKey
    from comet_ml.offline import OfflineSender, unzip_offline_archive

    key = get_api_key(None, get_config())
    if key is None:
        return Answer(error="there is no key for Comet", is_about_key=True)
    problems = _Problems()
    logging.getLogger("comet_ml").addHandler(problems)
    try:
        folder = unzip_offline_archive(str(archive))
        sender = OfflineSender(key, folder)
        if again and sender.resume_strategy == "create":
            sender.resume_strategy = "get_or_create"
        # Settings of today come after what was named when the run was made.
        sender.override_workspace = sender.metadata_workspace
        if sender.metadata_project_name != DEFAULT_PROJECT:
            sender.override_project_name = sender.metadata_project_name
        sender.send()
        sender.close()
    except InvalidAPIKey:
        return Answer(error="Comet does not know the key", is_about_key=True)
    except ExperimentAlreadyUploaded:
        # Not by this program, which would have noted that it began.
        return Answer()
    except CometRestApiException as error:
        status = error.response.status_code
        if status in UNAUTHORIZED:
            return Answer(error=f"Comet refuses the key (status {status})", is_about_key=True)
        return Answer(error=_line(f"Comet answers with status {status} {error.safe_msg or ''}", key))
    except Exception as error:
        return Answer(error=_line(f"{type(error).__name__}: {error}", key))
    files = sender.file_upload_manager.upload_results
    # A file that Comet is too busy to take is no error to its sender, which keeps it for another time.
    kept = sum(path.name not in _OWN_FILES for path in Path(folder).iterdir())
    lost = kept + sum(not file.successful() for file in files)
    if lost or problems.first is not None:
        why = problems.first or "Comet is too busy"
        return Answer(error=_line(f"Comet lacks {lost} of {len(files)} files of it: {why}", key))
    return Answer(url=sender._get_experiment_url())


def _line(text: str, key: str) -> str:
    """One line, without the key, which some errors name."""
    return " ".join(text.replace(key, "(key)").split())


def main(arguments: list[str]) -> int:
    """Send the archive that is named, and print what became of it."""
    forbid_patching()
    print(json.dumps(asdict(send(Path(arguments[0]), again="--again" in arguments[1:]))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
