"""How a network spells tunes: as written, or with notes as degrees and a plan of the form."""

from dataclasses import dataclass
from typing import Literal

from musicgen.notation.degrees import from_degrees, to_degrees
from musicgen.notation.plan import with_plan, without_plan

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
        text = without_plan(spelled) if self.has_plan else spelled
        return from_degrees(text) if self.notes == "degrees" else text


AS_WRITTEN = Spelling()
