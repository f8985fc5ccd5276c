"""Reader of configs: overrides as on a command line, one a line, or the values of a run.json as JSON."""

import json

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from musicgen.config import Config, compose_config, conf_folder, config_from_dict, parse_config
from musicgen.errors import InputError
from musicgen.sweep.refusals import describe_refusal

_MAX_OVERRIDES = 6


def seeds() -> list[bytes]:
    """The default config as JSON, and overrides of every kind."""
    overrides = [
        "training=smoke\nmodel.cell=gru",
        "model.hidden_size=512\ntraining.learning_rate=1e-3\nseed=7",
        'sampling.prompts=["M:6/8\\nK:D\\n"]\nsampling.temperature=[0.8,1.0]',
        "data=file\ndata.path=some/tunes.abc\ndata.keep_fields=[X,K]",
        "+study.changes={model.cell: [gru, lstm]}\nstudy.seeds=[0,1]",
        "~sampling.top_p\ntracker=none\nrendering=flac",
        "study.equivalence_margin={fit/validation_loss: 0.1}\npaths.locks=false",
        "data.split_seed=${seed}\nmodel.lookback_bars=[]",
    ]
    return [json.dumps(compose_config([]).as_dict()).encode(), *(text.encode() for text in overrides)]


def read(content: bytes) -> None:
    """Compose overrides, or check values; the resulting config must survive a round trip through JSON."""
    if content.startswith(b"{"):
        try:
            values = json.loads(content)
        except (ValueError, RecursionError):
            return
        config = config_from_dict(values)
    else:
        overrides = content.decode("utf-8", errors="replace").split("\n")[:_MAX_OVERRIDES]
        config = _composed(overrides)
    if config is not None:
        assert config_from_dict(json.loads(json.dumps(config.as_dict()))) == config


def _composed(overrides: list[str]) -> Config | None:
    try:
        with initialize_config_dir(str(conf_folder())):
            return parse_config(compose("config", overrides=overrides))
    except InputError as error:
        line = str(error)
    except (HydraException, OmegaConfBaseException) as error:
        line = describe_refusal(error)
    assert line and "\n" not in line
    return None
