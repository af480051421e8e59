"""Opens what commands work on, as late as they need it: importing the ledger takes seconds."""

from typing import TYPE_CHECKING

from ledger.client import LedgerClient
from ledger.journal import Journal
from ledger.settings import Settings, read_settings

if TYPE_CHECKING:
    from ledger.bootstrap import Node
    from ledger.keystore import Keystore
    from ledger.processes import Processes

settings = read_settings


def node() -> "Node":
    """Open the ledger of this installation, making it on first use."""
    from ledger.bootstrap import open_node  # noqa: PLC0415 -- late, as said above

    return open_node(read_settings())


def keystore() -> "Keystore":
    """Open the keys of this installation."""
    from ledger.keystore import Keystore, resolve_password  # noqa: PLC0415

    chosen = read_settings()
    password = resolve_password(
        chosen.keystore_password, secret_file=chosen.secret_file, may_make=chosen.has_own_devnet
    )
    return Keystore(chosen.keys_dir, password)


def processes(chosen: Settings | None = None) -> "Processes":
    """Return the background processes of this installation."""
    from ledger.processes import Processes  # noqa: PLC0415

    return Processes(chosen or read_settings())


def client(url: str | None) -> LedgerClient:
    """Return a client of the API at url, or of this installation's, with this home's journal."""
    chosen = read_settings()
    if url is None:
        host = f"[{chosen.host}]" if ":" in chosen.host else chosen.host
        url = f"http://{host}:{chosen.port}"
    return LedgerClient(url, Journal(chosen.journal_file))
