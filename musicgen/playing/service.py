"""The requests of the page, as plain values."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from http import HTTPStatus
from itertools import count

from musicgen.errors import InputError
from musicgen.playing.choices import KEYBOARD, as_listed, choices_of, fixed_by, keyboards_of
from musicgen.playing.nearest import NearestTunes
from musicgen.playing.networks import Drawn, PlayedRun
from musicgen.playing.shown import Renderer, title_of
from musicgen.playing.tunebook import BOOK, KeptTune, Tunebook
from musicgen.playing.wanted import MAX_TEMPERATURE, Wanted
from musicgen.records.criteria import CRITERIA, POINTS, check_point
from musicgen.records.destination import is_of_sweep
from musicgen.records.findings import add_finding
from musicgen.records.runs import FoundRun
from musicgen.run.songs import spoken_name
from musicgen.sampling.prompts import WISHES
from musicgen.system.limits import starting_threads
from musicgen.system.web_server import RefusedError

WARM_UP = Wanted(seed=0, temperature=1.0, top_p=1.0)
_MAX_DRAWS = 200
"""Earlier ones are forgotten."""


@dataclass(frozen=True)
class Draw:
    """One answer of all networks to the same wish."""

    number: int
    wanted: Wanted
    sides: Sequence[Drawn | InputError]
    """For each run, its tune, or why it did not draw one."""


class PlayingService:
    """Runs with their networks, what they have drawn, and what is kept of it."""

    def __init__(
        self,
        runs: Sequence[PlayedRun],
        nearest: Mapping[FoundRun, NearestTunes],
        renderer: Renderer,
        book: Tunebook,
    ) -> None:
        """runs: one, or two to compare; nearest: for each of them."""
        self._runs = runs
        self._nearest = nearest
        self._renderer = renderer
        self.book = book
        self._draws: dict[int, Draw] = {}
        self._numbers = count(1)
        # One thread for all draws: the engine's own threads are kept with it.
        self._drawing = ThreadPoolExecutor(1)

    def warm_up(self) -> None:
        """Draw once and forget it, so that the first tune on the page takes no longer than the others.

        Raises InputError if a run cannot draw at all.
        """
        for number, side in enumerate(self._next(WARM_UP, None).sides):
            if isinstance(side, InputError):
                raise InputError(f"{self._runs[number].run.directory}: {side}")
            self._renderer.facts(side)
            self._renderer.sound(side)
            self._renderer.score(side)
        self._draws.clear()

    def state(self, _question: Mapping[str, object]) -> dict[str, object]:
        """{} -> what can be chosen, and what has been drawn and kept so far."""
        first = self._runs[0]
        sampling = first.config.sampling
        return {
            "runs": _names_of(self._runs),
            "choices": choices_of(first.fields),
            "prompt": first.prompt,
            "fixed": fixed_by(first.prompt),
            "keyboards": keyboards_of(first.fields),
            "keyboard": list(KEYBOARD),
            "max_temperature": MAX_TEMPERATURE,
            "settings": {
                "temperature": min(sampling.temperatures[0], MAX_TEMPERATURE),
                "top_p": 1.0 if sampling.top_p is None else sampling.top_p,
                **as_listed({name: getattr(sampling, name) for name in WISHES}, first.fields),
                "range": sampling.range if isinstance(sampling.range, str) else None,
            },
            "draws": list(self._draws),
            "criteria": [asdict(criterion) for criterion in CRITERIA.values()],
            "points": list(POINTS),
            **self._kept(),
        }

    def draw(self, question: Mapping[str, object]) -> dict[str, object]:
        """The fields of Wanted -> a tune of each run. Raises InputError if no run can draw it."""
        wanted = Wanted.read(question)
        earlier = None
        if wanted.beginning is not None:
            earlier = self._drawn(wanted.beginning.number, wanted.beginning.side)
        draw = self._next(wanted, earlier)
        if draw.number not in self._draws:
            raise InputError("; ".join(dict.fromkeys(map(str, draw.sides))))
        return self._shown(draw)

    def drawn(self, question: Mapping[str, object]) -> dict[str, object]:
        """{number} -> the same as when it was drawn."""
        return self._shown(self._draw_of(question.get("number")))

    def nearest(self, question: Mapping[str, object]) -> dict[str, object]:
        """{number, side} -> the nearest training tune, or the reason why it is not known."""
        drawn = self._asked(question)
        try:
            found = self._nearest[drawn.more.run].find(drawn)
        except InputError as error:
            return {"reason": str(error)}
        return {"reason": "the tune has no notes"} if found is None else {"nearest": asdict(found)}

    def keep(self, question: Mapping[str, object]) -> dict[str, object]:
        """{number, side} -> the tunes kept, with this one."""
        drawn = self._asked(question)
        kept = self.book.keep(drawn, title_of(drawn.judgement.tune))
        return {"number": kept.number, **self._kept()}

    def rate(self, question: Mapping[str, object]) -> dict[str, object]:
        """{kept, text, ratings} -> {log}: add a finding about a kept tune's run."""
        number, text, given = (question.get(name) for name in ("kept", "text", "ratings"))
        kept = next((one for one in self.book.tunes if one.number == number), None)
        if kept is None or self.book.folder is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "There is no such tune in the book.")
        if not isinstance(text, str) or not isinstance(given, Mapping):
            raise InputError("a finding has a text, and ratings for criteria")
        ratings = {str(name): check_point(str(name), point) for name, point in given.items()}
        if not text.strip() and not ratings:
            raise InputError("the finding is empty: what did you hear?")
        file = f"{self.book.folder.name}/{kept.files[0]}"
        words = f"{text.strip() or 'rated'} (played {file}: {kept.title})"
        _, log = add_finding(kept.drawn.more.run.directory, words, ratings)
        return {"log": log.name}

    def sound(self, number: int, side: int) -> bytes | None:
        """The audio of a drawn tune; None if it is silent."""
        return self._renderer.sound(self._drawn(number, side))

    def score(self, number: int, side: int) -> bytes | None:
        """The score of a drawn tune; None if it has nothing to show."""
        return self._renderer.score(self._drawn(number, side))

    def _next(self, wanted: Wanted, earlier: Drawn | None) -> Draw:
        """Draw with every run, and remember it if one of them has drawn a tune."""

        def draw() -> Draw:
            sides = [_attempt(run, wanted, earlier) for run in self._runs]
            drawn = Draw(next(self._numbers), wanted, sides)
            if any(isinstance(side, Drawn) for side in sides):
                self._draws[drawn.number] = drawn
            if len(self._draws) > _MAX_DRAWS:
                del self._draws[next(iter(self._draws))]
            return drawn

        with starting_threads():
            waiting = self._drawing.submit(draw)
        return waiting.result()

    def _shown(self, draw: Draw) -> dict[str, object]:
        return {
            "number": draw.number,
            "wanted": asdict(draw.wanted),
            "sides": [
                {"error": str(side)} if isinstance(side, InputError) else self._renderer.facts(side)
                for side in draw.sides
            ],
        }

    def _kept(self) -> dict[str, object]:
        folder = self.book.folder
        return {
            "folder": None if folder is None else folder.name,
            "book": BOOK,
            "kept": [_kept_words(one) for one in self.book.tunes],
        }

    def _draw_of(self, number: object) -> Draw:
        draw = self._draws.get(number) if isinstance(number, int) else None
        if draw is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "That tune is no longer in memory: draw another one.")
        return draw

    def _drawn(self, number: object, side: object) -> Drawn:
        sides = self._draw_of(number).sides
        drawn = sides[side] if isinstance(side, int) and 0 <= side < len(sides) else None
        if not isinstance(drawn, Drawn):
            raise RefusedError(HTTPStatus.NOT_FOUND, "There is no such tune.")
        return drawn

    def _asked(self, question: Mapping[str, object]) -> Drawn:
        return self._drawn(question.get("number"), question.get("side"))


def _attempt(run: PlayedRun, wanted: Wanted, earlier: Drawn | None) -> Drawn | InputError:
    """The run's tune, or the reason why not: the other run may have one."""
    try:
        return run.draw(wanted, earlier)
    except InputError as error:
        return error


def _names_of(runs: Sequence[PlayedRun]) -> list[str]:
    """What the page calls the runs: by their arms in a sweep, else by what they are, or by their folders."""
    names = [_arm(run.run) or f"{run.name} ({run.run.record.corpus.get('name')})" for run in runs]
    return names if len(set(names)) == len(names) else [run.run.directory.resolve().name for run in runs]


def _arm(run: FoundRun) -> str:
    """Such as model.cell=gru/seed=0; "" outside of sweeps."""
    return "/".join(run.directory.resolve().parts[-2:]) if is_of_sweep(run.directory) else ""


def _kept_words(kept: KeptTune) -> dict[str, object]:
    more = kept.drawn.more
    return {
        "number": kept.number,
        "title": kept.title,
        "origin": ", ".join(filter(None, [kept.drawn.kept, spoken_name(more.model, more.config.seed)])),
        "temperature": kept.drawn.tune.temperature,
        "files": list(kept.files),
        "problems": list(kept.problems),
    }
