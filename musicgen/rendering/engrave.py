"""A program that engraves scores: MEI on standard input, SVG on standard output, framed as in isolated.py.

It exits with status 1 at the first MEI that cannot be read. It runs as a separate process because verovio is
native code that may crash. It imports nothing from musicgen, so it starts quickly.
"""

import sys

import verovio

# Lengths in tenths of a millimetre: a page as wide as A4 and as high as the tune.
_OPTIONS = {
    "inputFrom": "mei",
    "xmlIdSeed": 1,
    "pageWidth": 2100,
    "pageHeight": 60_000,
    "pageMarginLeft": 100,
    "pageMarginRight": 100,
    "pageMarginTop": 100,
    "pageMarginBottom": 100,
    "adjustPageHeight": True,
    "breaks": "smart",
    "breaksSmartSb": 0.4,
    "header": "encoded",
    "footer": "none",
    "scale": 40,
    "svgViewBox": True,
    "svgRemoveXlink": True,
}


def engrave(mei: str) -> str | None:
    """The SVG of a tune on one page; None if verovio cannot read the MEI."""
    toolkit = verovio.toolkit()
    toolkit.setOptions(_OPTIONS)
    if not toolkit.loadData(mei) or toolkit.getPageCount() < 1:
        return None
    return toolkit.renderToSVG(1)


if __name__ == "__main__":
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    while length := requests.read(8):
        svg = engrave(requests.read(int.from_bytes(length, "big")).decode("utf-8"))
        if svg is None:
            sys.exit(1)
        answer = svg.encode("utf-8", errors="replace")
        answers.write(len(answer).to_bytes(8, "big") + answer)
        answers.flush()
