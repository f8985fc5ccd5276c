"""How a network spells tunes: as written, or with notes as degrees and a plan of the form."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from musicgen.notation.degrees import from_degrees, to_degrees
from musicgen.notation.plan import with_plan, without_later_plans, without_plan
from musicgen.system.files import keep_text, source_code

Notes = Literal["letters", "degrees"]
"""letters: as written; degrees: shifted so that the tonic is C (degrees.py)."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """One way to spell tunes, which can be undone."""

    notes: Notes = "letters"
    has_plan: bool = False
    """Whether a plan of the form is written below the K: line (plan.py)."""

    def spell(self, tune: str) -> str:
        """A whole tune as the network reads it."""
        spelled = self.spell_beginning(tune)
        return with_plan(spelled) if self.has_plan else spelled

    def spell_beginning(self, text: str) -> str:
        """The beginning of a tune, which lacks the plan that only a whole tune has."""
        return to_degrees(text) if self.notes == "degrees" else text

    def read(self, spelled: str) -> str:
        """The ABC text of a tune, or its beginning, that a network wrote."""
        text = without_later_plans(without_plan(spelled)) if self.has_plan else spelled
        return from_degrees(text) if self.notes == "degrees" else text


AS_WRITTEN = Spelling()


def spell_all(
    tunes: Sequence[str], digest: str, spelling: Spelling, cache_dir: Path | None = None
) -> list[str]:
    """Whole tunes as a network reads them, cached in `cache_dir` if given. digest: that of the tunes."""
    if spelling == AS_WRITTEN:
        return list(tunes)
    path = None if cache_dir is None else cache_dir / f"spelled-{_key(digest, spelling)}.json"
    known = None if path is None else _load(path)
    if known is not None and len(known) == len(tunes):
        return known
    spelled = [spelling.spell(tune) for tune in tunes]
    if path is not None:
        keep_text(path, json.dumps(spelled))
    return spelled


def _key(digest: str, spelling: Spelling) -> str:
    """16 hexadecimal digits that depend on the tunes, the spelling and the source code of this package."""
    content = source_code(Path(__file__).parent) + repr((digest, spelling)).encode()
    return hashlib.sha256(content).hexdigest()[:16]


def _load(path: Path) -> list[str] | None:
    """The content of a cache file; None if it is missing or broken."""
    try:
        known = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    is_valid = isinstance(known, list) and all(isinstance(tune, str) for tune in known)
    return known if is_valid else None
