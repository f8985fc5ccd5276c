"""Draws of a trained network: repeatable, wished for, begun by hand, continued."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import musicgen
from musicgen.config import Config
from musicgen.errors import InputError
from musicgen.playing.networks import Drawn, PlayedRun
from musicgen.playing.wanted import Beginning, Wanted
from musicgen.run.draws import judge
from musicgen.run.more_draws import LoadedNetwork, MoreDraws
from musicgen.sampling.prompts import Prompt
from tests.playing.conftest import PHRASE

WANTED = Wanted(seed=3, temperature=0.8, top_p=0.95)
BEGUN = replace(WANTED, phrase=PHRASE)


def with_text(drawn: Drawn, text: str) -> Drawn:
    """The draw, as if the network had written this text."""
    tune = replace(drawn.tune, text=text, ended=True)
    return Drawn(drawn.more, tune, judge(tune), "")


def continued(drawn: Drawn, num_bars: int) -> Wanted:
    """A wish for the rest of a tune, by other random numbers."""
    beginning = Beginning(number=1, side=0, num_bars=num_bars)
    return replace(WANTED, seed=drawn.more.config.seed + 1, beginning=beginning)


def test_a_draw_is_the_tune_that_the_sample_command_draws(
    played: PlayedRun, run_directories: tuple[Path, Path]
) -> None:
    drawn = played.draw(WANTED)
    (same,) = musicgen.sample(
        run_directories[0], num_tunes=1, seed=3, temperature=0.8, top_p=0.95, prompts=["X:"]
    )
    assert same.split("\n", 2)[2].rstrip("\n") == drawn.tune.text.split("\n", 1)[1]
    assert played.draw(WANTED).tune == drawn.tune
    assert played.draw(replace(WANTED, seed=4)).tune.text != drawn.tune.text


def test_a_top_p_of_one_is_no_limit(played: PlayedRun) -> None:
    assert played.draw(replace(WANTED, top_p=1.0)).more.config.sampling.top_p is None


def test_wishes_are_in_the_header(played: PlayedRun) -> None:
    tune = played.draw(replace(WANTED, key="C", meter="4/4", rhythm="reel")).judgement.tune
    assert (tune.header("K"), tune.header("M"), tune.header("R")) == ("C", "4/4", "reel")
    with pytest.raises(InputError, match="no training tune has it"):
        played.draw(replace(WANTED, key="F#m"))


@pytest.mark.parametrize(
    ("phrase", "begins"),
    [
        (PHRASE, f"K:C\n{PHRASE}"),
        (f"\n  {PHRASE}\n", f"K:C\n{PHRASE}"),
        (f"T:Tune 99\n{PHRASE}", f"K:C\n{PHRASE}"),
        (f"M:4/4\nK:C\n{PHRASE}", f"M:4/4\nL:1/8\nK:C\n{PHRASE}"),
    ],
)
def test_a_phrase_begins_the_music(played: PlayedRun, phrase: str, begins: str) -> None:
    drawn = played.draw(replace(WANTED, phrase=phrase))
    assert begins in drawn.tune.text
    title = drawn.judgement.tune.header("T")
    assert (title == "Tune 99") == ("T:Tune 99" in phrase)


def test_the_runs_own_beginning_is_known(played: PlayedRun) -> None:
    assert played.prompt == "X:" and played.draw(WANTED).tune.prompt == played.prompt


def test_a_phrase_that_is_only_a_header_leaves_the_music_to_the_network(played: PlayedRun) -> None:
    drawn = played.draw(replace(WANTED, phrase="T:Tune 99"))
    assert drawn.tune.text.startswith("X:") and "\nT:Tune 99\n" in drawn.tune.text


def test_unknown_characters_of_a_phrase_are_named(played: PlayedRun) -> None:
    with pytest.raises(InputError, match="characters that the training tunes do not have: & ☃$"):
        played.draw(replace(WANTED, phrase="CD & ☃ & C"))


def test_tunes_outside_of_the_range_are_drawn_again(played: PlayedRun) -> None:
    drawn = played.draw(replace(BEGUN, range="C4-C5"))
    assert drawn.more.config.sampling.conditions == "in the range C4-C5"
    assert f"of {len(drawn.more.draws.tunes)} draws kept" in drawn.remark
    high = played.draw(replace(BEGUN, range="C6-C7"))
    assert high.remark.startswith("0 of 10 draws kept") and high.tune.index == 0


def test_a_continued_tune_keeps_its_first_bars(played: PlayedRun) -> None:
    drawn = played.draw(BEGUN)
    new = played.draw(continued(drawn, 1), drawn)
    kept = drawn.beginning(1)
    assert kept.endswith(f"\n{PHRASE.split('|')[0]}|")
    assert new.tune.text.startswith(kept) and new.tune.text != drawn.tune.text
    assert new.more.config.sampling.key is None


def test_a_continued_tune_says_what_it_kept(played: PlayedRun) -> None:
    drawn = played.draw(BEGUN)
    assert drawn.kept == ""
    earlier = with_text(drawn, f"X:1\nM:4/4\nL:1/8\nK:C\n{PHRASE}|{PHRASE}|]")
    assert played.draw(continued(drawn, 1), earlier).kept == "continued after bar 1"
    assert played.draw(continued(drawn, 2), earlier).kept == "another B part"


def test_the_rest_follows_the_form_of_an_ended_tune_only(
    played: PlayedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts: list[Prompt] = []
    draw = LoadedNetwork.draw

    def watched(network: LoadedNetwork, config: Config, given: Sequence[Prompt]) -> MoreDraws:
        prompts.extend(given)
        return draw(network, config, given)

    monkeypatch.setattr(LoadedNetwork, "draw", watched)
    drawn = played.draw(WANTED)
    for end, planned in (("c8|]", f"K:C\nr:5C\n{PHRASE}"), ("c", f"K:C\n{PHRASE}")):
        earlier = with_text(drawn, f"X:1\nT:Tune 1\nR:reel\nM:4/4\nL:1/8\nK:C\n{PHRASE}{PHRASE}{end}")
        played.draw(continued(drawn, 2), earlier)
        assert prompts[-1].parts[0].endswith(planned)


@pytest.mark.parametrize("num_bars", [2, 3, 99])
def test_the_end_of_a_tune_is_no_beginning(played: PlayedRun, num_bars: int) -> None:
    text = "X:1\nM:4/4\nL:1/4\nK:C\nCDEF|G4|]"
    whole = with_text(played.draw(WANTED), text)
    assert whole.beginning(1).endswith("CDEF|")
    with pytest.raises(InputError, match=f"bar {num_bars}: "):
        whole.beginning(num_bars)
