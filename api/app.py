"""The application: routes over the services of one opened ledger."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, cast

from fastapi import APIRouter, Depends, FastAPI

from api import errors, openapi
from api.asking import NoNul, verify_parameters
from api.capture import Capture
from api.capture_event import CaptureEvent
from api.cases import CaseRoutes
from api.disclosures import DisclosureRoutes
from api.discovery import discovery
from api.dry_run import DryRun
from api.epcis_paths import CAPTURE, EVENTS, QUERY_EVENTS
from api.evidence import EvidenceRoutes
from api.findings import FindingRoutes
from api.guard import Guard
from api.guess_watch import GuessWatch, keep_guesses
from api.history import History
from api.items import ItemRoutes
from api.jobs import JobRoutes
from api.log import LogRoutes
from api.named_queries import NamedQueryRoutes
from api.pages import pages
from api.queries import QueryRoutes
from api.receiving import FreshDirectory, Receiver
from api.resources import ResourceRoutes
from api.subscriptions import SubscriptionRoutes
from api.websocket import QuerySocket
from ledger.bootstrap import STORE_ERRORS, Node
from ledger.service.guesses import Guessing
from ledger.service.look_up import LookUp

# A key that was registered or revoked is known here after this; the sequencer knows it at once.
DIRECTORY_INTERVAL_S = 1.0
logger = logging.getLogger("unbroken.api")


class Runs(Protocol):
    """What has to be started and stopped with the application."""

    async def start(self) -> None:
        """Begin."""
        ...

    async def stop(self) -> None:
        """End."""
        ...


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
    store = node.event_store()
    queries, cases = node.event_queries(store), node.cases()
    app = LedgerApi(
        title=openapi.TITLE,
        version=openapi.INTERFACE_VERSION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan(intake, store, directory, cases.guessing),
    )
    # The guard answers it first; the router knows it for the sake of other methods.
    receiver, dry_run = Receiver(acceptor, directory), DryRun()
    capture: Any = Capture(receiver, intake, dry_run)
    app.router.add_route(CAPTURE, capture, methods=["POST"], include_in_schema=False)
    one = CaptureEvent(receiver, intake, dry_run, reader, node.standing_queries().indexed)
    app.router.add_route(EVENTS, one.post, methods=["POST"], include_in_schema=False)
    routes = [
        discovery(),
        JobRoutes(reader).router(),
        QueryRoutes(queries).router(),
        NamedQueryRoutes(node.named_queries(store), queries).router(),
        ResourceRoutes(queries).router(),
        *_custody_routes(node, reader),
        FindingRoutes(cases, reader).router(),
        CaseRoutes(cases, reader, acceptor, directory, intake).router(),
        LogRoutes(reader, node.identity).router(),
        SubscriptionRoutes(node.subscriber()).router(),
        pages(),
    ]
    for router in routes:
        app.include_router(router, dependencies=[Depends(verify_parameters)])
    app.router.add_websocket_route(QUERY_EVENTS, cast("Any", QuerySocket(node.followers())))
    app.add_middleware(cast("Any", GuessWatch), guessing=cases.guessing)
    app.add_middleware(cast("Any", NoNul))
    app.add_middleware(cast("Any", Guard), hot_path=CAPTURE, hot=capture, history=History(queries))
    errors.install(app, routes)
    return app


def _custody_routes(node: Node, reader: LookUp) -> list[APIRouter]:
    """Return what is told of items and of events; the more special paths come first."""
    items = ItemRoutes(reader, node.prover())
    return [
        EvidenceRoutes(node.incoming(), node.evidence_maker(), items).router(),
        items.router(),
        DisclosureRoutes(node.discloser()).router(),
    ]


def _lifespan(
    intake: Runs, store: Runs, directory: FreshDirectory, guessing: Guessing
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        """Take submissions in, and keep the directory fresh, while the application runs."""
        await intake.start()
        await store.start()
        refreshing = asyncio.create_task(_keep_fresh(directory))
        counting = asyncio.create_task(keep_guesses(guessing))
        try:
            yield
        finally:
            refreshing.cancel()
            counting.cancel()
            await asyncio.gather(refreshing, counting, return_exceptions=True)
            await intake.stop()
            await store.stop()

    return lifespan


async def _keep_fresh(directory: FreshDirectory) -> None:
    while True:
        await asyncio.sleep(DIRECTORY_INTERVAL_S)
        try:
            await directory.refresh()
        except STORE_ERRORS as error:
            logger.warning("the directory of keys stays as it was: %s", error)
