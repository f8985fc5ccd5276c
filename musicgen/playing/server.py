"""The page to play with, on the loopback address."""

import re
from collections.abc import Mapping
from pathlib import Path

from musicgen.playing.service import PlayingService
from musicgen.system.page import Page
from musicgen.system.web_server import (
    PAGE_POLICY,
    PICTURE_POLICY,
    Answer,
    Content,
    LoopbackServer,
    file_content,
)

_PAGE = Page(Path(__file__).with_name("page"))
_TUNE = re.compile(r"/(sound|score)/(\d{1,9})-(\d)", re.ASCII)
_KEPT = "/kept/"
_TYPES = {".abc": "text/vnd.abc", ".musicxml": "application/vnd.recordare.musicxml+xml"}


class PlayingServer(LoopbackServer):
    """Serves one page: tunes by the number of their draw, and the files of the tunebook."""

    max_post_bytes = 16_384

    def __init__(self, service: PlayingService, port: int) -> None:
        """Raises InputError if the port is taken; 0 takes any free one."""
        self.service = service
        super().__init__(port)

    def content(self, path: str) -> Content | None:
        """The page, its parts, and tunes as sound, picture or kept file."""
        file = _PAGE.content(path, self.token)
        if file is not None:
            return file
        found = _TUNE.fullmatch(path)
        if found is not None and found[1] == "sound":
            sound = self.service.sound(int(found[2]), int(found[3]))
            return None if sound is None else Content(sound, "audio/wav", PAGE_POLICY)
        if found is not None:
            score = self.service.score(int(found[2]), int(found[3]))
            return None if score is None else Content(score, "image/svg+xml", PICTURE_POLICY)
        kept = self.service.book.file(path.removeprefix(_KEPT)) if path.startswith(_KEPT) else None
        return None if kept is None else file_content(kept, _TYPES)

    def answers(self) -> Mapping[str, Answer]:
        """What the page posts."""
        service = self.service
        return {
            "/api/state": service.state,
            "/api/draw": service.draw,
            "/api/drawn": service.drawn,
            "/api/nearest": service.nearest,
            "/api/keep": service.keep,
            "/api/rate": service.rate,
        }
