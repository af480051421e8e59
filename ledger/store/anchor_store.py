"""The anchor worker's state machine in PostgreSQL."""

from sqlalchemy import ColumnElement, Engine, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError

from ledger.service.ports import AnchorRow
from ledger.store.outbox import announce_anchor
from ledger.store.tables import anchors

_GIVEN_UP = ("failed", "replaced")
_IN_FLIGHT = ("prepared", "sent")
_UNSETTLED = ("prepared", "sent", "mined", "safe")
_COLUMNS = [anchors.c[name] for name in AnchorRow.__slots__]


class SqlAnchorStore:
    """Anchors over one engine."""

    def __init__(self, engine: Engine) -> None:
        """Take an engine whose database is migrated."""
        self._engine = engine

    def latest(self, chain_id: int) -> AnchorRow | None:
        """Return the newest anchor that is neither failed nor replaced."""
        query = (
            select(*_COLUMNS)
            .where(anchors.c.chain_id == chain_id, anchors.c.state.not_in(_GIVEN_UP))
            .order_by(anchors.c.id.desc())
            .limit(1)
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else AnchorRow(**row._asdict())

    def signed_from(self, chain_id: int, wallet: bytes, nonce: int) -> list[AnchorRow]:
        """Return everything ever signed for a wallet's nonces from nonce on, by nonce and age."""
        return self._rows(
            anchors.c.chain_id == chain_id, anchors.c.wallet == wallet, anchors.c.nonce >= nonce
        )

    def prepare(self, row: AnchorRow, *, instead_of: int | None = None) -> AnchorRow | None:
        """Commit a signed transaction before it is broadcast; returns it with its id.

        The anchor `instead_of` becomes `replaced` in the same transaction. None, and no change,
        when another worker has one in flight or has moved that anchor.
        """
        values = {name: getattr(row, name) for name in AnchorRow.__slots__ if name != "id"}
        put = upsert(anchors).values(values).on_conflict_do_nothing().returning(*_COLUMNS)
        withdraw = (
            update(anchors)
            .where(anchors.c.id == instead_of, anchors.c.state.in_(_IN_FLIGHT))
            .values(state="replaced", updated_ms=row.updated_ms)
        )
        with self._engine.connect() as connection, connection.begin() as transaction:
            gone = instead_of is not None and connection.execute(withdraw).rowcount != 1
            stored = None if gone else connection.execute(put).one_or_none()
            if stored is None:
                transaction.rollback()
                return None
        return AnchorRow(**stored._asdict())

    def move(
        self, anchor_id: int, state: str, *, at_ms: int, block: tuple[int, bytes] | None = None,
        reason: str | None = None,
    ) -> None:  # fmt: skip
        """Change the state of an anchor, unless another worker put one in flight meanwhile."""
        number, block_hash = block or (None, None)
        statement = (
            update(anchors)
            .where(anchors.c.id == anchor_id)
            .values(
                state=state,
                block_number=number,
                block_hash=block_hash,
                reason=reason,
                updated_ms=at_ms,
            )
        )
        try:
            with self._engine.begin() as connection:
                announce_anchor(connection, anchor_id, state, block, at_ms)
                connection.execute(statement)
        except IntegrityError:
            # One in flight a wallet: this one takes its turn when the other is mined.
            if state not in _IN_FLIGHT:
                raise

    def unsettled(self, chain_id: int) -> list[AnchorRow]:
        """Return anchors that are prepared, sent, mined or safe, by nonce."""
        return self._rows(anchors.c.chain_id == chain_id, anchors.c.state.in_(_UNSETTLED))

    def _rows(self, *conditions: ColumnElement[bool]) -> list[AnchorRow]:
        query = select(*_COLUMNS).where(*conditions).order_by(anchors.c.nonce, anchors.c.id)
        with self._engine.connect() as connection:
            return [AnchorRow(**row._asdict()) for row in connection.execute(query)]
