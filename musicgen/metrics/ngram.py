"""The floor: a character n-gram model, the least that a network has to beat.

Witten–Bell interpolation (Witten and Bell, The Zero-Frequency Problem, 1991): after a context h that was seen
N(h) times with T(h) different successors,

    p(c | h) = (count(h, c) + T(h) · p(c | h without its first character)) / (N(h) + T(h)),

down to the uniform distribution over the training characters and one end mark; an unseen context passes its
shorter one through. Every tune starts after start marks and ends with the end mark.
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
        """`order` is at least 1, which is the frequency of characters."""
        assert order >= 1
        self.order = order

    def fit(self, tunes: Sequence[str]) -> Self:
        """Count the characters of the training tunes after every shorter context; returns itself."""
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
        """Mean −ln p of the tunes' characters, in nats per character; the end mark is not counted.

        A character that the training tunes lack has the probability of the uniform distribution.
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
        """Draw tunes, each until its end mark or `max_chars` characters. Equal generators, equal tunes."""
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
        """The formula of the module, from the shortest context to the whole one."""
        probability = 1 / len(self._alphabet)
        for start in range(len(context), -1, -1):
            successors = self._counts.get(context[start:])
            if successors is None:
                break
            kinds, seen = len(successors), sum(successors.values())
            probability = (successors.get(character, 0) + kinds * probability) / (seen + kinds)
        return probability

    def _cumulative(self, context: str) -> list[float]:
        """Cumulative probabilities of the alphabet after a context; kept for reuse."""
        # A list, since a character is looked up in less time than numpy takes to be called.
        if context not in self._sums:
            self._sums[context] = self._distribution(context).cumsum().tolist()
        return self._sums[context]

    def _distribution(self, context: str) -> NDArray[np.float64]:
        """The formula of the module for the whole alphabet, shape (characters,); kept for reuse."""
        known = self._distributions.get(context)
        if known is not None:
            return known
        shorter = self._distribution(context[1:]) if context else self._uniform
        successors = self._counts.get(context)
        if successors is None:
            return shorter
        probabilities = shorter * len(successors)
        # Most contexts have one successor or two, for which numpy is the slower way.
        for character, count in successors.items():
            probabilities[self._number[character]] += count
        probabilities /= sum(successors.values()) + len(successors)
        self._distributions[context] = probabilities
        return probabilities


def _with_shorter_contexts(counts: dict[str, dict[str, int]], order: int) -> dict[str, dict[str, int]]:
    """Counts after every context of 0 to order - 1 characters, from those after the longest."""
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
