"""Tables of the query index, which is derived and may be dropped, and of named queries, which stay.

The index follows from the log alone: `epcis_index` says how far it is. Terms and names are made by
`ledger.core.epcis.index_terms`.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
)

from ledger.store.tables import items, metadata

epcis_index = Table(
    "epcis_index",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("indexed", BigInteger, nullable=False),
    Column("clock_ms", BigInteger, nullable=False),
    Column("version", SmallInteger, nullable=False),
    CheckConstraint("id = 1", name="one_index"),
    comment="How many entries of the log are indexed, the last clock among them, by which rules.",
)

epcis_events = Table(
    "epcis_events",
    metadata,
    Column("log_index", BigInteger, primary_key=True, autoincrement=False),
    Column("record_ms", BigInteger, nullable=False),
    Column("event_ms", BigInteger, nullable=False),
    Column("party", LargeBinary, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("event_type", Text),
    Column("action", Text),
    Column("biz_step", Text),
    Column("disposition", Text),
    Column("read_point", Text),
    Column("biz_location", Text),
    Column("terms", ARRAY(Text), nullable=False),
    Column("rendered", LargeBinary, nullable=False),
    Index("ix_epcis_events_event_ms", "event_ms", "log_index"),
    Index("ix_epcis_events_record_ms", "record_ms", "log_index"),
    Index("ix_epcis_events_event_id", "event_id", "log_index"),
    Index("ix_epcis_events_event_type", "event_type", "event_ms", "log_index"),
    Index("ix_epcis_events_biz_step", "biz_step", "event_ms", "log_index"),
    Index("ix_epcis_events_disposition", "disposition", "event_ms", "log_index"),
    Index("ix_epcis_events_read_point", "read_point", "event_ms", "log_index"),
    Index("ix_epcis_events_biz_location", "biz_location", "event_ms", "log_index"),
    Index("ix_epcis_events_terms", "terms", postgresql_using="gin"),
    comment="Derived: one row an event. rendered: its JSON as it is served.",
)

epcis_numbers = Table(
    "epcis_numbers",
    metadata,
    Column("log_index", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    Column("value", Double, primary_key=True),
    Index("ix_epcis_numbers_name", "name", "value", "log_index"),
    comment="Derived: what is compared by size.",
)

epcis_attributes = Table(
    "epcis_attributes",
    metadata,
    Column("element", Text, primary_key=True),
    Column("term", Text, primary_key=True),
    comment="Derived: master data of documents' headers, attribute names and `name=value`.",
)

epcis_children = Table(
    "epcis_children",
    metadata,
    Column("parent", Text, primary_key=True),
    Column("child", Text, primary_key=True),
    comment="Derived: places below places, from the same master data.",
)

epcis_queries = Table(
    "epcis_queries",
    metadata,
    Column("name", Text, primary_key=True),
    Column("definition", LargeBinary, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    CheckConstraint("octet_length(name) BETWEEN 1 AND 256", name="name_is_short"),
    comment="Named queries: the JSON object as it was posted. Not derived.",
)

# A pattern is a range of paths, compared byte by byte.
Index("ix_items_path", items.c.path, postgresql_ops={"path": "text_pattern_ops"})
INDEX_TABLES = (epcis_numbers, epcis_events, epcis_attributes, epcis_children)
