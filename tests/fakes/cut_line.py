"""A line to PostgreSQL that is cut at a commit: before the server reads it, or once it answered."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

from tests.fakes.trap import When

CHUNK = 65_536
PORT = 5432


class CutLine:
    """Forwards connections; `cut` ends the next one that commits."""

    def __init__(self, url: str) -> None:
        """Take the libpq URL of a server on a socket file."""
        self._parts = urlsplit(url)
        (self._folder,) = parse_qs(self._parts.query)["host"]
        self._port = 0
        self.cut: When | None = None
        self.cuts = 0
        self.is_down = False
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The same database, through this line."""
        return f"postgresql://postgres@127.0.0.1:{self._port}{self._parts.path}"

    @asynccontextmanager
    async def open(self) -> AsyncIterator["CutLine"]:
        """Listen while the block runs."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if self.is_down or task is None:
            writer.close()
            return
        self._serving.add(task)
        socket = f"{self._folder}/.s.PGSQL.{PORT}"
        from_server, to_server = await asyncio.open_unix_connection(socket)
        answers = _Answers(from_server, writer)
        back = asyncio.create_task(answers.run())
        try:
            while data := await reader.read(CHUNK):
                if self.cut is not None and b"COMMIT" in data:
                    when, self.cut = self.cut, None
                    self.cuts += 1
                    if when == "after":
                        answers.are_lost = True
                        to_server.write(data)
                        await answers.lost.wait()
                    break
                to_server.write(data)
                await to_server.drain()
        except ConnectionError:
            pass  # either side is gone, as a test wanted
        finally:
            back.cancel()
            to_server.close()
            writer.close()


class _Answers:
    """The way back, which may lose what it carries."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.are_lost = False
        self.lost = asyncio.Event()

    async def run(self) -> None:
        while data := await self._reader.read(CHUNK):
            if self.are_lost:
                self.lost.set()
            else:
                self._writer.write(data)
                await self._writer.drain()
