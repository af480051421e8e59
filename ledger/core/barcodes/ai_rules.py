"""What the value of an application identifier may say, beyond length and character set.

General Specifications section 3 rules by name; each takes one component of a value. Code lists
that other bodies keep (ISO 3166, ISO 4217, UN/ECE 21) and coupon contents are checked for form
only: a list that ages would refuse good goods.
"""

from calendar import monthrange
from collections.abc import Callable
from typing import Final

from ledger.core.gs1_keys import check_digit

# Any year of a century without its number: the one choice is whether 00 is a leap year, 2000 was.
_CENTURY: Final = 2000
# General Specifications section 7.9.5: weights of the check pair, from its left neighbour on.
_PAIR_PRIMES: Final = (
    2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83,
)  # fmt: skip
_SET_82: Final = (
    "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
)
_SET_32: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_PAIR_MODULUS: Final = 1021
_IBAN_MODULUS: Final = 97
_MAX_TENTHS_LATITUDE: Final = 1_800_000_000
_MAX_TENTHS_LONGITUDE: Final = 3_600_000_000


def is_date(value: str) -> bool:
    """YYMMDD or YYYYMMDD, a day that exists."""
    year = int(value[:-4]) + (_CENTURY if len(value) == len("YYMMDD") else 0)
    month, day = int(value[-4:-2]), int(value[-2:])
    return year > 0 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]  # noqa: PLR2004 -- months of a year


def is_date_or_month(value: str) -> bool:
    """YYMMDD, where day 00 is the last one of the month (section 3.4.2)."""
    return is_date(f"{value[:4]}01" if value.endswith("00") else value)


def is_hour(value: str) -> bool:
    """00 to 23."""
    return int(value) < 24  # noqa: PLR2004 -- hours of a day


def is_minute(value: str) -> bool:
    """00 to 59, of an hour or a minute."""
    return int(value) < 60  # noqa: PLR2004 -- minutes of an hour


def is_time(value: str) -> bool:
    """HHMM."""
    return is_hour(value[:2]) and is_minute(value[2:])


def has_check_digit(value: str) -> bool:
    """Section 7.9.1."""
    return check_digit(value[:-1]) == value[-1]


def has_check_pair(value: str) -> bool:
    """Section 7.9.5: the two check characters of a global model number."""
    body, pair = value[:-2], value[-2:]
    if not body or len(body) > len(_PAIR_PRIMES):
        return False
    weighted = zip(reversed(body), _PAIR_PRIMES, strict=False)
    total = sum(_SET_82.index(one) * prime for one, prime in weighted) % _PAIR_MODULUS
    return pair == _SET_32[total >> 5] + _SET_32[total & 31]


def is_piece_of_total(value: str) -> bool:
    """Piece and total of a trade item in pieces: neither 00, the piece not above the total."""
    half = len(value) // 2
    return 0 < int(value[:half]) <= int(value[half:])


def is_iban(value: str) -> bool:
    """ISO 13616: country, two check digits, account, modulo 97 = 1."""
    turned = value[4:] + value[:4]
    if not (value[:2].isalpha() and value[2:4].isdigit() and turned.isalnum() and turned.isupper()):
        return False
    return int("".join(str(int(one, 36)) for one in turned)) % _IBAN_MODULUS == 1


def is_escaped_text(value: str) -> bool:
    """Percent-encoded text: each % with two hex digits."""
    return all(
        len(one) >= 2 and all(digit in "0123456789ABCDEFabcdef" for digit in one[:2])  # noqa: PLR2004
        for one in value.split("%")[1:]
    )


def _one_of(allowed: str) -> Callable[[str], bool]:
    choices = frozenset(allowed.split())
    return lambda value: value in choices


# name of the rule -> (does it hold, code where it does not)
_DATE, _VALUE, _DIGIT = "INVALID_DATE", "INVALID_VALUE", "INVALID_CHECK_DIGIT"
RULES: Final[dict[str, tuple[Callable[[str], bool], str]]] = {
    "check": (has_check_digit, _DIGIT),
    "pair": (has_check_pair, _DIGIT),
    "date": (is_date, _DATE),
    "date0": (is_date_or_month, _DATE),
    "time": (is_time, _DATE),
    "hour": (is_hour, _DATE),
    "minute": (is_minute, _DATE),
    "pieces": (is_piece_of_total, _VALUE),
    "zero": (_one_of("0"), _VALUE),
    "nonzero": (lambda value: int(value) != 0, _VALUE),
    "nozero": (lambda value: value == "0" or not value.startswith("0"), _VALUE),
    "flag": (_one_of("0 1"), _VALUE),
    "sex": (_one_of("0 1 2 9"), _VALUE),
    "winding": (_one_of("0 1 9"), _VALUE),
    "minus": (_one_of("-"), _VALUE),
    "latitude": (lambda value: int(value) <= _MAX_TENTHS_LATITUDE, _VALUE),
    "longitude": (lambda value: int(value) <= _MAX_TENTHS_LONGITUDE, _VALUE),
    # Section 3.8.19: 01 to 10, the rest is reserved or the issuer's own from 80 on.
    "media": (lambda value: 1 <= int(value) <= 10 or int(value) >= 80, _VALUE),  # noqa: PLR2004
    "country2": (lambda value: value.isalpha() and value.isupper(), _VALUE),
    "sequence": (lambda value: value[0].isdigit() and value[1] == "/" and value[2].isdigit()
                 and "0" < value[0] <= value[2], _VALUE),
    "importer": (lambda value: value.isalnum() or value in "-_", _VALUE),
    "iban": (is_iban, _DIGIT),
    "percent": (is_escaped_text, _VALUE),
}  # fmt: skip
