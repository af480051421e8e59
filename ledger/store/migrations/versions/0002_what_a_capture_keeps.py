"""what a capture keeps: error behaviour, findings, and the id of each event.

Rows that are there stay as they are: what was captured before went ahead event by event, its
findings were not kept, and its events are found by content only.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_RESULTS_COMMENT = (
    "The answer to the sender. findings: JSON, of the document's check and of its eventIDs."
)
_EVENTS_COMMENT = (
    "Content (JCS of the event) and its secret, encrypted. event_hash: CBV 2.0; event_id: "
    "the eventID, else that hash as its URI. Both are absent before revision 0002."
)


def upgrade() -> None:
    # A constant default rewrites no row, so the append-only triggers have nothing to refuse.
    op.add_column(
        "submissions",
        sa.Column("error_behaviour", sa.Text(), nullable=False, server_default="proceed"),
    )
    op.alter_column("submissions", "error_behaviour", server_default=None)
    op.create_check_constraint(
        op.f("ck_submissions_known_error_behaviour"),
        "submissions",
        "error_behaviour IN ('rollback', 'proceed')",
    )
    op.add_column("capture_results", sa.Column("findings", sa.Text(), nullable=True))
    op.add_column("capture_results", sa.Column("finished_ms", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_capture_results_rejected",
        "capture_results",
        ["submission_id", "position"],
        postgresql_where=sa.text("verdict = 'rejected'"),
    )
    op.create_table_comment("capture_results", _RESULTS_COMMENT)
    op.add_column("events", sa.Column("event_id", sa.Text(), nullable=True))
    op.add_column("events", sa.Column("event_hash", sa.LargeBinary(), nullable=True))
    op.add_column(
        "events",
        sa.Column("declares_error", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.alter_column("events", "declares_error", server_default=None)
    op.create_check_constraint(
        op.f("ck_events_event_id_fits_its_index"), "events", "octet_length(event_id) <= 1024"
    )
    op.create_check_constraint(
        op.f("ck_events_event_hash_is_32_bytes"), "events", "octet_length(event_hash) = 32"
    )
    op.create_index(
        "ix_events_event_id", "events", ["event_id", "declares_error", "event_hash", "party"]
    )
    op.create_table_comment("events", _EVENTS_COMMENT)


def downgrade() -> None:
    op.drop_index("ix_events_event_id", table_name="events")
    for column in ("declares_error", "event_hash", "event_id"):
        op.drop_column("events", column)
    op.drop_index("ix_capture_results_rejected", table_name="capture_results")
    for column in ("finished_ms", "findings"):
        op.drop_column("capture_results", column)
    op.drop_column("submissions", "error_behaviour")
