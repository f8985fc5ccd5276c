"""The files of a page: its folder's, and the style sheet and script that all pages share."""

from pathlib import Path

from musicgen.system.web_server import PAGE_POLICY, Content

_PARTS = Path(__file__).with_name("page_parts")
_INDEX = "index.html"
_TOKEN = b"{{token}}"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Page:
    """A page's files by their paths in addresses; no other file can be asked for."""

    def __init__(self, folder: Path) -> None:
        """folder: has index.html, in which {{token}} stands for the server's token."""
        self._files = {f"/{file.name}": file for part in (_PARTS, folder) for file in part.iterdir()}
        self._files["/"] = self._files.pop(f"/{_INDEX}")

    def content(self, path: str, token: str) -> Content | None:
        """The file at the path; None for any other path."""
        file = self._files.get(path)
        if file is None:
            return None
        body = file.read_bytes()
        if path == "/":
            body = body.replace(_TOKEN, token.encode())
        return Content(body, _TYPES[file.suffix], PAGE_POLICY)
