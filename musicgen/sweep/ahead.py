"""Imported by the server of processes after all else: what several jobs of a sweep read is read for all.

Corpora are, and the sounds of notes.

The jobs are forked from it and find it read: see material.py. What cannot be read is no matter here: the job
that needs it says so.
"""

import json
import logging
from contextlib import suppress

from musicgen.config import config_from_dict
from musicgen.errors import InputError
from musicgen.rendering.audio import load_sounds
from musicgen.run.inputs import read_ahead
from musicgen.sweep.process_server import hear

words = hear()
# Each job says for itself what it has to say about the corpus.
logging.disable()
for values in json.loads(words) if words else []:
    with suppress(InputError, OSError):
        config = config_from_dict(values)
        read_ahead(config)
        load_sounds(config.rendering)
logging.disable(logging.NOTSET)
