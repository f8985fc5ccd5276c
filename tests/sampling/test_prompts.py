import logging
from dataclasses import replace

import pytest

from musicgen.corpus.headers import HeaderFields
from musicgen.corpus.vocabulary import Vocabulary
from musicgen.errors import InputError
from musicgen.notation.spelling import Spelling
from musicgen.sampling.prompts import FREE_LINE, Prompt, plan_prompts, warn_of_unusual
from tests.sampling.test_generation import CONFIG

TUNES = [
    *["X:1\nT:One\nM:6/8\nL:1/8\nK:D Major\nDFA|"] * 3,
    *["X:2\nT:Two\nR:reel\nM:C\nL:1/8\nK:G Major\nGAB|"] * 2,
]
FIELDS, VOCABULARY = HeaderFields.of(TUNES), Vocabulary.of(TUNES)


def planned(text: str, **wishes: str) -> Prompt:
    config = replace(CONFIG, prompts=[text], **wishes)  # type: ignore[arg-type]
    (prompt,) = plan_prompts(config, FIELDS, VOCABULARY)
    return prompt


@pytest.mark.parametrize(
    "text",
    ["", "X", "X:", "X:1\nT:On", "X:1\nT:One\nR:reel\nM:6/8\n", "X:1\nT:One\nM:C\nL:1/8\nK:D Major\nDFA|"],
)
def test_a_usual_beginning_stays_as_it_is(text: str) -> None:
    assert planned(text) == Prompt.verbatim(text)


def test_part_of_a_header_is_completed_in_the_corpus_order() -> None:
    assert planned("M:6/8\nK:D\n").parts == ("X:", "T:", "M:6/8\nL:", "K:D Major\n")
    assert planned("M:6/8\nT:Two\n").parts == ("X:", "T:Two\nM:6/8\n")
    assert planned("T:Two\n").parts == ("X:", "T:Two\n")


def test_music_of_a_prompt_follows_the_completed_header() -> None:
    assert planned("K:G\nGAB|").parts == ("X:", "T:", "M:", "L:", "K:G Major\nGAB|")


def test_a_plan_in_the_prompt_is_not_written_twice() -> None:
    vocabulary = Vocabulary.of(TUNES, Spelling(has_plan=True), known_characters="d")
    own, none = (Prompt.verbatim(f"X:1\nK:D Major\n{plan}DFA|").encode(vocabulary) for plan in ("r:8d\n", ""))
    assert FREE_LINE not in own and FREE_LINE in none


def test_the_network_ends_a_line_that_the_prompt_begins() -> None:
    assert planned("M:6").parts == ("X:", "T:", "M:6")
    assert planned("X:1\nT:Tw", key="D").parts == ("X:1\nT:Tw", "M:", "L:", "K:D Major\n")
    assert planned("X", meter="4/4").parts == ("X", "T:", "M:C\n")


def test_wishes_are_written_as_the_corpus_writes_them() -> None:
    assert planned("X:", key="d").parts == ("X:", "T:", "M:", "L:", "K:D Major\n")
    assert planned("X:", rhythm="Reel", key="G").parts == ("X:", "T:", "R:reel\nM:", "L:", "K:G Major\n")


def test_a_wish_wins_over_the_prompt() -> None:
    prompt = planned("X:1\nT:One\nM:6/8\nL:1/8\nK:D Major\nDFA|", key="G")
    assert prompt.parts == ("X:1\nT:One\nM:6/8\nL:1/8\nK:G Major\nDFA|",)
    assert prompt.text.endswith("K:D Major\nDFA|")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("DFA|", "it has lines before K: that are not header fields"),
        ("X:1\n\nK:D Major\n", "it has lines before K: that are not header fields"),
        ("L:1/8\nL:1/8\n", "no training tune has the fields L, L together"),
        ("X:1\nT:One\nM:8/8\n", "no training tune has M:8/8"),
        ("M:8/8\n", "no training tune has M:8/8"),
    ],
)
def test_an_unusual_beginning_is_named_in_one_line(
    text: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    prompt = planned(text)
    assert prompt.unusual == reason and "".join(prompt.parts).endswith(text)
    with caplog.at_level(logging.WARNING):
        warn_of_unusual([planned("X:"), prompt])
    assert caplog.messages == [f"sampling.prompts: {text!r} is unusual: {reason}".replace("\\\\", "\\")]


def test_several_unusual_prompts_share_a_line(caplog: pytest.LogCaptureFixture) -> None:
    warn_of_unusual([planned("DFA|"), planned("GAB|")])
    (line,) = caplog.messages
    assert line.startswith("sampling.prompts: 'DFA|'") and line.endswith("(one of 2 unusual prompts)")


@pytest.mark.parametrize(
    ("text", "wishes", "line"),
    [
        ("X:", {"key": "Q"}, "sampling.key='Q': no training tune has it; the commonest are D Major, G Major"),
        ("X:", {"meter": "13/8"}, "sampling.meter='13/8': no training tune has it; the commonest are 6/8, C"),
        ("DFA|", {"key": "D"}, "'DFA|' cannot be joined with the wishes: it has lines before K:"),
        ("X:é", {}, "has the character 'é' at position 2"),
        ("K:G\n" + "G" * 70, {}, "becomes a header of 88 characters or more, which leaves nothing to sample"),
    ],
)
def test_an_impossible_prompt_or_wish_is_one_line(text: str, wishes: dict, line: str) -> None:
    with pytest.raises(InputError) as caught:
        planned(text, **wishes)
    assert line in str(caught.value) and "\n" not in str(caught.value)


def test_a_wish_for_a_field_that_the_corpus_lacks_is_named() -> None:
    fields = HeaderFields.of(TUNES[:1])
    with pytest.raises(
        InputError, match="sampling.rhythm='jig': no training tune has it; none has R: at all"
    ):
        plan_prompts(replace(CONFIG, rhythm="jig"), fields, VOCABULARY)


def test_lines_left_to_the_network_are_marked() -> None:
    tokens = Prompt("M:C\n", ("X:", "M:C\n")).encode(VOCABULARY).tolist()
    assert tokens == [*VOCABULARY.encode("X:"), FREE_LINE, *VOCABULARY.encode("M:C\n")]


def test_a_beginning_is_continued_in_the_form_of_its_tune() -> None:
    spelling = Spelling(notes="degrees", has_plan=True)
    header, first, second = "X:1\nM:4/4\nL:1/4\nK:D\n", "DEFG|d4:|", "|:FGAB|d2d2:|"
    tune = header + first + second
    prompt = Prompt.in_form_of(tune, header + first, spelling)
    assert prompt.parts == (f"{header}r:2C2C\n{first}",) and prompt.text == header + first
    vocabulary = Vocabulary.of([spelling.spell(tune)], spelling)
    tokens = prompt.encode(vocabulary)
    assert FREE_LINE not in tokens and vocabulary.decode(tokens) == header + first
    assert spelling.spell(tune).startswith("".join(vocabulary.characters[token - 1] for token in tokens))


def test_without_plans_a_beginning_is_a_verbatim_prompt() -> None:
    tune = "X:1\nM:4/4\nK:D\nDEFG|d4|]"
    assert Prompt.in_form_of(tune, tune[:-4], Spelling("degrees")) == Prompt.verbatim(tune[:-4])
