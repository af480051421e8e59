"""National Drug Codes of the US FDA <-> GTIN (GS1 US guideline: GTIN = 0 03 NDC10 check digit).

Ten digits are the code, a hyphen's place is not said by a GTIN; eleven digits are the billing form
5-4-2, padded with one zero.
"""

import re
from dataclasses import dataclass
from typing import Final

from ledger.core.barcodes.refusal import BarcodeError
from ledger.core.gs1_keys import check_digit

_FIELD: Final = "NDC"
_SPLITS: Final = ((4, 4, 2), (5, 3, 2), (5, 4, 1))
_BILLING: Final = (5, 4, 2)
_HYPHENATED = re.compile(r"(?:NDC[: ]*)?([0-9]{4,5})-([0-9]{3,4})-([0-9]{1,2})", re.IGNORECASE)
_BARE = re.compile(r"(?:NDC[: ]*)?([0-9]{10,11})", re.IGNORECASE)
_BILLING_DIGITS: Final = 11
_GTIN_START: Final = "03"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ndc:
    """One way to hyphenate a code."""

    labeler: str
    product: str
    package: str

    @property
    def digits(self) -> str:
        """The ten digits."""
        return self.labeler + self.product + self.package

    @property
    def hyphenated(self) -> str:
        """4-4-2, 5-3-2 or 5-4-1."""
        return f"{self.labeler}-{self.product}-{self.package}"

    @property
    def billing(self) -> str:
        """The eleven digits of 5-4-2."""
        parts = zip((self.labeler, self.product, self.package), _BILLING, strict=True)
        return "".join(part.zfill(length) for part, length in parts)

    @property
    def gtin(self) -> str:
        """GTIN-14 of the code, indicator 0."""
        body = f"0{_GTIN_START}{self.digits}"
        return body + check_digit(body)


def candidates_of_gtin(gtin: str) -> list[Ndc]:
    """Return the ways to hyphenate the code in a GTIN-14, none where it holds no NDC.

    One where the digits decide: labelers of five digits begin at 10000.
    """
    return _ways(gtin[3:13]) if gtin[1:3] == _GTIN_START else []


def parse_ndc(text: str) -> list[Ndc]:
    """Return the codes that a text can mean, one where it is sure; none where it is no NDC at all.

    Raises:
        BarcodeError: the digits of an NDC, grouped as none is.
    """
    hyphenated = _HYPHENATED.fullmatch(text)
    if hyphenated is not None:
        parts = hyphenated.groups()
        lengths = tuple(map(len, parts))
        if lengths == _BILLING:
            return _of_billing("".join(parts))
        if lengths not in _SPLITS:
            rule = "must be 4-4-2, 5-3-2, 5-4-1 or the billing form 5-4-2"
            raise BarcodeError("INVALID_NDC", rule, text, _FIELD)
        return [Ndc(labeler=parts[0], product=parts[1], package=parts[2])]
    bare = _BARE.fullmatch(text)
    if bare is None:
        return []
    return _of_billing(bare[1]) if len(bare[1]) == _BILLING_DIGITS else _ways(bare[1])


def _ways(digits: str) -> list[Ndc]:
    splits = _SPLITS[:1] if digits.startswith("0") else _SPLITS
    return [_cut(digits, split) for split in splits]


def _of_billing(digits: str) -> list[Ndc]:
    """Undo the padding: the zero that was added leads one of the three parts."""
    cut = _cut(digits, _BILLING)
    ways = []
    if cut.labeler.startswith("0"):
        ways.append(Ndc(labeler=cut.labeler[1:], product=cut.product, package=cut.package))
    else:
        # A labeler of five digits never begins with 0, so the zero is elsewhere.
        if cut.product.startswith("0"):
            ways.append(Ndc(labeler=cut.labeler, product=cut.product[1:], package=cut.package))
        if cut.package.startswith("0"):
            ways.append(Ndc(labeler=cut.labeler, product=cut.product, package=cut.package[1:]))
    if not ways:
        rule = "a billing form has a padding zero at the start of one of its parts"
        raise BarcodeError("INVALID_NDC", rule, digits, _FIELD)
    return ways


def _cut(digits: str, split: tuple[int, int, int]) -> Ndc:
    first, second, _ = split
    return Ndc(
        labeler=digits[:first],
        product=digits[first : first + second],
        package=digits[first + second :],
    )
