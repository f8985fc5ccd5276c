"""A careful user's loop with torch's modules: time first, fused Adam, no loss read after a step."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.peers.course import CELLS


class PlainTraining:
    """Embedding, nn.LSTM or nn.GRU, nn.Linear; each call of `step` is one iteration."""

    def __init__(
        self,
        tokens: np.ndarray,
        vocabulary_size: int,
        *,
        cell: str,
        hidden_size: int,
        batch_size: int,
        sequence_length: int,
        embedding_size: int = 256,
        num_layers: int = 1,
        device: str | torch.device = "cpu",
    ) -> None:
        self.tokens, self.batch_size = torch.from_numpy(tokens).to(device), batch_size
        self.offsets = torch.arange(sequence_length + 1, device=device)[:, None]
        self.embedding = nn.Embedding(vocabulary_size, embedding_size)
        self.recurrent = CELLS[cell](embedding_size, hidden_size, num_layers)
        self.scores = nn.Linear(hidden_size, vocabulary_size)
        parameters = nn.ModuleList([self.embedding, self.recurrent, self.scores]).to(device).parameters()
        self.optimizer = torch.optim.Adam(parameters, lr=5e-3, fused=True)

    def step(self) -> Tensor:
        """Do one iteration; returns the loss in nats per character."""
        last = len(self.tokens) - len(self.offsets) + 1
        starts = torch.randint(last, (self.batch_size,), device=self.tokens.device)
        windows = self.tokens[starts + self.offsets]
        hidden, _ = self.recurrent(self.embedding(windows[:-1]))
        loss = functional.cross_entropy(self.scores(hidden).flatten(0, 1), windows[1:].flatten())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.detach()
