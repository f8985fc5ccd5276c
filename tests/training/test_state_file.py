from pathlib import Path

import pytest
import torch

from musicgen.errors import InputError
from musicgen.training.state_file import read_content
from tests.soak.hostile import states
from tests.training.test_loop import make_task, train


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The end of a small training."""
    task = make_task(tmp_path_factory.mktemp("store") / "a", num_iterations=30)
    return train(task)[0].state


def test_a_saved_state_can_be_read(state: Path) -> None:
    content = read_content(state)
    assert content.log.iteration == 30 and content.best_iteration == 25
    assert torch.load(state, weights_only=True)["weights"].keys() == content.weights.keys()


def test_the_file_does_not_stay_mapped(state: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.pt"
    copy.write_bytes(state.read_bytes())
    content = read_content(copy)
    before = {name: weight.clone() for name, weight in content.weights.items()}
    copy.write_bytes(bytes(copy.stat().st_size))
    assert all(torch.equal(before[name], weight) for name, weight in content.weights.items())


def test_a_damaged_file_is_refused_unless_nothing_is_lost(state: Path, tmp_path: Path) -> None:
    good = read_content(state)
    path = tmp_path / "end-000030.pt"
    num_refused = 0
    for name, content in states.damaged(state.read_bytes(), num_flips=150):
        path.write_bytes(content)
        try:
            read = read_content(path)
        except InputError:
            num_refused += 1
            continue
        # The bit belongs to a date or name of the archive, which nothing reads.
        assert name.startswith("bit") and read.log == good.log and read.batches == good.batches
        assert all(torch.equal(read.weights[each], weight) for each, weight in good.weights.items())
    assert num_refused > 100


def test_malicious_files_are_refused(state: Path, tmp_path: Path) -> None:
    path, marker = tmp_path / "end-000030.pt", tmp_path / "marker"
    for name, content in states.made(state, marker):
        path.write_bytes(content)
        with pytest.raises(InputError, match="is damaged or not a training state"):
            read_content(path)
        assert not marker.exists(), name


def test_a_claimed_size_takes_no_memory(state: Path, tmp_path: Path) -> None:
    path = tmp_path / "end-000030.pt"
    path.write_bytes(states.claiming(state.read_bytes()))
    read, good = read_content(path), read_content(state)
    assert all(torch.equal(read.weights[name], weight) for name, weight in good.weights.items())


def test_a_missing_file_or_a_folder_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone.pt", Path("/dev/zero")):
        with pytest.raises(InputError, match="no trained network"):
            read_content(path)


def test_the_state_of_another_network_is_not_used(
    state: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    task = make_task(tmp_path / "a", num_iterations=30)
    task.folder.path.mkdir()
    other = torch.load(state, weights_only=True)
    other["vocabulary"] = other["vocabulary"].replace("C", "$")
    torch.save(other, task.folder.end(30))
    assert train(task)[0].reused_iterations == 0
    assert "state of another network" in caplog.text
