"""The application: routes over the services of one opened ledger."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any, cast

from fastapi import FastAPI

from api import errors, openapi
from api.capture import PATH, Capture, FreshDirectory
from api.guard import Guard
from api.items import ItemRoutes
from api.jobs import JobRoutes
from api.log import LogRoutes
from api.pages import pages
from ledger.bootstrap import STORE_ERRORS, Node

# A key that was registered or revoked is known here after this; the sequencer knows it at once.
DIRECTORY_INTERVAL_S = 1.0
logger = logging.getLogger("unbroken.api")


class LedgerApi(FastAPI):
    """FastAPI with the hot route in its OpenAPI document and no page that needs another host."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = openapi.document(self.routes, self.version)
        return self.openapi_schema


def create_app(node: Node) -> FastAPI:
    """Return the application of an opened ledger; its lifespan starts and stops the intake."""
    intake, acceptor, reader = node.intake(), node.acceptor(), node.reader()
    directory = FreshDirectory(acceptor, node.log.directory)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        """Take submissions in, and keep the directory fresh, while the application runs."""
        await intake.start()
        refreshing = asyncio.create_task(_keep_fresh(directory))
        try:
            yield
        finally:
            refreshing.cancel()
            await asyncio.gather(refreshing, return_exceptions=True)
            await intake.stop()

    app = LedgerApi(
        title=openapi.TITLE,
        version=openapi.VERSION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    # The guard answers it first; the router tells other methods that there is only this one.
    capture: Any = Capture(acceptor, intake, directory)
    app.router.add_route(PATH, capture, methods=["POST"], include_in_schema=False)
    app.include_router(JobRoutes(reader).router())
    app.include_router(ItemRoutes(reader, node.prover()).router())
    app.include_router(LogRoutes(reader, node.identity).router())
    app.include_router(pages())
    app.add_middleware(cast("Any", Guard), hot_path=PATH, hot=capture)
    errors.install(app)
    return app


async def _keep_fresh(directory: FreshDirectory) -> None:
    while True:
        await asyncio.sleep(DIRECTORY_INTERVAL_S)
        try:
            await directory.refresh()
        except STORE_ERRORS as error:
            logger.warning("the directory of keys stays as it was: %s", error)
