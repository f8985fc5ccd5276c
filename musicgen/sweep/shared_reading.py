"""Which runs read the same of their corpus, so that it is read once for all of them."""

from collections import Counter
from collections.abc import Sequence

from musicgen.config import Config

_FEWEST_RUNS = 3
"""Reading ahead holds up the first jobs for as long as it saves each one; two run at a time on a laptop."""
_MOST_READ = 8


def worth_reading_ahead(configs: Sequence[Config]) -> list[Config]:
    """One config for each thing that enough of the runs read, the most often read first."""
    of_key = {config.reading_key: config for config in configs}
    common = Counter(config.reading_key for config in configs).most_common(_MOST_READ)
    return [of_key[key] for key, number in common if number >= _FEWEST_RUNS]
