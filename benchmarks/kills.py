"""Kill a sweep at random moments and start it again: does it end as one that was never killed?

    python benchmarks/kills.py [--kills 10] [--seed 0] [--folder DIR]

A sweep of 12 runs on real tunes is done once undisturbed and once with `kill -9` of the command and of all
that it started, at random moments of the time that the first one took. What both leave is compared: final
and best weights, losses, metrics, tunes, effects. Exits with 1 where they differ.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas
import psutil
import torch

from musicgen.study.runs import find_runs

OVERRIDES = (
    "--multirun",
    "data=airds",
    "training=smoke",
    "training.num_iterations=100,200,300",
    "training.learning_rate=2e-3,5e-3",
    "sampling.temperature=0.5,0.7,1.0",
    "sampling.num_tunes=16",
    "seed=0,1",
    "rendering=none",
    "tracker=none",
)


def start(outputs: Path) -> subprocess.Popen[str]:
    """Start the sweep."""
    command = [sys.executable, "-m", "musicgen.train", *OVERRIDES, f"paths.outputs={outputs}"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> Path:
    """Wait for the sweep's end; returns its directory."""
    output, errors = process.communicate()
    if process.returncode:
        raise SystemExit(f"the sweep failed:\n{output}\n{errors}")
    return Path(output.strip().splitlines()[-1])


def kill(process: subprocess.Popen[str]) -> None:
    """Kill the command and whatever it started, as a power cut would."""
    root = psutil.Process(process.pid)
    for member in [*root.children(recursive=True), root]:
        member.kill()
    process.communicate()


def results(sweep: Path, outputs: Path) -> dict[str, object]:
    """Everything that must not depend on when and how often the sweep was interrupted."""
    found = {str(run.directory.relative_to(sweep)): run for run in find_runs([sweep])}
    kept = {}
    for name, run in found.items():
        history = pandas.read_csv(run.directory / "history.csv").drop(columns="tokens_per_second")
        kept[f"{name} losses"] = history.to_csv()
        kept[f"{name} metrics"] = run.record.metrics
        kept[f"{name} tunes"] = (run.directory / "tunes.abc").read_text(encoding="utf-8")
    for path in sorted((outputs / "store").glob("*/*.pt")):
        state = torch.load(path, weights_only=True)
        for part in ("weights", "best_weights"):
            for name, tensor in state[part].items():
                kept[f"{path.parent.name}/{path.name} {part} {name}"] = tensor.numpy().tobytes()
    kept["effects"] = (sweep / "effects.csv").read_text(encoding="utf-8")
    return kept


def main() -> int:
    """Run both sweeps and compare; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    parser.add_argument("--folder", type=Path, help="keep both output trees here")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp())
    started = time.monotonic()
    whole = results(finish(start(folder / "whole")), folder / "whole")
    seconds = time.monotonic() - started
    print(f"undisturbed: {seconds:.0f} s")
    moments = random.Random(arguments.seed)
    for number in range(arguments.kills):
        process = start(folder / "killed")
        moment = moments.uniform(2, 0.6 * seconds)
        time.sleep(moment)
        if process.poll() is None:
            kill(process)
        states = sorted(path.name for path in (folder / "killed" / "store").glob("*/*.pt"))
        print(f"kill {number + 1} after {moment:.1f} s: {len(states)} states in the store", flush=True)
    killed = results(finish(start(folder / "killed")), folder / "killed")
    different = [name for name in whole.keys() | killed.keys() if whole.get(name) != killed.get(name)]
    unfinished = list((folder / "killed" / "store").rglob(".unfinished*"))
    print(
        f"{len(whole)} results compared, {len(different)} differ; {len(unfinished)} half-written files left"
    )
    for name in sorted(different)[:20]:
        print(f"  {name}")
    return 1 if different or unfinished else 0


if __name__ == "__main__":
    sys.exit(main())
