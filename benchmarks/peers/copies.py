"""The longest passage that a tune shares with a corpus, found with the standard library."""

from collections.abc import Hashable, Sequence
from difflib import SequenceMatcher


def longest_shared_run(query: Sequence[Hashable], corpus: Sequence[Sequence[Hashable]]) -> int:
    """Its length in elements, by comparison with each tune of the corpus."""
    # What difflib knows of the second sequence it keeps while the first ones change.
    matcher = SequenceMatcher(None, (), query, autojunk=False)
    longest = 0
    for tune in corpus:
        matcher.set_seq1(tune)
        longest = max(longest, matcher.find_longest_match().size)
    return longest
