import pytest
import torch

from musicgen.engine.dropout import dropout


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("probability", [0.05, 0.5, 0.9])
def test_dropout_has_the_given_share_and_scale(probability: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    values = dropout(torch.ones(301, 333, dtype=dtype), probability, training=True)
    dropped = (values == 0).double().mean()
    # Four standard errors of the share.
    assert abs(dropped - probability) < 4 * (probability * (1 - probability) / values.numel()) ** 0.5
    kept = values[values != 0].double()
    assert kept.max() == kept.min()
    assert kept.mean() == pytest.approx(1 / (1 - probability), rel=1e-2)


def test_elements_are_dropped_independently() -> None:
    torch.manual_seed(0)
    dropped = dropout(torch.ones(200_000), 0.5, training=True) == 0
    for lag in (1, 2, 3, 4):
        both = (dropped[lag:] & dropped[:-lag]).double().mean()
        assert both == pytest.approx(0.25, abs=0.006)


def test_dropout_follows_torchs_stream_and_stops_outside_training() -> None:
    values = torch.randn(7, 5)
    torch.manual_seed(3)
    first, second = (dropout(values, 0.4, training=True) for _ in range(2))
    torch.manual_seed(3)
    assert torch.equal(dropout(values, 0.4, training=True), first)
    assert not torch.equal(first, second)
    assert dropout(values, 0.4, training=False) is values
    assert dropout(values, 0.0, training=True) is values
