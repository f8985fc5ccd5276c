import re
from dataclasses import replace

import pytest
import torch

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.model.config import ModelConfig
from musicgen.model.network import CharacterNetwork, build_network
from musicgen.sampling.config import SamplingConfig
from musicgen.sampling.generation import SampledTune, sample_tunes, spread
from musicgen.sampling.prompts import Prompt
from musicgen.sampling.tunebook import tunebook

VOCABULARY = Vocabulary("\n:|ABCDEFGKX")
CONFIG = SamplingConfig(
    num_tunes=6,
    max_chars=80,
    temperature=1.0,
    top_k=None,
    top_p=None,
    prompts=["X:", "K:C\\n"],
    prompts_file=None,
    weights="best",
)


@pytest.fixture(scope="module", params=["lstm", "gru"])
def network(request: pytest.FixtureRequest) -> CharacterNetwork:
    config = ModelConfig(cell=request.param, hidden_size=16, num_layers=2, embedding_size=8, dropout=0.1)
    return build_network(config, VOCABULARY.size, seed=0).eval()


def prompts_of(config: SamplingConfig) -> list[Prompt]:
    return [Prompt.verbatim(text) for text in config.read_prompts()]


def draw(network: CharacterNetwork, seed: int = 0, **changes: object) -> list[SampledTune]:
    config = replace(CONFIG, **changes)  # type: ignore[arg-type]
    return sample_tunes(network, VOCABULARY, config, prompts_of(config), seed, torch.device("cpu"))


def test_tunes_have_their_prompt_and_an_end_or_the_cap(network: CharacterNetwork) -> None:
    tunes = draw(network, num_tunes=40)
    assert [tune.index for tune in tunes] == list(range(40))
    for tune in tunes:
        assert tune.prompt == ("X:", "K:C\n")[tune.index % 2]
        assert tune.text.startswith(tune.prompt.rstrip("\n"))
        assert "\n\n" not in tune.text[len(tune.prompt) :]
        # Only a capped tune has full length, but for trailing newlines.
        assert len(tune.text) < 80 if tune.ended else len(tune.text) in (79, 80)
    assert {tune.ended for tune in tunes} == {True, False}


def test_a_tune_does_not_depend_on_the_batch(network: CharacterNetwork) -> None:
    tunes = draw(network, num_tunes=6)
    assert draw(network, num_tunes=1) == tunes[:1]
    assert draw(network, num_tunes=4) == tunes[:4]


def test_the_seed_determines_the_tunes(network: CharacterNetwork) -> None:
    assert draw(network, seed=1) == draw(network, seed=1) != draw(network, seed=2)


def test_batched_sampling_equals_a_plain_loop(network: CharacterNetwork) -> None:
    """Greedy: the most likely character in each step, after a newline and the prompt."""
    (tune,) = draw(network, num_tunes=1, temperature=0.0)
    text, state = "\n" + tune.prompt, None
    with torch.no_grad():
        logits, state = network(torch.from_numpy(VOCABULARY.encode(text))[:, None, None], state)
        while len(text) < 81 and not text[len(tune.prompt) :].endswith("\n\n"):
            token = int(logits[-1, 0, 1:].argmax()) + 1
            text += VOCABULARY.decode([token])
            logits, state = network(torch.tensor([[[token]]]), state)
    assert tune.text == text[1:].rstrip("\n")


def test_a_tunebook_has_numbers_and_origins() -> None:
    tunes = [
        SampledTune(0, "X:", 0.8, "X:7\nK:C\nCDEF|", True),
        SampledTune(1, "K:G\n", 1.0, "K:G\nGABc|", False),
    ]
    assert tunebook(tunes, "lstm, seed 0") == (
        'X:1\nN:lstm, seed 0, temperature 0.8, prompt "X:"\nK:C\nCDEF|\n\n'
        'X:2\nN:lstm, seed 0, temperature 1, prompt "K:G\\n"\nK:G\nGABc|\n\n'
    )


def test_pairs_take_turns_prompts_first() -> None:
    pairs = [("a", 0.5), ("b", 0.5), ("a", 1.0), ("b", 1.0)]
    config = replace(CONFIG, num_tunes=6, temperature=[0.5, 1.0])
    assert spread(config, ["a", "b"]) == [*pairs, *pairs[:2]]


def test_steps_report_the_number_of_active_tunes(network: CharacterNetwork) -> None:
    steps: list[tuple[int, int]] = []
    config = replace(CONFIG, num_tunes=40)
    tunes = sample_tunes(
        network,
        VOCABULARY,
        config,
        prompts_of(config),
        0,
        torch.device("cpu"),
        lambda step, active: steps.append((step, active)),
    )
    assert [step for step, _ in steps] == list(range(1, 81))
    active = [number for _, number in steps]
    assert active == sorted(active, reverse=True) and active[0] == 40
    assert active[-1] >= sum(not tune.ended for tune in tunes) > 0


