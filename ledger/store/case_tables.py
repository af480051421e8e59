"""Tables of cases; all derived from the log and from findings over time."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from ledger.store.tables import log_entries, metadata

finding_changes = Table(
    "finding_changes",
    metadata,
    Column("seq", BigInteger, Identity(always=False), primary_key=True),
    Column("log_index", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("late", Boolean, nullable=False),
    Column("item_key", LargeBinary, nullable=False),
    Column("code", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("finding_class", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("evidence", ARRAY(BigInteger), nullable=False),
    Column("backdated", Boolean, nullable=False),
    Column("reason", Text),
    CheckConstraint("kind IN ('opened', 'changed', 'closed')", name="known_kind"),
    CheckConstraint("(kind = 'closed') = (reason IS NOT NULL)", name="closed_with_a_reason"),
    Index("ix_finding_changes_log_index", "log_index"),
    Index("ix_finding_changes_item_key_code", "item_key", "code"),
    comment="What became of findings, in order; filled by trigger from finding_history. late: "
    "found at an index that was integrated before, by a clock or by other rules.",
)

cases = Table(
    "cases",
    metadata,
    Column("id", LargeBinary, primary_key=True),
    Column("item_key", LargeBinary, nullable=False),
    Column("code", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("opened_index", BigInteger, nullable=False),
    Column("changed_index", BigInteger, nullable=False),
    Column("newest_index", BigInteger, nullable=False),
    Column("cause", Text),
    Column("reason", Text),
    Column("assignee", Text),
    Column("muted_until", BigInteger),
    UniqueConstraint("item_key", "code", name="uq_cases_item_key_code"),
    CheckConstraint(
        "state IN ('open', 'acknowledged', 'assigned', 'resolved', 'closed')", name="known_state"
    ),
    Index("ix_cases_state_id", "state", "id"),
    comment="One for each item and rule: the fold over its changes and acts. newest_index: of the "
    "evidence that was seen last.",
)

case_acts = Table(
    "case_acts",
    metadata,
    Column(
        "log_index", BigInteger, ForeignKey(log_entries.c.log_index), primary_key=True,
        autoincrement=False,
    ),
    Column("case_id", LargeBinary, nullable=False),
    Column("effective", Boolean, nullable=False),
    Index("ix_case_acts_case_id_log_index", "case_id", "log_index"),
    comment="Which entries of the log act on which case, and whether it changed by them.",
)  # fmt: skip

case_progress = Table(
    "case_progress",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("changes_to", BigInteger, nullable=False),
    Column("acts_to", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
    comment="Changes up to changes_to and acts below the index acts_to are in the cases.",
)

failed_look_ups = Table(
    "failed_look_ups",
    metadata,
    Column("window_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("gtin", Text, primary_key=True),
    Column("requestor", LargeBinary, primary_key=True),
    Column("failures", BigInteger, nullable=False),
    comment="Look-ups of serials that no entry names, by hour; not from the log. requestor: a hash "
    "that no other hour has.",
)
