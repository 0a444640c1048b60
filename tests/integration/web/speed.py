"""How quick a page is and how often it asks the database, over HTTP on loopback. No tests."""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

from sqlalchemy import event
from werkzeug.serving import make_server

from tests.integration.web.conftest import Site
from tests.integration.web.every_page import ROWS, Row


@dataclass
class Measured:
    """Of one address: milliseconds to the first byte of each visit, and queries of the last."""

    row: Row
    address: str
    queries: int = 0
    status: int = 0
    times: list[float] = field(default_factory=list)

    @property
    def median_ms(self) -> float:
        return round(median(self.times), 1)

    @property
    def best_ms(self) -> float:
        return round(min(self.times), 1)


def measure(site: Site, made: dict[str, str], visits: int, more: int = 0, most_ms: float = 0) -> list[Measured]:
    """Every page, once to warm up, then `visits` times; up to `more` again, as long as none took under `most_ms`."""
    cookies = {who: cookie_of(site, who) for who in {row.visitor for row in ROWS if row.html}}
    found = []
    with counted(site) as queries, served(site) as port:
        for row in (row for row in ROWS if row.html):
            for address in row.addresses:
                one = Measured(row, address.format(**made))
                for visit in range(1 + visits + more):
                    if visit > visits and one.best_ms <= most_ms:
                        break
                    queries.clear()
                    took, one.status = first_byte(port, one.address, cookies[row.visitor])
                    one.times = [*one.times, took] if visit else []
                one.queries = len(queries)
                found.append(one)
    return found


def first_byte(port: int, address: str, cookie: str) -> tuple[float, int]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    began = time.perf_counter()
    connection.request("GET", address, headers={"Cookie": cookie})
    answer = connection.getresponse()
    answer.read(1)
    took = 1000 * (time.perf_counter() - began)
    answer.read()
    connection.close()
    return took, answer.status


def cookie_of(site: Site, who: str | None) -> str:
    if who is None:
        return ""
    cookie = site.browser(who).get_cookie("session")
    assert cookie is not None
    return f"session={cookie.value}"


@contextmanager
def counted(site: Site) -> Iterator[list[str]]:
    """The statements that the store runs, as they run."""
    engine, told = site.ports.store._db.engine, []  # type: ignore[attr-defined]

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            told.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield told
    event.remove(engine, "before_cursor_execute", note)


@contextmanager
def served(site: Site) -> Iterator[int]:
    server = make_server("127.0.0.1", 0, site.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()
