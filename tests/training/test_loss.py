import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.model.config import ModelConfig
from musicgen.model.inputs import InputReader
from musicgen.model.network import CharacterNetwork, build_network
from musicgen.notation.spelling import Spelling
from musicgen.training.loss import encode_tunes, mean_loss

TUNES = ["X:1\nK:C\nCDE|", "X:2\nK:G\nGABcdefg|\nGAB|", "X:3\nT:no key", "X:4\nK:D\nD" * 40]
VOCABULARY = Vocabulary.of(TUNES)

CONFIG = ModelConfig(cell="lstm", hidden_size=12, num_layers=2, embedding_size=6, dropout=0.3)
LOOKING_BACK = replace(CONFIG, bar_position=True, lookback_bars=[1, 2])


def network(config: ModelConfig = CONFIG) -> CharacterNetwork:
    model = build_network(config, VOCABULARY.size, seed=1)
    # Rows other than those of characters start at zero, which would hide errors.
    torch.nn.init.normal_(model.embedding.weight, generator=torch.Generator().manual_seed(0))
    return model


def plain_loss(model: CharacterNetwork, tune: str) -> list[float]:
    """−ln p of each character, one at a time."""
    text = "\n" + tune + "\n\n"
    nats, state = [], None
    inputs = InputReader(model.config, VOCABULARY, 1)
    model.eval()
    with torch.no_grad():
        for before, after in pairwise(text):
            rows = inputs.read(VOCABULARY.encode(before)[None])
            logits, state = model(torch.from_numpy(rows), state)
            nats.append(-float(logits[0, 0].log_softmax(0)[VOCABULARY.encode(after)[0]]))
    return nats


@pytest.mark.parametrize("config", [CONFIG, LOOKING_BACK], ids=["characters", "looking back"])
def test_batched_loss_equals_reading_every_tune_alone(config: ModelConfig) -> None:
    model = network(config)
    expected = [plain_loss(model, tune) for tune in TUNES]
    loss = mean_loss(model, encode_tunes(TUNES, VOCABULARY, model.config))
    assert loss.num_characters == sum(len(tune) + 2 for tune in TUNES)
    assert loss.nats == pytest.approx(sum(map(sum, expected)) / loss.num_characters, rel=1e-5)
    assert loss.bits == pytest.approx(loss.nats / math.log(2))


def test_losses_per_character_do_not_depend_on_the_spelling() -> None:
    """A uniform prediction costs as much per spelled character, of which degrees have more."""
    tune = "X:1\nK:B\nBdfA|"
    degrees = Spelling("degrees")
    spelled = Vocabulary.of([degrees.spell(tune)], degrees)
    model = build_network(CONFIG, spelled.size, seed=1)
    torch.nn.init.zeros_(model.output.weight)
    torch.nn.init.zeros_(model.output.bias)
    loss = mean_loss(model, encode_tunes([tune], spelled, model.config))
    assert loss.num_characters == len(tune) + 2
    assert len(spelled.spelling.spell(tune)) == len(tune) + 1
    nats = math.log(spelled.size)
    assert loss.nats == pytest.approx(nats * (len(tune) + 3) / (len(tune) + 2), rel=1e-5)
    assert loss.body_nats == pytest.approx(nats * 8 / 7, rel=1e-5)


def test_body_loss_counts_what_follows_the_key() -> None:
    model = network()
    tune = TUNES[1]
    body = plain_loss(model, tune)[len("X:2\nK:G\n") :]
    loss = mean_loss(model, encode_tunes([tune], VOCABULARY, model.config))
    assert loss.body_nats == pytest.approx(sum(body) / len(body), rel=1e-5)


def test_a_uniform_prediction_loses_ln_of_the_vocabulary() -> None:
    model = network(replace(CONFIG, cell="gru"))
    torch.nn.init.zeros_(model.output.weight)
    torch.nn.init.zeros_(model.output.bias)
    assert mean_loss(model, encode_tunes(TUNES, VOCABULARY, model.config)).nats == pytest.approx(
        math.log(VOCABULARY.size), rel=1e-6
    )


def test_measuring_leaves_the_network_in_training_mode() -> None:
    model = network().train()
    mean_loss(model, encode_tunes(TUNES, VOCABULARY, model.config))
    assert model.training