def test_sampling_stops_when_all_tunes_have_ended() -> None:
    """A network that only writes newlines."""
    config = ModelConfig(cell="lstm", hidden_size=4, num_layers=1, embedding_size=3, dropout=0.0)
    newlines = build_network(config, VOCABULARY.size, seed=0).eval()
    with torch.no_grad():
        newlines.output.bias.fill_(-30.0)
        newlines.output.bias[VOCABULARY.newline] = 30.0
    steps: list[int] = []
    sampling = replace(CONFIG, num_tunes=3, prompts=["X:", "K:C\\n", "K"])
    tunes = sample_tunes(
        newlines, VOCABULARY, sampling, prompts_of(sampling), 0, torch.device("cpu"),
        lambda step, _: steps.append(step),
    )  # fmt: skip
    # A prompt that ends in a newline needs one more, the others two.
    assert [(tune.text, tune.ended) for tune in tunes] == [("X:", True), ("K:C", True), ("K", True)]
    assert steps == [1, 2, 3, 4, 5]


def test_blank_lines_of_a_prompt_do_not_end_its_tune(network: CharacterNetwork) -> None:
    (tune,) = draw(network, num_tunes=1, prompts=["X:\\n\\nK:C"])
    assert tune.text.startswith("X:\n\nK:C") and len(tune.text) > 7


def test_random_streams_depend_on_the_index_not_the_prompt(network: CharacterNetwork) -> None:
    both = draw(network, num_tunes=4, prompts=["X:", "X:"])
    alone = draw(network, num_tunes=4, prompts=["X:"])
    assert [tune.text for tune in both] == [tune.text for tune in alone]
    assert len({tune.text for tune in both}) == 4


def test_the_network_writes_the_lines_a_prompt_leaves_free(network: CharacterNetwork) -> None:
    prompts = [Prompt("a", ("X:", "K:C\nABC")), Prompt.verbatim("X:")]
    tunes = sample_tunes(
        network, VOCABULARY, replace(CONFIG, num_tunes=40, max_chars=400), prompts, 0, torch.device("cpu")
    )
    free = [tune.text for tune in tunes if tune.prompt == "a"]
    assert len(free) == 20
    assert all(re.match(r"X:[^\n]*\nK:C\nABC", text) for text in free)
    assert len({text.partition("\n")[0] for text in free}) > 10
    assert [tune.text for tune in tunes if tune.prompt == "X:"] == [
        tune.text for tune in draw(network, num_tunes=40, max_chars=400, prompts=["X:"]) if tune.index % 2
    ]


def test_a_line_left_free_cannot_end_the_tune() -> None:
    """A network that only writes newlines."""
    config = ModelConfig(cell="gru", hidden_size=4, num_layers=1, embedding_size=3, dropout=0.0)
    newlines = build_network(config, VOCABULARY.size, seed=0).eval()
    with torch.no_grad():
        newlines.output.bias[VOCABULARY.newline] = 60.0
    prompt = Prompt("X:", ("X:", "A:", "K:C\nABC"))
    (tune,) = sample_tunes(
        newlines, VOCABULARY, replace(CONFIG, num_tunes=1), [prompt], 0, torch.device("cpu")
    )
    assert tune.text == "X:\nA:\nK:C\nABC" and tune.ended


def test_later_draws_have_their_own_streams(network: CharacterNetwork) -> None:
    config = replace(CONFIG, num_tunes=3)
    prompts = prompts_of(config)
    later = sample_tunes(network, VOCABULARY, config, prompts, 0, torch.device("cpu"), draws=range(3, 6))
    assert [tune.index for tune in later] == [3, 4, 5]
    assert later == draw(network, num_tunes=6)[3:]


@pytest.mark.parametrize("steps", [7, 16, 1000])
def test_looking_seldom_for_ended_tunes_changes_none(network: CharacterNetwork, steps: int) -> None:
    config = replace(CONFIG, num_tunes=40)
    # The second prompt leaves a line free, so it is over at a step that differs between tunes.
    prompts = [Prompt.verbatim("X:"), Prompt("a", ("X:", "K:C\nABC"))]
    expected = sample_tunes(network, VOCABULARY, config, prompts, 0, torch.device("cpu"))
    found = sample_tunes(
        network, VOCABULARY, config, prompts, 0, torch.device("cpu"), steps_between_checks=steps
    )
    assert found == expected and {tune.ended for tune in found} == {True, False}
