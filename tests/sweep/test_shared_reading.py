"""Reading ahead is for what enough runs read."""

from dataclasses import replace

from musicgen.config import compose_config
from musicgen.sweep.shared_reading import worth_reading_ahead


def test_what_few_runs_read_is_left_to_them_and_the_most_common_comes_first() -> None:
    baseline = compose_config(["data=file", "data.path=a.abc"])
    hotter = replace(baseline, sampling=replace(baseline.sampling, temperature=1.3), seed=5)
    other_split = replace(baseline, data=replace(baseline.data, split_seed=1))
    characters = replace(baseline, model=replace(baseline.model, bar_position=False, lookback_bars=[]))
    # What is sampled changes nothing of what is read; split and kind of input do.
    assert baseline.reading_key == hotter.reading_key
    assert len({config.reading_key for config in (baseline, other_split, characters)}) == 3
    runs = [characters, *[other_split] * 3, baseline, hotter, hotter, hotter, characters]
    chosen = worth_reading_ahead(runs)
    assert [config.reading_key for config in chosen] == [baseline.reading_key, other_split.reading_key]
    assert worth_reading_ahead([]) == []
