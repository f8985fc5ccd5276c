"""Where a module can be changed, and the changes: those of cosmic-ray, one operator at one place each.

A place is one operator, number, condition, keyword, decorator or exception of the code. cosmic-ray knows up
to eleven changes of one place (a + becomes each other operator); the sample is drawn of places and then one
change of each, so that arithmetic does not drown the rest. Left out is what is no change of behaviour or no
program: the | between types, the bare * of a signature, and what no longer compiles.
"""

import ast
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

_NOBODY_RAISES = "CosmicRayTestingException"
"""What cosmic-ray lets an `except` catch instead of what it did."""
Span = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one module."""

    module: str
    """Its path in the repository."""
    operator: str
    """As cosmic-ray calls it, such as "ReplaceBinaryOperator_Add_Sub"."""
    occurrence: int
    """Which of the places that the operator finds in the module, from 0."""
    line: int
    column: int

    @property
    def key(self) -> str:
        """The same for the same change of the same code."""
        return f"{self.module}:{self.line}:{self.column} {self.operator} {self.occurrence}"


def draw(root: Path, modules: Sequence[str], size: int, seed: int, skip: int = 0) -> list[Mutant]:
    """`size` mutants at different places, behind the first `skip` of this seed.

    The places of each module stand in a random order, and modules take turns in proportion to their places:
    so does every part of the sequence.
    """
    ordered = []
    for module in modules:
        generator = random.Random(f"{seed} {module}")
        places = list(_places(root, module).values())
        generator.shuffle(places)
        ordered += [((rank + 0.5) / len(places), module, place) for rank, place in enumerate(places)]
    ordered.sort(key=lambda one: one[:2])
    found: list[Mutant] = []
    for _, _, place in ordered:
        if len(found) == skip + size:
            break
        # The generator of the place, so that what is drawn does not depend on the other modules.
        generator = random.Random(f"{seed} {place[0].key}")
        for mutant in generator.sample(place, len(place)):
            if _is_change(root, mutant):
                found.append(mutant)
                break
    return found[skip:]


def count_places(root: Path, module: str) -> int:
    """Places of a module."""
    return len(_places(root, module))


def mutated(root: Path, mutant: Mutant) -> str:
    """The module's text with the change."""
    from cosmic_ray.mutating import mutate_code  # pyright: ignore[reportMissingImports]

    text = mutate_code(
        (root / mutant.module).read_text(encoding="utf-8"), _provider()[mutant.operator](), mutant.occurrence
    )
    assert text is not None, f"{mutant.key}: no such place"
    if _NOBODY_RAISES in text:
        text += f"\n\nclass {_NOBODY_RAISES}(Exception): ...\n"
    return text


def _provider() -> Any:
    """Name of an operator -> its class."""
    from cosmic_ray.operators.provider import OperatorProvider  # pyright: ignore[reportMissingImports]

    return OperatorProvider()


def _places(root: Path, module: str) -> dict[tuple[int, int, str], list[Mutant]]:
    """(line, column, kind of operator) -> the mutants there."""
    from cosmic_ray.ast import ast_nodes, get_ast_from_path  # pyright: ignore[reportMissingImports]

    path = root / module
    nodes = list(ast_nodes(get_ast_from_path(path)))
    types = list(_spans_of_types(ast.parse(path.read_text(encoding="utf-8"))))
    places: dict[tuple[int, int, str], list[Mutant]] = defaultdict(list)
    provider = _provider()
    for name in provider:
        if provider[name].arguments():
            continue
        operator, occurrence = provider[name](), count()
        for node in nodes:
            for (line, column), _ in operator.mutation_positions(node):
                mutant = Mutant(module, name, next(occurrence), line, column)
                is_type = any(start <= (line, column) < end for start, end in types)
                if name.startswith("ReplaceBinaryOperator") and (is_type or node.parent.type == "parameters"):
                    continue
                places[line, column, name.partition("_")[0]].append(mutant)
    return dict(sorted(places.items()))


def _spans_of_types(tree: ast.AST) -> Iterator[Span]:
    for node in ast.walk(tree):
        kinds = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        if isinstance(node, ast.BinOp) and _is_none(node.right):
            kinds.append(node)
        for kind in kinds:
            if kind is not None:
                yield (kind.lineno, kind.col_offset), (kind.end_lineno, kind.end_col_offset)


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_change(root: Path, mutant: Mutant) -> bool:
    """Whether the changed text is a program, and another one."""
    before = ast.parse((root / mutant.module).read_text(encoding="utf-8"))
    try:
        return ast.dump(ast.parse(mutated(root, mutant))) != ast.dump(before)
    except (SyntaxError, AttributeError):
        # cosmic-ray stumbles over an exception with a dot in its name.
        return False
