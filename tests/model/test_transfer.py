import numpy as np
import pytest
import torch

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.model.config import ModelConfig
from musicgen.model.inputs import text_rows
from musicgen.model.network import CharacterNetwork, build_network
from musicgen.model.transfer import matching_rows, start_from

TUNE = "X:1\nM:4/4\nL:1/8\nK:D\nA2Bc dedB|A2Bc dedB|A2FA dAFA|A2Bc dedB|\n\n"
OLD = Vocabulary.of([TUNE, "gz"])
NEW = Vocabulary.of([TUNE, "gz", "!Yé"])


def config(bar_position: bool, lookback_bars: list[int]) -> ModelConfig:
    return ModelConfig("gru", 8, 1, 4, 0.0, bar_position=bar_position, lookback_bars=lookback_bars)


def scores(network: CharacterNetwork, vocabulary: Vocabulary) -> torch.Tensor:
    rows = text_rows(network.config, vocabulary, vocabulary.encode(TUNE * 2))
    return network.eval()(torch.from_numpy(rows).long()[:, None])[0][:, 0]


@pytest.mark.parametrize(("bar_position", "lookback_bars"), [(False, []), (True, []), (True, [1, 2])])
def test_old_characters_keep_their_meaning(bar_position: bool, lookback_bars: list[int]) -> None:
    shape = config(bar_position, lookback_bars)
    old, new = build_network(shape, OLD.size, seed=0), build_network(shape, NEW.size, seed=1)
    # Rows beyond the characters start as zeros, which would hide a wrong place.
    torch.nn.init.normal_(old.embedding.weight)
    start_from(new, NEW, old.state_dict(), OLD)
    shared = NEW.encode(OLD.characters)
    with torch.no_grad():
        before, after = scores(old, OLD), scores(new, NEW)
    torch.testing.assert_close(after[:, shared], before[:, 1:])


def test_new_characters_keep_their_fresh_rows() -> None:
    shape = config(True, [1])
    fresh, new = (build_network(shape, NEW.size, seed=1) for _ in range(2))
    start_from(new, NEW, build_network(shape, OLD.size, seed=0).state_dict(), OLD)
    tokens = NEW.encode("!Yé")
    for layer in ("embedding", "output"):
        assert torch.equal(getattr(new, layer).weight[tokens], getattr(fresh, layer).weight[tokens])
    assert not torch.equal(new.output.weight, fresh.output.weight)


def test_every_old_row_has_one_place() -> None:
    shape = config(True, [1, 4])
    rows = matching_rows(shape, OLD, NEW)
    old_rows = matching_rows(shape, OLD, OLD)
    assert (old_rows == np.arange(len(old_rows))).all()
    assert sorted(rows[rows >= 0]) == list(range(len(old_rows)))
    # Three characters, each with its own row and four rows of each lookback.
    assert (rows == -1).sum() == 3 * (1 + 2 * 4)


def test_equal_vocabularies_give_equal_networks() -> None:
    shape = config(True, [2])
    old, new = build_network(shape, OLD.size, seed=0), build_network(shape, OLD.size, seed=1)
    start_from(new, OLD, old.state_dict(), OLD)
    for name, weight in old.state_dict().items():
        assert torch.equal(weight, new.state_dict()[name])
