"""Keys that signed two owners for one token: derived from the log, shown wherever the key is."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, LargeBinary, Table
from sqlalchemy import text as sql

from ledger.store.tables import item_rows, log_entries, metadata

key_equivocations = Table(
    "key_equivocations",
    metadata,
    Column("address", LargeBinary, primary_key=True),
    Column("log_index", BigInteger, ForeignKey(log_entries.c.log_index), primary_key=True),
    Column("item_key", LargeBinary, primary_key=True),
    CheckConstraint("octet_length(address) = 20", name="address_is_20_bytes"),
    Index("ix_key_equivocations_item_key", "item_key"),
    comment="Derived at the integrated size: by log_index at the latest, address had signed two "
    "owners for one token of the item. The signatures prove it to anybody.",
)  # fmt: skip

Index(
    "ix_item_rows_spends",
    item_rows.c.item_key,
    item_rows.c.spends,
    postgresql_where=sql("spends IS NOT NULL"),
)
