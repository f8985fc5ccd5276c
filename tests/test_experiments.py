"""The committed experiments: sentences agree with tables, and commands reproduce the configs."""

import json
import re
import shlex
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from musicgen.config import IDENTITY_GROUPS, compose_config
from musicgen.effects.effect import Decision, effects_frame
from musicgen.records.runs import flat_config, write_csv
from musicgen.sweep.design import StudyDesign
from tests.cited_effects import problems_in
from tests.effects.made_effects import made_effect

EXPERIMENTS = Path(__file__).parent.parent / "experiments"
READMES = sorted(EXPERIMENTS.rglob("README.md"))
MACHINE_SETTINGS = (
    "training.num_threads",
    "training.precision",
    "data.split_seed",
    "data.path",
    "data.max_megabytes",
)
"""Settings that follow the machine or the seed, or only limit what may be read."""
MAX_BYTES = 2_000_000
RATE, GRU = "training.learning_rate", "model.cell"
EFFECTS = (
    made_effect(
        RATE, 0.01, num_seeds=5, difference=-0.1912, ci_low=-0.2011, ci_high=-0.1813, decision=Decision.LOWERS
    ),
    made_effect(
        GRU, "gru", "validity/tune_rate", num_seeds=5, difference=0.0149, ci_low=-0.021, ci_high=0.05,
        decision=Decision.INCONCLUSIVE,
    ),
    made_effect(GRU, "gru", num_seeds=1, difference=0.013, decision=Decision.CANDIDATE),
)  # fmt: skip
CITE = '[effect](rate/effects.csv "training.learning_rate=1e-2 fit/validation_loss")'
CELL = '[effect](rate/effects.csv "model.cell=gru validity/tune_rate")'
ALONE = '[effect](rate/effects.csv "model.cell=gru fit/validation_loss")'


def command_of(readme: Path) -> list[str]:
    """The overrides of the first command."""
    (block,) = re.findall(r"```bash\n(.*?)\n```", readme.read_text(encoding="utf-8"), flags=re.DOTALL)[:1]
    words = shlex.split(block.splitlines()[0])
    own = words[words.index("musicgen.train") + 1 :]
    return [word for word in own if word != "--multirun" and not word.startswith("hydra")]


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_sentences_agree_with_the_rows_they_cite(readme: Path) -> None:
    assert problems_in(readme) == []


def test_kept_commands_still_compose_to_their_baselines() -> None:
    for baseline in EXPERIMENTS.glob("*/baseline.json"):
        check_command(baseline.parent)


def check_command(folder: Path) -> None:
    overrides = OverridesParser.create().parse_overrides(command_of(folder / "README.md"))
    plain = [one.input_line for one in overrides if not one.is_sweep_override() and one.input_line]
    named = compose_config(plain)
    study = named.study
    design = StudyDesign.of(overrides, study, named.seed)
    kept = json.loads((folder / "baseline.json").read_text(encoding="utf-8"))
    config = compose_config([*study.baseline, *plain]).as_dict()
    composed = flat_config({name: config[name] for name in IDENTITY_GROUPS})
    # A sweep writes down the iteration, too, that an abbreviated start stands for.
    if start := composed.get("training.start_from"):
        assert kept["training.start_from"].partition("@")[0] == start
        composed["training.start_from"] = kept["training.start_from"]
    compared = [name for name in kept if name not in MACHINE_SETTINGS]
    assert {name: composed.get(name) for name in compared} == {name: kept[name] for name in compared}
    words = (folder / "README.md").read_text(encoding="utf-8")
    assert f"Seeds {', '.join(map(str, sorted(design.seeds)))}." in words


def test_kept_experiments_are_small_and_contain_no_local_path() -> None:
    for folder in (path for path in EXPERIMENTS.iterdir() if path.is_dir()):
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert sum(path.stat().st_size for path in files) < MAX_BYTES
        for path in files:
            if path.suffix in {".md", ".csv", ".json", ".jsonl"}:
                text = path.read_text(encoding="utf-8")
                assert not re.search(r"(?<![\w.])/(?:home|root|tmp|work|Users|mnt|var|opt)/", text), path


