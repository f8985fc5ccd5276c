"""A character n-gram model: the floor that a network has to beat.

Witten–Bell interpolation (Witten and Bell, The Zero-Frequency Problem, 1991): for a context h that occurs
N(h) times with T(h) different successors,

    p(c | h) = (count(h, c) + T(h) · p(c | h without its first character)) / (N(h) + T(h)),

down to the uniform distribution over the training characters and an end mark. An unseen context has the
distribution of the next shorter one. Tunes are padded with start marks and end with the end mark.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

DEFAULT_ORDER = 5
_MARK = "\x00"


class NgramModel:
    """A character model of a given order: each character depends on the order - 1 before it."""

    def __init__(self, order: int = DEFAULT_ORDER) -> None:
        """order: at least 1, which ignores the context."""
        assert order >= 1
        self.order = order

    def fit(self, tunes: Sequence[str]) -> Self:
        """Count the successors of all contexts in the training tunes; returns self."""
        self._alphabet = sorted(set("".join(tunes)) | {_MARK})
        grams: Counter[str] = Counter()
        for tune in tunes:
            padded = self._padded(tune)
            grams.update(padded[end - self.order : end] for end in range(self.order, len(padded) + 1))
        counts: dict[str, dict[str, int]] = {}
        for gram, count in grams.items():
            counts.setdefault(gram[:-1], {})[gram[-1]] = count
        self._counts = _with_shorter_contexts(counts, self.order)
        self._number = {character: number for number, character in enumerate(self._alphabet)}
        self._uniform = np.full(len(self._alphabet), 1 / len(self._alphabet))
        self._distributions: dict[str, NDArray[np.float64]] = {}
        self._sums: dict[str, list[float]] = {}
        return self

    def loss(self, tunes: Sequence[str]) -> float:
        """Mean −ln p per character, in nats, without the end mark.

        Characters that the training tunes lack count as if they had been in the uniform distribution.
        """
        total, characters = 0.0, 0
        for tune in tunes:
            padded = self._padded(tune)[:-1]
            for place in range(self.order - 1, len(padded)):
                context = padded[place - self.order + 1 : place]
                total -= float(np.log(self._probability(context, padded[place])))
            characters += len(tune)
        assert characters > 0, "no characters to predict"
        return total / characters

    def sample(self, num_tunes: int, max_chars: int, generator: np.random.Generator) -> list[str]:
        """Sample tunes, each up to its end mark or `max_chars` characters."""
        return [self._sample_one(max_chars, generator) for _ in range(num_tunes)]

    def _sample_one(self, max_chars: int, generator: np.random.Generator) -> str:
        context, tune = _MARK * (self.order - 1), ""
        for draw in generator.random(max_chars).tolist():
            cumulative = self._cumulative(context)
            character = self._alphabet[bisect_right(cumulative, draw * cumulative[-1])]
            if character == _MARK:
                break
            tune += character
            context = (context + character)[1:] if self.order > 1 else ""
        return tune

    def _padded(self, tune: str) -> str:
        return _MARK * (self.order - 1) + tune.replace(_MARK, " ") + _MARK

    def _probability(self, context: str, character: str) -> float:
        """p(character | context), from the shortest context to the full one."""
        probability = 1 / len(self._alphabet)
        for start in range(len(context), -1, -1):
            successors = self._counts.get(context[start:])
            if successors is None:
                break
            kinds, seen = len(successors), sum(successors.values())
            probability = (successors.get(character, 0) + kinds * probability) / (seen + kinds)
        return probability

    def _cumulative(self, context: str) -> list[float]:
        """Cumulative probabilities of the alphabet after a context; cached."""
        # bisect on a list is faster than a call to numpy.
        if context not in self._sums:
            self._sums[context] = self._distribution(context).cumsum().tolist()
        return self._sums[context]

    def _distribution(self, context: str) -> NDArray[np.float64]:
        """p(· | context) for the whole alphabet, shape (characters,); cached."""
        known = self._distributions.get(context)
        if known is not None:
            return known
        shorter = self._distribution(context[1:]) if context else self._uniform
        successors = self._counts.get(context)
        if successors is None:
            return shorter
        probabilities = shorter * len(successors)
        # Most contexts have one or two successors, for which a loop is faster than numpy.
        for character, count in successors.items():
            probabilities[self._number[character]] += count
        probabilities /= sum(successors.values()) + len(successors)
        self._distributions[context] = probabilities
        return probabilities


def _with_shorter_contexts(counts: dict[str, dict[str, int]], order: int) -> dict[str, dict[str, int]]:
    """Counts for contexts of 0 to order - 1 characters, summed up from those of the longest."""
    every, longer = dict(counts), counts
    for _ in range(order - 1):
        shorter: dict[str, dict[str, int]] = {}
        for context, successors in longer.items():
            target = shorter.setdefault(context[1:], {})
            for character, count in successors.items():
                target[character] = target.get(character, 0) + count
        every |= shorter
        longer = shorter
    return every
