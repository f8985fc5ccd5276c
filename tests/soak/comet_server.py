"""A stand-in for Comet's server on the loopback address: live experiments, uploads, questions.

It keeps what it receives, and fails in the way that its `fault` says. Paths and answers are those that the
package comet_ml expects (comet_ml/connection/connection_api.py, comet_ml/handshake.py, comet_ml/api.py).
"""

import gzip
import json
import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Literal, get_args
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    import pytest

Fault = Literal[
    "none",
    "hangs",
    "hangs at files",
    "status 500",
    "closes at files",
    "status 429 at files",
    "unknown key",
    "status 401",
]
FAULTS: tuple[Fault, ...] = tuple(fault for fault in get_args(Fault) if fault != "none")

KEY = "k" * 25
"""A key of the right form."""
KEY_NOT_REGISTERED, NO_WRITE_ACCESS, ALREADY_EXISTS = 90212, 90210, 90999
"""Error codes of comet_ml/exceptions.py."""
HANGING_SECONDS = 600.0


@dataclass
class Experiment:
    """What the server received for one experiment."""

    tags: list[str] = field(default_factory=list)
    parameters: dict[str, object] = field(default_factory=dict)
    metrics: list[tuple[str, object, int | None]] = field(default_factory=list)
    """Name, value and step, in order of arrival."""
    arrivals: list[float] = field(default_factory=list)
    """When each of them arrived, in seconds since the epoch."""
    files: list[tuple[str, bytes]] = field(default_factory=list)
    """Name and content, in order of arrival."""
    others: dict[str, object] = field(default_factory=dict)
    is_ended: bool = False
    is_running: bool = False
    """Whether a live experiment has started and not ended."""
    was_live: bool = False


