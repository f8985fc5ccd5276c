"""The listening page on the loopback address. Only the sound itself depends on the arm."""

import re
from collections.abc import Mapping
from pathlib import Path

from musicgen.errors import one_line
from musicgen.listening.service import ListeningService
from musicgen.listening.session import num_trials
from musicgen.system.interruption import Terminated
from musicgen.system.page import Page
from musicgen.system.web_server import PAGE_POLICY, Answer, Content, LoopbackServer

_PAGE = Page(Path(__file__).with_name("page"))
_SOUND = re.compile(r"/sound/([0-9a-f]{32})")


def serve_session(service: ListeningService, port: int) -> Terminated | None:
    """Serve the page until Ctrl-C, SIGTERM or SIGHUP; returns the signal unless it was Ctrl-C."""
    service.render()
    server = ListeningServer(service, port)
    for remark in service.database.remarks:
        print(one_line(remark))
    count = num_trials(list(service.database.items.values()))
    print(f"{count} to judge for each listener; every answer is saved at once; Ctrl-C stops the server")
    try:
        server.serve_until_interrupted()
    except Terminated as signal:
        return signal
    return None


class ListeningServer(LoopbackServer):
    """Serves one session; sounds have opaque ids."""

    def __init__(self, service: ListeningService, port: int) -> None:
        """Raises InputError if the port is taken; 0 takes any free one."""
        self.service = service
        super().__init__(port)

    def content(self, path: str) -> Content | None:
        """The page, its parts, and sounds by their opaque ids."""
        file = _PAGE.content(path, self.token)
        if file is not None:
            return file
        found = _SOUND.fullmatch(path)
        sound = self.service.sound(found[1]) if found else None
        if sound is None or not sound.is_file():
            return None
        return Content(sound.read_bytes(), "audio/wav", PAGE_POLICY)

    def answers(self) -> Mapping[str, Answer]:
        """What a listener's page posts."""
        service = self.service
        return {
            "/api/enter": service.enter,
            "/api/session": service.session,
            "/api/answer": service.answer,
            "/api/end": service.end,
            "/api/result": service.result,
        }
