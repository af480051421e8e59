"""One pack that its maker sold twice, as the ledger's own services make the evidence of it."""

from collections.abc import Collection
from dataclasses import dataclass, field

from ledger.core.commitment import commit, derive_items_secret
from ledger.core.entries import Z, entry_leaf_hash
from ledger.core.facts import LogIdentity
from ledger.core.identifiers import item_key
from ledger.core.merkle import Levels
from ledger.core.strict_json import parse_json
from ledger.core.submission import Signer, build_submission, doc_hash
from ledger.core.tokens import hold_token
from ledger.service.evidence import EvidenceMaker
from ledger.service.proof_ports import ProofRow
from ledger.service.token_ports import RetainedBody, RetainedRow
from tests.integration.partners import document, ship

ITEM = "https://id.gs1.org/01/04012345111118/21/987"
PATH = "/01/04012345111118/21/987"
OTHERS = [f"https://id.gs1.org/01/04012345111118/21/{serial}" for serial in range(4)]
SELLER = Signer(private_key=b"\x11" * 32, party=b"\x22" * 32, party_secret=b"\x33" * 32)


@dataclass(slots=True)
class Sold:
    """The two signed handoffs, as `EvidenceMaker` reads them from a database."""

    rows: list[ProofRow] = field(default_factory=list)
    bodies: list[RetainedBody] = field(default_factory=list)

    def add(self, identity: LogIdentity, token: bytes, *, to: str, before: int = 0) -> None:
        """Sign a document whose event number `before` hands the item to a GLN."""
        sold = ship(*sorted([ITEM, *OTHERS]))
        sold["destinationList"] = [
            {"type": "owning_party", "destination": f"https://id.gs1.org/417/{to}"}
        ]
        raw = document(*[ship(one) for one in OTHERS[:before]], sold)
        event = parse_json(document(sold))["epcisBody"]["eventList"][0]  # type: ignore[index,call-overload]
        names = commit(event, bytes(32)).items
        row = next(i for i, one in enumerate(names) if one.path == PATH)
        spends = {before: {row: token}}
        built = build_submission(raw, SELLER, identity.domain(), issued_at=7, spends=spends)
        tree = Levels()
        tree.extend([entry_leaf_hash(one.entry) for one in built.events])
        self.rows.append(
            ProofRow(
                index=len(self.rows), entry=built.events[before].entry, issued_ms=7,
                doc_hash=doc_hash(built.doc_salt, raw), signature=built.signature,
                count=before + 1, position=before, path=b"".join(tree.inclusion_proof(before)),
            )
        )  # fmt: skip
        self.bodies.append(
            RetainedBody(
                items_secret=derive_items_secret(built.events[before].event_secret),
                rows=[
                    RetainedRow(one.item_key, one.role, token if i == row else Z)
                    for i, one in enumerate(names)
                ],
            )
        )

    def double_spend(self, item_key: bytes) -> tuple[int, int, bytes] | None:
        return (0, 1, hold_token(item_key, Z))

    def proof_rows(self, indexes: Collection[int]) -> list[ProofRow]:
        return [self.rows[index] for index in sorted(indexes)]

    def retained(self, index: int) -> RetainedBody:
        return self.bodies[index]


def sold_twice(identity: LogIdentity) -> bytes:
    """The evidence: the second sale is the third of its document."""
    sold, token = Sold(), hold_token(item_key(PATH), Z)
    sold.add(identity, token, to="4012345000016")
    sold.add(identity, token, to="4012345000023", before=2)
    return EvidenceMaker(store=sold, identity=identity).double_spend(PATH)
