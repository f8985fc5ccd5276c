"""Matplotlib figures as inline SVG whose colours and fonts come from the page's style sheet.

Matplotlib writes style attributes, which the page's security policy forbids; fixed colours, which disappear
on a dark page; and identifiers that repeat between figures. Here styles become presentation attributes,
colours become variables with a dark counterpart, and identifiers are prefixed with the figure's name.
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
"""The background of figures on a dark page."""
_MIN_CONTRAST = 4.5
"""Minimum contrast of text and lines (Web Content Accessibility Guidelines 2.2, 1.4.3)."""
_MAX_GREY = 0.12
"""Colours less saturated than this are inverted, from black on white to white on black."""
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_REFERENCE = re.compile(r"(url\(#|^#)")


@dataclass(frozen=True, slots=True)
class Plot:
    """A figure for inline use."""

    name: str
    svg: str
    width: int
    """In CSS pixels; at this width its text has the size of small print."""
    file: str
    """The figure as a standalone SVG file, on white."""


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
    # Matplotlib's style element sets the joins. Screen readers get the description instead of the drawing.
    root.attrib |= {"stroke-linejoin": "round", "aria-hidden": "true", "focusable": "false"}
    svg = re.sub(r">\s+<", "><", ElementTree.tostring(root, encoding="unicode"))
    return Plot(name, svg, width, buffer.getvalue())


def _adapt(element: ElementTree.Element, prefix: str) -> None:
    element.tag = _plain(element.tag)
    attributes = {_plain(name): value for name, value in element.attrib.items()}
    for declaration in attributes.pop("style", "").split(";"):
        name, _, value = declaration.partition(":")
        # The page sets the font.
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
    return name.rpartition("}")[2]


def colour_rules(plots: Iterable[Plot]) -> str:
    """Style rules that define the colours of these plots, for light and for dark pages."""
    found = {colour for plot in plots for colour in re.findall(r"--plot-([0-9a-f]{6})", plot.svg)}
    # Black text has no colour attribute.
    used = sorted(found | {"000000"})
    light = "".join(f"--plot-{colour}:#{colour};" for colour in used)
    dark = "".join(f"--plot-{colour}:{dark_counterpart('#' + colour)};" for colour in used)
    return f":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"


def dark_counterpart(colour: str) -> str:
    """The colour that looks on dark paper as `colour`, "#rrggbb", looks on white."""
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    if max(red, green, blue) - min(red, green, blue) < _MAX_GREY:
        if colour == "#ffffff":
            return DARK_PAPER
        return _hex(*colorsys.hls_to_rgb(hue, 0.93 - 0.76 * lightness, saturation / 2))
    while contrast(_hex(*colorsys.hls_to_rgb(hue, lightness, saturation)), DARK_PAPER) < _MIN_CONTRAST:
        lightness += 0.02
    return _hex(*colorsys.hls_to_rgb(hue, lightness, saturation))


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours "#rrggbb", from 1 to 21 (WCAG 2.2, relative luminance)."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _hex(red: float, green: float, blue: float) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in (red, green, blue))
