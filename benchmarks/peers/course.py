"""The training loop and the generator of the music lab in MIT's course 6.S191, rewritten.

Batch-first nn.LSTM (or nn.GRU), Adam, a loss that is read after every step, sampling one character of one
tune at a time. The corpus is one long text, from which batches are cut at random.

    python -m benchmarks.peers.course TEXT_FILE --cell lstm --hidden-size 256 --learning-rate 5e-3 ...

Trains one network and writes nothing: a point of a sweep as a separate process.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

EMBEDDING_SIZE = 256
CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}


class CourseNetwork(nn.Module):
    """Embedding, one recurrent layer, scores; batch first."""

    def __init__(self, cell: str, vocabulary_size: int, hidden_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, EMBEDDING_SIZE)
        self.recurrent = CELLS[cell](EMBEDDING_SIZE, hidden_size, batch_first=True)
        self.scores = nn.Linear(hidden_size, vocabulary_size)

    def forward(self, tokens: Tensor, state: object = None) -> tuple[Tensor, object]:
        """Tokens [B, T] -> scores [B, T, V] and the final state."""
        hidden, state = self.recurrent(self.embedding(tokens), state)
        return self.scores(hidden), state


def encode(text: str) -> tuple[np.ndarray, str]:
    """The text as indices into its alphabet, [len(text)], and the alphabet."""
    alphabet = "".join(sorted(set(text)))
    number_of = {character: number for number, character in enumerate(alphabet)}
    return np.array([number_of[character] for character in text]), alphabet


def get_batch(tokens: np.ndarray, sequence_length: int, batch_size: int) -> tuple[Tensor, Tensor]:
    """Random windows, and the same windows one character later, both [B, T]."""
    starts = np.random.choice(len(tokens) - 1 - sequence_length, batch_size)  # noqa: NPY002 as in the course
    inputs = np.stack([tokens[start : start + sequence_length] for start in starts])
    targets = np.stack([tokens[start + 1 : start + 1 + sequence_length] for start in starts])
    return torch.from_numpy(inputs), torch.from_numpy(targets)


class CourseTraining:
    """A training; each call of `step` is one iteration of the course's loop."""

    def __init__(
        self,
        tokens: np.ndarray,
        vocabulary_size: int,
        *,
        cell: str,
        hidden_size: int,
        batch_size: int,
        sequence_length: int,
        learning_rate: float = 5e-3,
    ) -> None:
        self.tokens, self.batch_size, self.sequence_length = tokens, batch_size, sequence_length
        self.network = CourseNetwork(cell, vocabulary_size, hidden_size)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=learning_rate)
        self.cross_entropy = nn.CrossEntropyLoss()

    def step(self) -> float:
        """Do one iteration; returns the loss in nats per character."""
        inputs, targets = get_batch(self.tokens, self.sequence_length, self.batch_size)
        self.optimizer.zero_grad()
        scores, _ = self.network(inputs)
        loss = self.cross_entropy(scores.permute(0, 2, 1), targets)
        loss.backward()
        self.optimizer.step()
        return loss.item()


@torch.no_grad()
def generate_text(network: CourseNetwork, start: str, length: int, alphabet: str) -> str:
    """Sample `length` characters after `start`, one by one.

    The course computes gradients; here they are off, which is faster.
    """
    number_of = {character: number for number, character in enumerate(alphabet)}
    tokens = torch.tensor([[number_of[character] for character in start]])
    state, characters = None, []
    for _ in range(length):
        scores, state = network(tokens, state)
        tokens = torch.multinomial(torch.softmax(scores[:, -1], dim=-1), num_samples=1)
        characters.append(alphabet[int(tokens.item())])
    return start + "".join(characters)


def main() -> None:
    """Train one network."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("--cell", choices=sorted(CELLS), default="lstm")
    parser.add_argument("--hidden-size", type=int, required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--sequence-length", type=int, required=True)
    parser.add_argument("--learning-rate", type=float, required=True)
    parser.add_argument("--iterations", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    np.random.seed(arguments.seed)  # noqa: NPY002
    tokens, alphabet = encode(arguments.text.read_text(encoding="utf-8"))
    training = CourseTraining(
        tokens,
        len(alphabet),
        cell=arguments.cell,
        hidden_size=arguments.hidden_size,
        batch_size=arguments.batch_size,
        sequence_length=arguments.sequence_length,
        learning_rate=arguments.learning_rate,
    )
    loss = float("nan")
    for _ in range(arguments.iterations):
        loss = training.step()
    print(f"{loss:.4f}")


if __name__ == "__main__":
    main()
