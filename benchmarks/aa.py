"""A/A test on real runs: how often does a study claim an effect although nothing changes?

    python -m musicgen.train --multirun experiment=smoke "seed=range(0,12)" sampling.num_tunes=200
    python benchmarks/aa.py SWEEP_DIR

The runs differ only in their seeds. Two random groups are drawn repeatedly and paired like baseline and arm.
Each draw is a study of the headline metrics, adjusted by Holm. The draws share runs, so the printed shares
vary more than those of independent studies would.
"""

import argparse

import numpy as np

from musicgen.effects.statistics import ALPHA, holm, paired_effect
from musicgen.effects.tested_values import is_counted_share
from musicgen.metrics.registry import HEADLINE
from musicgen.records.runs import find_runs

NUM_DRAWS = 20_000


def main() -> None:
    """Print a table of false claims and coverage for several numbers of seeds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("paths", nargs="+", metavar="PATH")
    runs = [run for run in find_runs(parser.parse_args().paths) if run.record.status == "complete"]
    metrics = [name for name in HEADLINE if all(run.value(name) is not None for run in runs)]
    values = {name: np.array([run.value(name) for run in runs], float) for name in metrics}
    counts = np.array([run.num_tunes for run in runs], float)
    rng = np.random.default_rng(0)
    print(f"{len(runs)} runs, {len(metrics)} metrics: {', '.join(metrics)}\n")
    print("| seeds | studies with a false claim | tests with p ≤ 0.05 | intervals that hold 0 |")
    print("|---|---|---|---|")
    for num_seeds in (2, 3, 5, 8):
        if 2 * num_seeds > len(runs):
            continue
        drawn = np.array([rng.permutation(len(runs))[: 2 * num_seeds] for _ in range(NUM_DRAWS)]).T
        first, second = drawn[:num_seeds], drawn[num_seeds:]
        p_values, holds = [], []
        for name in metrics:
            share = (counts[first], counts[second]) if is_counted_share(name) else (None, None)
            effect = paired_effect(values[name][first], values[name][second], *share)
            p_values.append(effect.p_value)
            inside = np.where((effect.low <= 0) & (effect.high >= 0), 1.0, 0.0)
            holds.append(np.where(np.isnan(effect.low), np.nan, inside))
        tests = np.array(p_values)
        print(
            f"| {num_seeds} | {(holm(tests) <= ALPHA).any(axis=0).mean():.3f} | "
            f"{np.nanmean(tests <= ALPHA):.3f} | {np.nanmean(holds):.3f} |"
        )


if __name__ == "__main__":
    main()
