"""cases of findings."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    _changes()
    _cases()
    op.create_index(
        "ix_log_entries_acts",
        "log_entries",
        ["log_index"],
        unique=False,
        postgresql_where=sa.text("kind = 7"),
    )
    op.create_table(
        "failed_look_ups",
        sa.Column("window_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("gtin", sa.Text(), nullable=False),
        sa.Column("requestor", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("window_ms", "gtin", "requestor", name=op.f("pk_failed_look_ups")),
        comment="Look-ups of serials that no entry names, by hour; not from the log. requestor: a"
        " hash that no other hour has.",
    )


def _changes() -> None:
    op.create_table(
        "finding_changes",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("item_key", sa.LargeBinary(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("finding_class", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("evidence", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("backdated", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('opened', 'changed', 'closed')",
            name=op.f("ck_finding_changes_known_kind"),
        ),
        sa.CheckConstraint(
            "(kind = 'closed') = (reason IS NOT NULL)",
            name=op.f("ck_finding_changes_closed_with_a_reason"),
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_finding_changes")),
        comment="What became of findings, in order; filled by trigger from finding_history. late:"
        " found at an index that was integrated before, by a clock or by other rules.",
    )
    op.create_index("ix_finding_changes_log_index", "finding_changes", ["log_index"], unique=False)
    op.create_index(
        "ix_finding_changes_item_key_code", "finding_changes", ["item_key", "code"], unique=False
    )
    # Findings of an older release: each opened when it was first kept.
    op.execute("""
        INSERT INTO finding_changes (log_index, kind, late, item_key, code, severity,
            finding_class, detail, evidence, backdated)
        SELECT opened_index, 'opened', false, item_key, code, severity, finding_class, detail,
            evidence, backdated FROM finding_history WHERE closed_index IS NULL ORDER BY id
    """)
    op.execute("""
        CREATE FUNCTION note_finding_change() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE kind text;
        BEGIN
            IF TG_OP = 'INSERT' THEN
                kind := 'opened';
            ELSIF NEW.closed_index IS NOT NULL AND OLD.closed_index IS NULL THEN
                kind := 'closed';
            ELSIF (NEW.severity, NEW.finding_class, NEW.detail, NEW.evidence, NEW.backdated)
                IS DISTINCT FROM
                (OLD.severity, OLD.finding_class, OLD.detail, OLD.evidence, OLD.backdated)
            THEN
                kind := 'changed';
            ELSE
                RETURN NULL;
            END IF;
            INSERT INTO finding_changes (log_index, kind, late, item_key, code, severity,
                finding_class, detail, evidence, backdated, reason)
            VALUES (NEW.changed_index, kind,
                NEW.changed_index < (SELECT integrated FROM log_state),
                NEW.item_key, NEW.code, NEW.severity, NEW.finding_class, NEW.detail, NEW.evidence,
                NEW.backdated, CASE WHEN kind = 'closed' THEN NEW.closed_reason END);
            RETURN NULL;
        END $$;
        CREATE TRIGGER note_finding_change AFTER INSERT OR UPDATE ON finding_history
            FOR EACH ROW EXECUTE FUNCTION note_finding_change();
    """)


def _cases() -> None:
    op.create_table(
        "cases",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("item_key", sa.LargeBinary(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("opened_index", sa.BigInteger(), nullable=False),
        sa.Column("changed_index", sa.BigInteger(), nullable=False),
        sa.Column("newest_index", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("assignee", sa.Text(), nullable=True),
        sa.Column("muted_until", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('open', 'acknowledged', 'assigned', 'resolved', 'closed')",
            name=op.f("ck_cases_known_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
        sa.UniqueConstraint("item_key", "code", name="uq_cases_item_key_code"),
        comment="One for each item and rule: the fold over its changes and acts. newest_index: of"
        " the evidence that was seen last.",
    )
    op.create_index("ix_cases_state_id", "cases", ["state", "id"], unique=False)
    op.create_table(
        "case_acts",
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("case_id", sa.LargeBinary(), nullable=False),
        sa.Column("effective", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["log_index"], ["log_entries.log_index"], name=op.f("fk_case_acts_log_index")
        ),
        sa.PrimaryKeyConstraint("log_index", name=op.f("pk_case_acts")),
        comment="Which entries of the log act on which case, and whether it changed by them.",
    )
    op.create_index(
        "ix_case_acts_case_id_log_index", "case_acts", ["case_id", "log_index"], unique=False
    )
    op.create_table(
        "case_progress",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("changes_to", sa.BigInteger(), nullable=False),
        sa.Column("acts_to", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_case_progress_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_progress")),
        comment="Changes up to changes_to and acts below the index acts_to are in the cases.",
    )
    op.execute("INSERT INTO case_progress VALUES (1, 0, 0)")


def downgrade() -> None:
    op.execute("DROP TRIGGER note_finding_change ON finding_history")
    op.execute("DROP FUNCTION note_finding_change")
    op.drop_table("failed_look_ups")
    op.drop_index("ix_log_entries_acts", "log_entries")
    for name in ("case_progress", "case_acts", "cases", "finding_changes"):
        op.drop_table(name)
