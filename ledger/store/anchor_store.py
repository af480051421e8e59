"""The anchor worker's state machine in PostgreSQL."""

from sqlalchemy import Engine, func, insert, select, update

from ledger.service.ports import AnchorRow
from ledger.store.tables import anchors

_GIVEN_UP = ("failed", "replaced")
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
        return None if row is None else AnchorRow(**row._mapping)

    def next_nonce(self, chain_id: int, wallet: bytes) -> int:
        """Return one past the greatest nonce that was signed and not given up."""
        query = select(func.max(anchors.c.nonce)).where(
            anchors.c.chain_id == chain_id, anchors.c.wallet == wallet,
            anchors.c.state.not_in(_GIVEN_UP),
        )  # fmt: skip
        with self._engine.connect() as connection:
            greatest = connection.execute(query).scalar_one()
        return 0 if greatest is None else greatest + 1

    def prepare(self, row: AnchorRow) -> AnchorRow:
        """Commit a signed transaction before it is broadcast; returns it with its id."""
        values = {name: getattr(row, name) for name in AnchorRow.__slots__ if name != "id"}
        statement = insert(anchors).values(**values, updated_ms=row.created_ms).returning(*_COLUMNS)
        with self._engine.begin() as connection:
            return AnchorRow(**connection.execute(statement).one()._mapping)

    def move(
        self, anchor_id: int, state: str, *, at_ms: int, block: tuple[int, bytes] | None = None,
        reason: str | None = None,
    ) -> None:  # fmt: skip
        """Change the state of an anchor."""
        number, block_hash = block or (None, None)
        statement = (
            update(anchors)
            .where(anchors.c.id == anchor_id)
            .values(
                state=state, block_number=number, block_hash=block_hash, reason=reason,
                updated_ms=at_ms,
            )  # fmt: skip
        )
        with self._engine.begin() as connection:
            connection.execute(statement)

    def unsettled(self, chain_id: int) -> list[AnchorRow]:
        """Return anchors that are prepared, sent, mined or safe, oldest first."""
        query = (
            select(*_COLUMNS)
            .where(anchors.c.chain_id == chain_id, anchors.c.state.in_(_UNSETTLED))
            .order_by(anchors.c.id)
        )
        with self._engine.connect() as connection:
            return [AnchorRow(**row._mapping) for row in connection.execute(query)]
