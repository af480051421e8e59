"""Tables of the item map: derived from the log, rebuilt by `unbroken fsck --repair`."""

from sqlalchemy import BigInteger, CheckConstraint, Column, LargeBinary, SmallInteger, Table

from ledger.store.tables import metadata

map_state = Table(
    "map_state",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("map_size", BigInteger, nullable=False),
    Column("map_root", LargeBinary, nullable=False),
    Column("map_keys", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="one_map"),
    CheckConstraint("octet_length(map_root) = 32", name="map_root_is_32_bytes"),
    comment="Derived: how far the log is in the item map; it may lag, never lead.",
)

map_pages = Table(
    "map_pages",
    metadata,
    Column("prefix", LargeBinary, primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("page", LargeBinary, nullable=False),
    CheckConstraint("octet_length(prefix) <= 64", name="prefix_of_a_key"),
    comment="Derived: pages of the item map, by nibbles of the keys below them, and the log size "
    "from which a version holds.",
)

map_superseded = Table(
    "map_superseded",
    metadata,
    Column("until", BigInteger, primary_key=True, autoincrement=False),
    Column("prefix", LargeBinary, primary_key=True),
    Column("size", BigInteger, nullable=False),
    comment="Derived: versions of pages that heads below `until` are still served from.",
)

map_steps = Table(
    "map_steps",
    metadata,
    Column("map_key", LargeBinary, primary_key=True),
    Column("log_index", BigInteger, primary_key=True, autoincrement=False),
    comment="Derived: steps of the map's chains by entries that name no items themselves: parties, "
    "keys and tombstones.",
)
