"""Figures as parts of the page: SVG whose colours, fonts and width belong to the page's style sheet.

Matplotlib writes style attributes, which the page's security policy forbids, fixed colours, which a dark page
swallows, and identifiers that figures share. Here styles become presentation attributes, every colour a
variable of the style sheet with a counterpart for dark pages, and identifiers are told apart by the figure.
"""

import colorsys
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DARK_PAPER = "#171b21"
"""Behind figures on a dark page."""
_LEAST_CONTRAST = 4.5
"""Of text and lines with the paper (Web Content Accessibility Guidelines 2.2, 1.4.3)."""
_GREY = 0.12
"""Colours less saturated than this are turned round, from black on white to white on black."""
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_REFERENCE = re.compile(r"(url\(#|^#)")


@dataclass(frozen=True, slots=True)
class Plot:
    """A figure that the page holds inline."""

    name: str
    svg: str
    width: int
    """In pixels of the page, at which its text has the size of small print."""
    file: str
    """The same as an SVG file by itself, on white."""


def inline_plot(name: str, figure: "Figure") -> Plot:
    """Draw a figure for the page; every colour in it is a variable that `colour_rules` must define."""
    import matplotlib as mpl

    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "musicgen"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(buffer.getvalue())
    for parent in list(root.iter()):
        for child in list(parent):
            if _plain(child.tag) in {"metadata", "style"}:
                parent.remove(child)
    for element in root.iter():
        _adapt(element, f"{name}-")
    width = round(float(root.attrib.pop("width").removesuffix("pt")) * 4 / 3)
    for attribute in ("height", "version"):
        root.attrib.pop(attribute, None)
    root.attrib |= {"class": "drawing", "width": str(width)}
    # The joins that Matplotlib's style element gives everything; the page hides the drawing behind its words.
    root.attrib |= {"stroke-linejoin": "round", "aria-hidden": "true", "focusable": "false"}
    svg = re.sub(r">\s+<", "><", ElementTree.tostring(root, encoding="unicode"))
    return Plot(name, svg, width, buffer.getvalue())


def _adapt(element: ElementTree.Element, prefix: str) -> None:
    element.tag = _plain(element.tag)
    attributes = {_plain(name): value for name, value in element.attrib.items()}
    for declaration in attributes.pop("style", "").split(";"):
        name, _, value = declaration.partition(":")
        # The page has a font of its own.
        if value and name.strip() != "font-family":
            attributes[name.strip()] = value.strip()
    for name, value in attributes.items():
        if name == "id":
            attributes[name] = prefix + value
        elif name in {"href", "clip-path"}:
            attributes[name] = _REFERENCE.sub(rf"\g<1>{prefix}", value)
        elif name in {"fill", "stroke"}:
            attributes[name] = _COLOUR.sub(lambda found: f"var(--plot-{found[0][1:]})", value)
        elif name == "d":
            attributes[name] = " ".join(value.split())
    element.attrib.clear()
    element.attrib |= attributes


def _plain(name: str) -> str:
    """The name without its namespace."""
    return name.rpartition("}")[2]


def colour_rules(plots: Iterable[Plot]) -> str:
    """The rules that define the colours of these plots, for light pages and for dark ones."""
    used = sorted({found for plot in plots for found in re.findall(r"--plot-([0-9a-f]{6})", plot.svg)})
    # Text has no colour attribute where it is black.
    used = sorted({*used, "000000"})
    light = "".join(f"--plot-{colour}:#{colour};" for colour in used)
    dark = "".join(f"--plot-{colour}:{dark_counterpart('#' + colour)};" for colour in used)
    return f":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"


def dark_counterpart(colour: str) -> str:
    """The colour that does on dark paper what `colour`, "#rrggbb", does on white."""
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    if max(red, green, blue) - min(red, green, blue) < _GREY:
        if colour == "#ffffff":
            return DARK_PAPER
        return _hex(*colorsys.hls_to_rgb(hue, 0.93 - 0.76 * lightness, saturation / 2))
    while contrast(_hex(*colorsys.hls_to_rgb(hue, lightness, saturation)), DARK_PAPER) < _LEAST_CONTRAST:
        lightness += 0.02
    return _hex(*colorsys.hls_to_rgb(hue, lightness, saturation))


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours "#rrggbb", from 1 to 21 (WCAG 2.2)."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _hex(red: float, green: float, blue: float) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in (red, green, blue))