class CometServer(ThreadingHTTPServer):
    """The server; `fault` may change while it runs."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, fault: Fault = "none") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fault: Fault = fault
        self.experiments: defaultdict[str, Experiment] = defaultdict(Experiment)
        self.num_requests = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """The value of COMET_URL_OVERRIDE that leads here."""
        return f"http://127.0.0.1:{self.server_address[1]}/clientlib/"

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that make a process take this server for Comet."""
        return {"COMET_API_KEY": KEY, "COMET_URL_OVERRIDE": self.url}

    def give_to(self, monkeypatch: "pytest.MonkeyPatch") -> None:
        """Make this process, and those that it starts, take this server for Comet."""
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore errors, because tests kill clients."""


@contextmanager
def comet_server(fault: Fault = "none") -> Iterator[CometServer]:
    """Run a server during the block."""
    with CometServer(fault) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def _known_of(key: str, experiment: Experiment, asked: str) -> dict:
    """The answer of Comet's REST API, version 2, as far as its SDK reads it."""
    if asked == "metrics/get-all":
        names = ("metricName", "metricValue", "step")
        return {
            "metrics": [
                dict(zip(names, (name, str(value), step), strict=True))
                for name, value, step in experiment.metrics
            ]
        }
    if asked == "asset/list":
        return {"assets": [{"fileName": name, "fileSize": len(data)} for name, data in experiment.files]}
    if asked == "tags":
        return {"tags": experiment.tags}
    if asked in ("log-other", "parameters"):
        values = experiment.others if asked == "log-other" else experiment.parameters
        return {"values": [{"name": name, "valueCurrent": value} for name, value in values.items()]}
    return {
        "experimentKey": key,
        "experimentName": experiment.others.get("Name"),
        "running": experiment.is_running,
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: CometServer  # type: ignore

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Do not log."""

    def do_GET(self) -> None:
        """Answer with a version, or with what an experiment has."""
        self._count()
        if self._fails():
            return
        address = urlsplit(self.path)
        _, _, asked = address.path.partition("/rest/v2/experiment/")
        if not asked:
            self._answer({"version": "99.0.0"})
            return
        key = parse_qs(address.query).get("experimentKey", [""])[0]
        with self.server.lock:
            experiment = self.server.experiments.get(key)
            if experiment is None:
                self._answer({"msg": "unknown experiment", "sdk_error_code": NO_WRITE_ACCESS}, 400)
                return
            self._answer(_known_of(key, experiment, asked))

    def do_POST(self) -> None:
        """Keep what is sent."""
        self._count()
        path = urlsplit(self.path).path
        is_file = path.endswith(("/asset/upload", "/visualizations/upload"))
        if is_file and self.server.fault == "closes at files":
            self.rfile.read(int(self.headers["Content-Length"]) // 2)
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self._fails() or (is_file and self.server.fault == "hangs at files" and self._hang()):
            return
        if is_file and self.server.fault == "status 429 at files":
            self._answer({"msg": "too busy"}, 429)
            return
        if is_file:
            self._keep_file(body)
            return
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self._keep(path, json.loads(body) if body else {})

    def _count(self) -> None:
        with self.server.lock:
            self.server.num_requests += 1

    def _hang(self) -> bool:
        time.sleep(HANGING_SECONDS)
        return True

    def _fails(self) -> bool:
        fault = self.server.fault
        if fault == "hangs":
            return self._hang()
        if fault == "status 500":
            self._answer({"msg": "out of order"}, 500)
        elif fault == "unknown key":
            self._answer({"msg": "no such key", "sdk_error_code": KEY_NOT_REGISTERED}, 400)
        elif fault == "status 401":
            self._answer({"msg": "the key has expired"}, 401)
        else:
            return False
        return True

    def _keep(self, path: str, content: dict) -> None:
        experiments = self.server.experiments
        key = str(content.get("previousExperiment") or content.get("experimentKey"))
        if path.endswith(("/logger/add/run", "/logger/get/run")):
            with self.server.lock:
                must_exist = path.endswith("/get/run")
                if (key in experiments) != must_exist and not content.get("getOrCreateEnabled"):
                    message, code = (
                        ("unknown experiment", NO_WRITE_ACCESS)
                        if must_exist
                        else ("the experiment exists", ALREADY_EXISTS)
                    )
                    self._answer({"msg": message, "sdk_error_code": code}, 400)
                    return
                experiment = experiments[key]
                if not content.get("offline") and not must_exist:
                    experiment.was_live = True
            where = f"http://127.0.0.1:{self.server.server_address[1]}/work/project/"
            self._answer({"runId": f"run of {key}", "project_id": "project", "focusUrl": where})
            return
        if key not in experiments:
            # Comet's reports about itself belong to no experiment.
            self._answer({})
            return
        experiment = experiments[key]
        with self.server.lock:
            if path.endswith("/tags/add-tags-to-experiment"):
                experiment.tags += [tag for tag in content["addedTags"] if tag not in experiment.tags]
            elif path.endswith("/experiment/parameter"):
                for value in content["values"]:
                    experiment.parameters[value["parameterName"]] = value["parameterValue"]
            elif path.endswith("/experiment/metric"):
                for value in content["values"]:
                    experiment.metrics.append((value["metricName"], value["metricValue"], value.get("step")))
                    experiment.arrivals.append(time.time())
            elif path.endswith("/log-other"):
                experiment.others[content["key"]] = content["value"]
            elif path.endswith("/status-report/offline-metadata"):
                experiment.is_ended = True
            elif path.endswith("/status-report/update"):
                experiment.is_running = bool(content.get("is_alive"))
        self._answer({"is_alive_beat_duration_millis": 10000, "gpu_monitor_interval_millis": 10000})

    def _keep_file(self, body: bytes) -> None:
        query = parse_qs(urlsplit(self.path).query)
        # Pictures have the name of a figure instead.
        name = query.get("fileName", query.get("figName", [""]))[0]
        boundary = re.search(r"boundary=(\S+)", self.headers["Content-Type"])
        assert boundary is not None
        parts = body.split(b"--" + boundary[1].encode())
        (part,) = [part for part in parts if b'name="file"' in part.partition(b"\r\n\r\n")[0]]
        content = part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
        with self.server.lock:
            self.server.experiments[query["experimentId"][0]].files.append((name, content))
        self._answer({"assetId": "asset"})

    def _answer(self, content: dict, status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
