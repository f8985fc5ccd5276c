from pathlib import Path

from rich.text import Text

from musicgen.effects.page import page_console, summary_page


def test_a_page_has_what_is_printed_and_its_two_figures(tmp_path: Path) -> None:
    figures = [tmp_path / f"{name}.{kind}" for name in ("effects", "seconds") for kind in ("png", "svg")]
    for path in figures:
        path.write_bytes(path.name.encode())
    printed = page_console()
    printed.print(Text("validation loss is better", style="bold"))
    page = summary_page("study rates", "Which rate?", printed, figures)
    assert "<h1>study rates</h1>" in page and "<p>Which rate?</p>" in page
    assert ">validation loss is better</span>" in page
    assert page.count("<img") == 1 and 'alt="effects" src="data:image/png;base64,ZWZmZWN0cy5wbmc="' in page
    assert "<script" not in page and "http" not in page


def test_names_and_tunes_cannot_write_markup() -> None:
    text, printed = "<b>{code} {0}</b>", page_console()
    printed.print(Text(text))
    page = summary_page(text, text, printed, [])
    assert page.count("&lt;b&gt;{code} {0}&lt;/b&gt;") == 3 and "<b>" not in page
