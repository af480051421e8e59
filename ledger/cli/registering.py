"""Logs facts for the commands of an operator, and tells why one was refused."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ledger.clock import now_ms
from ledger.core.entries import Address, FactEntry
from ledger.core.errors import NotPermittedError

if TYPE_CHECKING:
    from ledger.bootstrap import Node

# Facts are made again for each registrar that took over meanwhile; more are a fault, not a race.
MAX_HANDOVERS = 3


def log_facts(node: "Node", make: Callable[[Address, int], Sequence[FactEntry]]) -> None:
    """Log the facts that make returns for a registrar and a time, and return when they are logged.

    Where another process rotates the registrar meanwhile, the facts are made again for the new one.

    Raises:
        NotPermittedError: The log refused one of them.
        NotFoundError: The log's registrar is no key of this installation.
    """
    from ledger.store.directory_store import refusal_of  # noqa: PLC0415 -- late, as in opened

    for _ in range(MAX_HANDOVERS):
        registrar, at_ms = node.registrar(), now_ms()
        digest = registrar.submit(make(registrar.address, at_ms), at_ms=at_ms)
        sequence(node)
        with node.engine.connect() as connection:
            refusal = refusal_of(connection, digest)
        if refusal is None:
            return
        if node.registrar().address == registrar.address:
            raise NotPermittedError(refusal)
    raise NotPermittedError("registrars rotate faster than facts are logged")


def sequence(node: "Node") -> None:
    """Give indexes to all that waits; the sequencer's lock keeps it apart from a running worker."""
    sequencer = node.sequencer()
    while sequencer.run(at_ms=now_ms()):
        pass
