"""Imported by the server of processes after all else: what several jobs of a sweep read is read for all.

The jobs are forked from it and find it read: see material.py. What cannot be read is no matter here: the job
that needs it says so.
"""

import json
import logging
from contextlib import suppress

from musicgen.config import config_from_dict
from musicgen.errors import InputError
from musicgen.material import read_ahead
from musicgen.study.process_server import hear

words = hear()
# Each job says for itself what it has to say about the corpus.
logging.disable()
for values in json.loads(words) if words else []:
    with suppress(InputError, OSError):
        read_ahead(config_from_dict(values))
logging.disable(logging.NOTSET)
