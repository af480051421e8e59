"""what custody keeps: facts of content, stays in containers, findings over time."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    _content()
    _containment()
    _findings()
    op.add_column("item_states", sa.Column("condition", sa.Text(), nullable=True))
    op.add_column("item_states", sa.Column("due_ms", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_item_states_due_ms",
        "item_states",
        ["due_ms"],
        unique=False,
        postgresql_where=sa.text("due_ms IS NOT NULL"),
    )
    op.create_table(
        "custody_progress",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("rules_digest", sa.LargeBinary(), nullable=False),
        sa.Column("revised_to", sa.LargeBinary(), nullable=True),
        sa.Column("facts_to", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_custody_progress_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_custody_progress")),
        comment="By which rules findings are made; revised_to: the last item made by these, NULL"
        " when all are. facts_to: contents of entries below it are read.",
    )
    # By no rules yet, and no content read: what an older release integrated is made anew.
    op.execute("INSERT INTO custody_progress VALUES (1, '', NULL, 0)")
    op.create_table(
        "custody_waiting",
        sa.Column("item_key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("item_key", name=op.f("pk_custody_waiting")),
        comment="Items to be evaluated again, for other reasons than an entry that names them.",
    )


def _content() -> None:
    op.create_table(
        "custody_facts",
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("disposition", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("lot", sa.Text(), nullable=False),
        sa.Column("expiry_ms", sa.BigInteger(), nullable=True),
        sa.Column("original", sa.BigInteger(), nullable=True),
        sa.Column("alarm", sa.Boolean(), nullable=False),
        sa.Column("more", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("log_index", name=op.f("pk_custody_facts")),
        comment="What the content of an event tells custody; gone when the content is erased."
        " original: the event that had its eventID first, with other content. more: JSON, if any.",
    )
    # Where a site's extension has no coordinates, those of its GLN count.
    op.create_index(
        "ix_custody_facts_place", "custody_facts", [sa.text("split_part(place, '/254/', 1)")]
    )
    op.create_index(
        "ix_custody_facts_original",
        "custody_facts",
        ["original"],
        unique=False,
        postgresql_where=sa.text("original IS NOT NULL"),
    )
    op.create_table(
        "custody_quantities",
        sa.Column("item_key", sa.LargeBinary(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("quantity", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("item_key", "log_index", name=op.f("pk_custody_quantities")),
        comment="What an event says of a class: how many.",
    )
    op.create_index(
        "ix_custody_quantities_log_index", "custody_quantities", ["log_index"], unique=False
    )
    op.create_table(
        "places",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("latitude", sa.Float(53), nullable=False),
        sa.Column("longitude", sa.Float(53), nullable=False),
        sa.Column("submission_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("path", "submission_id", name=op.f("pk_places")),
        comment="Coordinates by master data: of all documents that tell of a place, what the first"
        " says stands.",
    )
    op.create_index("ix_places_submission_id", "places", ["submission_id"], unique=False)


def _containment() -> None:
    op.create_table(
        "stays",
        sa.Column("child", sa.LargeBinary(), nullable=False),
        sa.Column("from_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("parent", sa.LargeBinary(), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("to_index", sa.BigInteger(), nullable=True),
        sa.Column("to_ms", sa.BigInteger(), nullable=True),
        sa.Column("is_followed", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "(to_index IS NULL) = (to_ms IS NULL)", name=op.f("ck_stays_ends_somewhere")
        ),
        sa.PrimaryKeyConstraint("child", "from_index", "parent", name=op.f("pk_stays")),
        comment="Which item was in which container, from which entry to which. is_followed: the"
        " child holds others or did something by itself since, so that what the container does"
        " concerns it.",
    )
    op.create_index("ix_stays_parent_to_ms", "stays", ["parent", "to_ms"], unique=False)
    op.create_index(
        "ix_stays_followed",
        "stays",
        ["parent"],
        unique=False,
        postgresql_where=sa.text("is_followed"),
    )
    op.create_index(
        "ix_item_rows_parents",
        "item_rows",
        ["log_index"],
        unique=False,
        postgresql_include=["item_key"],
        postgresql_where=sa.text("role = 1"),
    )


def _findings() -> None:
    for name in ("opened_index", "opened_ms", "changed_index"):
        op.add_column("findings", sa.Column(name, sa.BigInteger(), nullable=True))
    op.add_column("findings", sa.Column("backdated", sa.Boolean(), nullable=True))
    op.execute("""
        UPDATE findings SET backdated = false, opened_index = s.integrated - 1,
            changed_index = s.integrated - 1, opened_ms = s.clock_ms FROM log_state s
    """)
    for name in ("opened_index", "opened_ms", "changed_index", "backdated"):
        op.alter_column("findings", name, nullable=False)
    op.create_table(
        "finding_history",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("item_key", sa.LargeBinary(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("finding_class", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("evidence", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("backdated", sa.Boolean(), nullable=False),
        sa.Column("opened_index", sa.BigInteger(), nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("changed_index", sa.BigInteger(), nullable=False),
        sa.Column("closed_index", sa.BigInteger(), nullable=True),
        sa.Column("closed_ms", sa.BigInteger(), nullable=True),
        sa.Column("closed_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "num_nonnulls(closed_index, closed_ms, closed_reason) IN (0, 3)",
            name=op.f("ck_finding_history_closed_with_a_reason"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding_history")),
        comment="Every time that a finding was open: what was seen of it, and why it closed.",
    )
    op.create_index(
        "ix_finding_history_item_key_code", "finding_history", ["item_key", "code"], unique=False
    )
    op.create_index(
        "ix_finding_history_changed_index_id",
        "finding_history",
        ["changed_index", "id"],
        unique=False,
    )
    op.create_index(
        "uq_finding_history_open",
        "finding_history",
        ["item_key", "code"],
        unique=True,
        postgresql_where=sa.text("closed_index IS NULL"),
    )
    columns = (
        "item_key, code, severity, finding_class, detail, evidence, backdated, opened_index,"
        " opened_ms, changed_index"
    )
    op.execute(f"INSERT INTO finding_history ({columns}) SELECT {columns} FROM findings")  # noqa: S608


def downgrade() -> None:
    op.drop_table("custody_waiting")
    op.drop_table("custody_progress")
    op.drop_table("finding_history")
    for name in ("backdated", "opened_index", "opened_ms", "changed_index"):
        op.drop_column("findings", name)
    op.drop_index("ix_item_rows_parents", "item_rows")
    op.drop_table("stays")
    op.drop_table("places")
    op.drop_table("custody_quantities")
    op.drop_table("custody_facts")
    op.drop_index("ix_item_states_due_ms", "item_states")
    op.drop_column("item_states", "due_ms")
    op.drop_column("item_states", "condition")