def problems(tmp_path: Path, text: str) -> list[str]:
    (tmp_path / "rate").mkdir(exist_ok=True)
    write_csv(effects_frame(EFFECTS), tmp_path / "rate" / "effects.csv")
    (tmp_path / "README.md").write_text(text, encoding="utf-8")
    return problems_in(tmp_path / "README.md")


@pytest.mark.parametrize(
    "text",
    [
        f"A rate of 1e-2 lowers the loss by 0.19 [0.18, 0.20], 5 seeds. {CITE}",
        f"## What each change did\n- A rate of 1e-2 lowers it,\n  −0.191 \\[−0.201, \\-0.181\\]. {CITE}",
        f"What a GRU does is inconclusive: +0.015 [−0.021, 0.050]. {CELL}",
        f"It is undecided what a GRU does: +0.015 [−0.021, 0.050]. {CELL}",
        f"A GRU is a candidate: +0.013 with one seed. {ALONE}",
        f"| rate | −0.19 [−0.20, −0.18] | {CITE} |",
        f"All: −0.19 [−0.20, −0.18], lowers it (less than the sum by 0.1 [0.0, 0.2], 3 seeds). {CITE}",
        f"It lowers it, 0.19 [0.18, 0.20], {CITE} and has no detectable effect, 0.01 [-0.02, 0.05]. {CELL}",
        "Nothing is said.\n\n```bash\nraises 1 [1, 2]\n```\n## What was heard\nraises everything",
    ],
)
def test_true_sentences_pass(text: str, tmp_path: Path) -> None:
    assert problems(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("A rate of 1e-2 lowers the loss.", "cites no row"),
        ("A rate of 1e-2 is better, 0.19 [0.18, 0.20].", "cites no row"),
        ("## What each change did\n- A rate of 1e-2 is good.", "cites no row"),
        (f"A rate of 1e-2 lowers the loss by 0.20 [0.18, 0.20]. {CITE}", "does not match the rows"),
        (f"A rate of 1e-2 lowers the loss by 0.19 [0.18, 0.21]. {CITE}", "does not match the rows"),
        (f"A rate of 1e-2 lowers the loss by −0.19 [0.18, 0.20]. {CITE}", "does not match the rows"),
        (f"A rate of 1e-2 lowers the loss. {CITE}", "does not state the difference"),
        (f"A rate of 1e-2 raises the loss by 0.19 [0.18, 0.20]. {CITE}", r"says \['raises'\]"),
        (f"A rate of 1e-2 improves the loss, −0.19 [−0.20, −0.18]. {CITE}", r"says \[\]"),
        (f"A GRU raises the rate by 0.015 [−0.021, 0.050]. {CELL}", r"says \['raises'\]"),
        (f"A GRU has no effect larger than 0.1: 0.015 [−0.021, 0.050]. {CELL}", "says"),
        (f"A GRU is a candidate: +0.031 with one seed. {ALONE}", "does not state the difference"),
        (f"A rate of 1e-2 lowers the loss by 0.19 [0.18, 0.20], 3 seeds. {CITE}", "no row has 3 seeds"),
        (f"A rate of 2e-2 lowers the loss by 0.19 [0.18, 0.20]. {CITE.replace('1e-2', '2e-2')}", "0 rows"),
        (f"It lowers the loss by 0.19 [0.18, 0.20]. {CITE.replace('rate/', 'gone/')}", "0 rows"),
        (f"| rate | −0.19 [−0.20, −0.17] | {CITE} |", "does not match the rows"),
    ],
)
def test_wrong_numbers_rows_and_directions_are_rejected(text: str, problem: str, tmp_path: Path) -> None:
    found = problems(tmp_path, text)
    assert found and any(re.search(problem, line) for line in found)
