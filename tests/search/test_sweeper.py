"""The sweeper with another launcher than ours, whose jobs end at once."""

from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig

from musicgen.search import sweeper
from musicgen.sweep.folders import register_resolver
from musicgen.sweep.launcher import ProcessLauncher
from musicgen.system.conf import conf_folder
from tests.commands import TINY
from tests.records.made_runs import LOSS
from tests.search.test_work import Batches, Runs

SEARCH = (
    "hydra/sweeper=optuna",
    "hydra.sweeper.storage=null",
    "hydra.sweeper.params=null",
    "hydra.sweeper.pruning=null",
    "hydra.sweeper.n_trials=2",
    "hydra.sweeper.confirm_seeds=0",
)


def test_other_launchers_show_trials_while_they_train(
    tunebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, num_launches_before = Runs(tmp_path, {LOSS: 1.5}), list[int]()

    def show_live(config: DictConfig) -> None:
        # The process that shows the runs writes its log there.
        assert Path(config.hydra.sweep.dir).is_dir()
        num_launches_before.append(len(runs.together))

    monkeypatch.setattr(sweeper, "show_live", show_live)
    monkeypatch.setattr(Plugins, "instantiate_launcher", lambda *_, **__: Batches(runs))
    register_resolver()
    for plugin in (sweeper.SearchSweeper, ProcessLauncher):
        Plugins.instance().register(plugin)
    folders = [f"data.path={tunebook}", f"paths.outputs={tmp_path}", f"hydra.sweep.dir={tmp_path}"]
    with initialize_config_dir(str(conf_folder())):
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("config", [*TINY, *SEARCH, *folders], RunMode.MULTIRUN)
        search = Plugins.instance().instantiate_sweeper(
            config=config,
            hydra_context=HydraContext(loader, Callbacks()),
            task_function=lambda _: None,
        )
        search.sweep(["model.num_layers=1,2"])
    assert num_launches_before == [0] and runs.together == [2]
