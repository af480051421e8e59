"""Tables of what is erased, and of who was registrar when; both derived from the log's facts."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, LargeBinary, Table

from ledger.store.tables import log_entries, metadata

registrars = Table(
    "registrars",
    metadata,
    Column(
        "log_index", BigInteger, ForeignKey(log_entries.c.log_index), primary_key=True,
        autoincrement=False,
    ),
    Column("address", LargeBinary, nullable=False),
    CheckConstraint("octet_length(address) = 20", name="address_is_20_bytes"),
    comment="Derived from registrar entries: who signs facts behind that index. Before the first, "
    "the genesis entry's.",
)  # fmt: skip

tombstones = Table(
    "tombstones",
    metadata,
    Column(
        "event_index", BigInteger, ForeignKey(log_entries.c.log_index), primary_key=True,
        autoincrement=False,
    ),
    Column(
        "log_index", BigInteger, ForeignKey(log_entries.c.log_index), nullable=False, unique=True
    ),
    Column("event_root", LargeBinary, nullable=False, index=True),
    CheckConstraint("event_index < log_index", name="names_an_earlier_entry"),
    comment="Derived from tombstone entries. event_root: of the erased entry, by which a retry of "
    "the event is known without any hash that could be guessed.",
)  # fmt: skip
