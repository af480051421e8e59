"""What `uvicorn --factory api.main:create` runs: settings, the opened ledger, its application."""

import gc

from fastapi import FastAPI

from api.app import create_app
from ledger.bootstrap import open_node
from ledger.settings import read_settings

# A collection walks all that lives: rarer ones cut a fifth of the CPU of a request and half its
# longest waits. What lives at start lives for ever.
GC_THRESHOLD = (50_000, 50, 1000)


def create() -> FastAPI:
    """Open the ledger and return its application.

    Raises:
        LedgerError: A setting is refused, or a part cannot be opened.
    """
    app = create_app(open_node(read_settings()))
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLD)
    return app
