import re
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from musicgen.effects.figures.style import CATEGORY_COLOURS, FAILURE_COLOUR, QUIET_COLOUR
from musicgen.reporting.inline_svg import DARK_PAPER, colour_rules, contrast, dark_counterpart, inline_plot
from tests.effects.invented_study import InventedStudy


@pytest.fixture(scope="module")
def figures() -> dict[str, Figure]:
    study = InventedStudy(
        {"training.learning_rate": (0.005, [0.001, 0.02]), "model.cell": ("lstm", ["<b>&"])}
    )
    return study.figures()


def test_plots_have_no_styles_fixed_colours_or_namespaces(figures: dict[str, Figure]) -> None:
    for name, figure in figures.items():
        plot = inline_plot(name, figure)
        root = ElementTree.fromstring(plot.svg)
        assert root.tag == "svg" and not re.search(r"[\"'#]#?[0-9a-f]{6}\b[\"']", plot.svg)
        for element in root.iter():
            assert not {"style", "font-family"} & set(element.attrib)
            assert ":" not in element.tag and element.tag not in {"style", "metadata", "script"}


def test_identifiers_are_unique_and_still_resolve(figures: dict[str, Figure]) -> None:
    svg = "".join(inline_plot(name, figure).svg for name, figure in figures.items())
    names = re.findall(r'\bid="([^"]+)"', svg)
    assert len(names) == len(set(names))
    used = re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', svg)
    assert used and {first or second for first, second in used} <= set(names)


def test_text_of_a_study_is_escaped(figures: dict[str, Figure]) -> None:
    svg = inline_plot("loss_curves", figures["loss_curves"]).svg
    assert "<b>" not in svg and "&lt;b&gt;&amp;" in svg


def test_every_colour_has_a_light_and_a_dark_rule(figures: dict[str, Figure]) -> None:
    plots = [inline_plot(name, figure) for name, figure in figures.items()]
    rules = colour_rules(plots)
    for colour in {found for plot in plots for found in re.findall(r"var\((--plot-\w+)\)", plot.svg)}:
        assert rules.count(f"{colour}:") == 2


@pytest.mark.parametrize(
    "colour", [*CATEGORY_COLOURS, QUIET_COLOUR, FAILURE_COLOUR, "#000000", "#222222", "#433e85"]
)
def test_dark_counterparts_are_readable(colour: str) -> None:
    assert contrast(dark_counterpart(colour), DARK_PAPER) >= 4.5


def test_white_becomes_dark_and_faint_lines_stay_faint() -> None:
    assert dark_counterpart("#ffffff") == DARK_PAPER
    assert 1.05 < contrast(dark_counterpart("#e6e9ec"), DARK_PAPER) < 2


def test_contrast_follows_the_guidelines() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
