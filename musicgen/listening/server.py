"""The listening page on the loopback address. Nothing it sends depends on the arm but the sound itself."""

import re
from collections.abc import Mapping
from pathlib import Path

from musicgen.listening.service import Listening
from musicgen.system.web_server import Answer, Content, LoopbackServer

TOKEN_PLACE = "{{token}}"
_PAGE = Path(__file__).with_name("page")
_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
    "/script.js": ("script.js", "text/javascript; charset=utf-8"),
    "/result.js": ("result.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
_SOUND = re.compile(r"/sound/([0-9a-f]{32})")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class ListeningServer(LoopbackServer):
    """Serves one session; sounds have opaque ids."""

    def __init__(self, listening: Listening, port: int) -> None:
        """Raises InputError where the port is taken; 0 takes any free one."""
        self.listening = listening
        super().__init__(port)

    def content(self, path: str) -> Content | None:
        """The page, its parts, and sounds."""
        if path in _FILES:
            name, kind = _FILES[path]
            body = (_PAGE / name).read_bytes()
            if name == "index.html":
                body = body.replace(TOKEN_PLACE.encode(), self.token.encode())
            return Content(body, kind, _POLICY)
        found = _SOUND.fullmatch(path)
        sound = self.listening.sound(found[1]) if found else None
        if sound is None or not sound.is_file():
            return None
        return Content(sound.read_bytes(), "audio/wav", _POLICY)

    def answers(self) -> Mapping[str, Answer]:
        """What the page asks for."""
        listening = self.listening
        return {
            "/api/enter": listening.enter,
            "/api/session": listening.session,
            "/api/answer": listening.answer,
            "/api/end": listening.end,
            "/api/result": listening.result,
        }
