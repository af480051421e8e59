"""Whether a document carries what the DSCSA asks of a transaction (docs/dscsa.md).

Transaction information and statement of the FD&C Act section 581(26) and (27), as the GS1 US
guideline puts them into EPCIS; the same for every format, since it reads the internal model.
"""

from ledger.core.epcis.document import Document
from ledger.core.epcis.dscsa_hierarchy import check_hierarchy
from ledger.core.epcis.dscsa_parties import check_parties
from ledger.core.epcis.dscsa_products import check_products
from ledger.core.epcis.dscsa_statement import check_statement
from ledger.core.epcis.dscsa_trade import trade_of
from ledger.core.epcis.finding import DocumentFinding

_RULES = (check_statement, check_parties, check_products, check_hierarchy)


def check_dscsa(document: Document) -> list[DocumentFinding]:
    """Return what is missing or contradictory; [] is complete. Events of any shape will do."""
    trade = trade_of(document)
    return [finding for rule in _RULES for finding in rule(trade)]
