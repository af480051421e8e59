"""Parties, keys and the registrar in PostgreSQL, as the log's facts so far leave them."""

from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from ledger.core.entries import Address, decode_fact
from ledger.core.errors import NotFoundError
from ledger.core.facts import LogIdentity, parse_identity
from ledger.service.ports import Batch, Directory
from ledger.store import tables as t
from ledger.store.bulk import copy_rows
from ledger.store.erasure_tables import registrars

_REGISTRAR = text("SELECT address FROM registrars ORDER BY log_index DESC LIMIT 1")
_REFUSAL = text("""
    SELECT coalesce(r.reason, r.code) FROM capture_results r JOIN submissions s
        ON s.id = r.submission_id
    WHERE s.digest = :digest AND r.verdict = 'rejected' ORDER BY r.position LIMIT 1
""")


def read_directory(connection: Connection) -> Directory:
    """Return parties, keys and registrar."""
    parties = connection.execute(select(t.parties.c.party, t.parties.c.active))
    keys = connection.execute(select(t.party_keys))
    return Directory(
        parties={row.party: row.active for row in parties},
        keys={row.address: (row.party, row.active) for row in keys},
        registrar=last_registrar(connection),
    )


def read_identity(connection: Connection) -> LogIdentity:
    """Return what entry 0 fixed.

    Raises:
        NotFoundError: The log has no genesis entry yet.
    """
    query = select(t.log_entries.c.entry).where(t.log_entries.c.log_index == 0)
    entry = connection.execute(query).scalar_one_or_none()
    if entry is None:
        raise NotFoundError("the log has no genesis entry yet")
    return parse_identity(decode_fact(entry).payload)


def last_registrar(connection: Connection) -> Address | None:
    """Return the registrar, None while it is the genesis entry's."""
    found: bytes | None = connection.execute(_REGISTRAR).scalar_one_or_none()
    return None if found is None else Address(found)


def refusal_of(connection: Connection, digest: bytes) -> str | None:
    """Return why the first refused entry of a submission was refused, None when none was."""
    found: str | None = connection.execute(_REFUSAL, {"digest": digest}).scalar_one_or_none()
    return found


def write_directory(connection: Connection, batch: Batch) -> None:
    """Write what the facts of a sequenced batch change."""
    for party, path, name, active in batch.parties:
        row = {"party": party, "path": path, "name": name, "active": active}
        if path:
            connection.execute(insert(t.parties), row)
        else:
            changed = update(t.parties).where(t.parties.c.party == party)
            connection.execute(changed.values(active=active))
    for address, party, active in batch.keys:
        statement = upsert(t.party_keys).values(address=address, party=party, active=active)
        connection.execute(
            statement.on_conflict_do_update(index_elements=["address"], set_={"active": active})
        )
    if batch.registrars:
        copy_rows(connection, registrars, batch.registrars)
