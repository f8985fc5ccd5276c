"""A run's network, loaded once, and the tunes that it draws."""

from dataclasses import dataclass
from itertools import takewhile

from musicgen.config import Config
from musicgen.corpus.headers import HeaderFields
from musicgen.errors import InputError
from musicgen.metrics.sections import first_section_end, sections_of
from musicgen.metrics.soundness import Judgement
from musicgen.notation.lines import read_field
from musicgen.notation.passages import cut_beginning
from musicgen.playing.choices import commonest_key
from musicgen.playing.wanted import Wanted
from musicgen.records.runs import FoundRun
from musicgen.run.draws import judge
from musicgen.run.more_draws import LoadedNetwork, MoreDraws, load_network
from musicgen.run.resample import changed_config
from musicgen.run.songs import spoken_name
from musicgen.sampling.generation import SampledTune
from musicgen.sampling.prompts import Prompt, plan_prompts

_NO_WISHES = {"key": None, "meter": None, "rhythm": None}


@dataclass(frozen=True, eq=False)
class Drawn:
    """A tune, and the draw that it comes from."""

    more: MoreDraws
    tune: SampledTune
    judgement: Judgement
    remark: str
    """What is unusual about its beginning, or about how it was found; "" for nothing."""
    kept: str = ""
    """How it follows from an earlier tune, such as "continued after bar 4"; "" for a new one."""

    def beginning(self, num_bars: int) -> str:
        """The tune up to the bar line after this bar. Raises InputError unless something is left to draw."""
        is_left = num_bars < len(self.judgement.tune.bars)
        text = cut_beginning(self.tune.text, num_bars) if is_left else None
        if text is None:
            raise InputError(f"bar {num_bars}: the tune cannot be continued from there")
        return text


class PlayedRun:
    """A run with its network in memory. Only one thread at a time may draw."""

    def __init__(self, run: FoundRun) -> None:
        """Raises InputError if the run has no network."""
        self.run = run
        self.config = changed_config(run, {}, None, num_rendered=0, soundfont=None)
        """The run's own."""
        self._network: LoadedNetwork = load_network(run, self.config)

    @property
    def name(self) -> str:
        """The network in a few words, such as "gru 1 x 384, seed 0"."""
        return spoken_name(self._network.model, self.config.seed)

    @property
    def prompt(self) -> str:
        """What its tunes begin with, without a phrase. Wishes win over it."""
        return self.config.sampling.read_prompts()[0]

    @property
    def fields(self) -> HeaderFields:
        """The headers of the training tunes."""
        return self._network.fields

    def draw(self, wanted: Wanted, earlier: Drawn | None = None) -> Drawn:
        """Draw a tune; the same wish gives the same tune. Raises InputError for what this network cannot.

        earlier: the tune that wanted.beginning names.
        """
        kept = ""
        if wanted.beginning is None:
            config = self._config(wanted, **_wishes(wanted, self.config, self.fields))
            self._check_characters(wanted.phrase, config.sampling.read_prompts()[0])
            (prompt,) = plan_prompts(config.sampling, self.fields, self._network.vocabulary)
        else:
            assert earlier is not None
            text = earlier.beginning(wanted.beginning.num_bars)
            config = self._config(wanted, prompts=[text], **_NO_WISHES)
            # It refuses what is too long.
            config.sampling.read_prompts()
            prompt = self._continuing(earlier, text)
            kept = _kept_words(earlier, wanted.beginning.num_bars)
        more = self._network.draw(config, [prompt])
        tune = next(iter(more.draws.kept), more.draws.tunes[0])
        remarks = [prompt.unusual or "", more.draws.summary if more.draws.has_conditions else ""]
        return Drawn(more, tune, judge(tune), "; ".join(filter(None, remarks)), kept)

    def _check_characters(self, phrase: str, beginning: str) -> None:
        """Refuse what the player typed in plain words, before encoding does so in those of a config."""
        vocabulary = self._network.vocabulary
        unknown = set(vocabulary.spelling.spell_beginning(beginning)) - set(vocabulary.characters)
        typed = " ".join(character for character in dict.fromkeys(phrase) if character in unknown)
        if typed:
            raise InputError(f"the phrase has characters that the training tunes do not have: {typed}")

    def _config(self, wanted: Wanted, **sampling: object) -> Config:
        values = {
            "num_tunes": 1,
            "temperature": wanted.temperature,
            "top_p": None if wanted.top_p == 1 else wanted.top_p,
            "range": wanted.range,
            "keep": "all",
            "max_draws": None,
            **sampling,
        }
        return changed_config(self.run, values, wanted.seed, num_rendered=0, soundfont=None)

    def _continuing(self, earlier: Drawn, beginning: str) -> Prompt:
        """The beginning, in the form of the whole tune. An endless tune has none: the network plans."""
        if not earlier.judgement.is_ended:
            return Prompt.verbatim(beginning)
        return Prompt.in_form_of(earlier.tune.text, beginning, self._network.vocabulary.spelling)


def _kept_words(earlier: Drawn, num_bars: int) -> str:
    bars = earlier.judgement.tune.bars
    is_b_part = len(sections_of(bars)) > 1 and num_bars == first_section_end(bars)
    return "another B part" if is_b_part else f"continued after bar {num_bars}"


def _wishes(wanted: Wanted, config: Config, fields: HeaderFields) -> dict[str, object]:
    """Prompt and wishes as sampling settings."""
    wishes = {"key": wanted.key, "meter": wanted.meter, "rhythm": wanted.rhythm}
    lines = wanted.phrase.strip().splitlines()
    if not lines:
        return {"prompts": config.sampling.prompts[:1], **wishes}
    header = list(takewhile(read_field, lines))
    music = lines[len(header) :]
    if music and not any(line.startswith("K:") for line in header):
        # The notes of a phrase mean nothing without a key.
        header.append(f"K:{wanted.key or commonest_key(fields)}")
    return {"prompts": ["".join(f"{line}\n" for line in header) + "\n".join(music)], **wishes}
