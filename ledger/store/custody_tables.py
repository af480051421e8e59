"""Tables of custody; all derived: an audit makes them again from the log and compares.

`findings` (ledger.store.tables) are the open ones, with
    backdated       bool    its entry logged last is earlier, by event time, than other evidence
    opened_index    bigint  last log index integrated when it opened
    opened_ms       bigint  the sequencer's clock then
    changed_index   bigint  the same of the last change of severity, class, evidence or detail
and `item_states` has
    condition       text    what content says of the item, NULL for nothing
    due_ms          bigint  the clock at which its findings may change without a new entry
`finding_history` has one row an episode, an open one too:
    id, item_key, code, severity, finding_class, detail, evidence, backdated, opened_index,
    opened_ms, changed_index, closed_index, closed_ms, closed_reason
closed_* are NULL while it is open; a closed one keeps its evidence. `changed_index` of a closed
episode is its `closed_index`: whoever has read up to a log index asks for what is above it.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)

from ledger.store.tables import metadata

custody_facts = Table(
    "custody_facts",
    metadata,
    Column("log_index", BigInteger, primary_key=True, autoincrement=False),
    Column("step", Text, nullable=False),
    Column("disposition", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("lot", Text, nullable=False),
    Column("expiry_ms", BigInteger),
    Column("original", BigInteger),
    Column("alarm", Boolean, nullable=False),
    Column("more", Text),
    Index("ix_custody_facts_place", text("split_part(place, '/254/', 1)")),
    Index("ix_custody_facts_original", "original", postgresql_where=text("original IS NOT NULL")),
    comment="What the content of an event tells custody; gone when the content is erased. "
    "original: the event that had its eventID first, with other content. more: JSON, if any.",
)

custody_quantities = Table(
    "custody_quantities",
    metadata,
    Column("item_key", LargeBinary, primary_key=True),
    Column("log_index", BigInteger, primary_key=True, autoincrement=False),
    Column("quantity", Float(53), nullable=False),
    Index("ix_custody_quantities_log_index", "log_index"),
    comment="What an event says of a class: how many.",
)

stays = Table(
    "stays",
    metadata,
    Column("child", LargeBinary, primary_key=True),
    Column("from_index", BigInteger, primary_key=True, autoincrement=False),
    Column("parent", LargeBinary, primary_key=True),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_index", BigInteger),
    Column("to_ms", BigInteger),
    Column("is_followed", Boolean, nullable=False),
    Index("ix_stays_parent_to_ms", "parent", "to_ms"),
    Index("ix_stays_followed", "parent", postgresql_where=text("is_followed")),
    CheckConstraint("(to_index IS NULL) = (to_ms IS NULL)", name="ends_somewhere"),
    comment="Which item was in which container, from which entry to which. is_followed: the child "
    "holds others or did something by itself since, so that what the container does concerns it.",
)

places = Table(
    "places",
    metadata,
    Column("path", Text, primary_key=True),
    Column("latitude", Float(53), nullable=False),
    Column("longitude", Float(53), nullable=False),
    Column("submission_id", BigInteger, primary_key=True, autoincrement=False),
    Index("ix_places_submission_id", "submission_id"),
    comment="Coordinates by master data: of all documents that tell of a place, what the first "
    "says stands.",
)

finding_history = Table(
    "finding_history",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("item_key", LargeBinary, nullable=False),
    Column("code", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("finding_class", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("evidence", ARRAY(BigInteger), nullable=False),
    Column("backdated", Boolean, nullable=False),
    Column("opened_index", BigInteger, nullable=False),
    Column("opened_ms", BigInteger, nullable=False),
    Column("changed_index", BigInteger, nullable=False),
    Column("closed_index", BigInteger),
    Column("closed_ms", BigInteger),
    Column("closed_reason", Text),
    Index("ix_finding_history_item_key_code", "item_key", "code"),
    Index("ix_finding_history_changed_index_id", "changed_index", "id"),
    CheckConstraint("num_nonnulls(closed_index, closed_ms, closed_reason) IN (0, 3)",
                    name="closed_with_a_reason"),
    comment="Every time that a finding was open: what was seen of it, and why it closed.",
)  # fmt: skip
Index(
    "uq_finding_history_open",
    finding_history.c.item_key,
    finding_history.c.code,
    unique=True,
    postgresql_where=finding_history.c.closed_index.is_(None),
)

custody_progress = Table(
    "custody_progress",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("rules_digest", LargeBinary, nullable=False),
    Column("revised_to", LargeBinary),
    Column("facts_to", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
    comment="By which rules findings are made; revised_to: the last item made by these, NULL when "
    "all are. facts_to: contents of entries below it are read.",
)

custody_waiting = Table(
    "custody_waiting",
    metadata,
    Column("item_key", LargeBinary, primary_key=True),
    comment="Items to be evaluated again, for other reasons than an entry that names them.",
)
