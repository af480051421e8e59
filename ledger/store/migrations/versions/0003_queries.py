"""queries: the derived index of events, and named queries."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

BY_EVENT_TIME = ("event_type", "biz_step", "disposition", "read_point", "biz_location")


def upgrade() -> None:
    op.create_table(
        "epcis_index",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("indexed", sa.BigInteger(), nullable=False),
        sa.Column("clock_ms", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_epcis_index_one_index")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_epcis_index")),
        comment="How many entries of the log are indexed, the last clock among them,"
        " by which rules.",
    )
    op.execute("INSERT INTO epcis_index (id, indexed, clock_ms, version) VALUES (1, 0, 0, 0)")
    op.create_table(
        "epcis_events",
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_ms", sa.BigInteger(), nullable=False),
        sa.Column("event_ms", sa.BigInteger(), nullable=False),
        sa.Column("party", sa.LargeBinary(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("event_type", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=True),
        sa.Column("biz_step", sa.Text(), nullable=True),
        sa.Column("disposition", sa.Text(), nullable=True),
        sa.Column("read_point", sa.Text(), nullable=True),
        sa.Column("biz_location", sa.Text(), nullable=True),
        sa.Column("terms", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("rendered", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("log_index", name=op.f("pk_epcis_events")),
        comment="Derived: one row an event. rendered: its JSON as it is served.",
    )
    for column in ("event_ms", "record_ms", "event_id"):
        op.create_index(f"ix_epcis_events_{column}", "epcis_events", [column, "log_index"])
    for column in BY_EVENT_TIME:
        op.create_index(
            f"ix_epcis_events_{column}", "epcis_events", [column, "event_ms", "log_index"]
        )
    op.create_index("ix_epcis_events_terms", "epcis_events", ["terms"], postgresql_using="gin")
    op.create_table(
        "epcis_numbers",
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("log_index", "name", "value", name=op.f("pk_epcis_numbers")),
        comment="Derived: what is compared by size.",
    )
    op.create_index("ix_epcis_numbers_name", "epcis_numbers", ["name", "value", "log_index"])
    op.create_table(
        "epcis_attributes",
        sa.Column("element", sa.Text(), nullable=False),
        sa.Column("term", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("element", "term", name=op.f("pk_epcis_attributes")),
        comment="Derived: master data of documents' headers, attribute names and `name=value`.",
    )
    op.create_table(
        "epcis_children",
        sa.Column("parent", sa.Text(), nullable=False),
        sa.Column("child", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("parent", "child", name=op.f("pk_epcis_children")),
        comment="Derived: places below places, from the same master data.",
    )
    op.create_table(
        "epcis_queries",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("definition", sa.LargeBinary(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "octet_length(name) BETWEEN 1 AND 256", name=op.f("ck_epcis_queries_name_is_short")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_epcis_queries")),
        comment="Named queries: the JSON object as it was posted. Not derived.",
    )
    op.create_index("ix_items_path", "items", ["path"], postgresql_ops={"path": "text_pattern_ops"})


def downgrade() -> None:
    op.drop_index("ix_items_path", table_name="items")
    for table in ("queries", "children", "attributes", "numbers", "events", "index"):
        op.drop_table(f"epcis_{table}")
