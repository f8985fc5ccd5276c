"""Comet shows the runs of a sweep while they train."""

from omegaconf import DictConfig, OmegaConf

from musicgen.run.uploads import follow_in_background
from musicgen.sweep.folders import command
from musicgen.tracking.config import tracker_config


def show_live(config: DictConfig) -> None:
    """Have Comet show the runs of this command from now on, if the config of the sweep says so."""
    if command.directory is None:
        return
    groups = OmegaConf.to_container(OmegaConf.masked_copy(config, ["tracker", "paths"]), resolve=True)
    assert isinstance(groups, dict)
    named = {str(name): group for name, group in groups.items()}
    follow_in_background(command.directory, tracker_config(named), locks=bool(config.paths.locks))
