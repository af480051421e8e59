"""Why a barcode's text is refused: a stable code beside field, rule and value."""

from ledger.core.errors import MalformedError


class BarcodeError(MalformedError):
    """Text that is no barcode data, or breaks a rule of its issuing agency."""

    def __init__(self, code: str, rule: str, value: object = None, field: str = "scan") -> None:
        """Keep the code, which programs may rely on."""
        super().__init__(field, rule, value)
        self.code = code
