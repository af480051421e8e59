"""Units of measurement: UN/CEFACT Recommendation 20 codes, each with its dimension and base unit.

Queries compare a measurement with a threshold in whatever unit either was written (EPCIS 2.0
section 8.2.7.1). Codes that are not listed compare with themselves only.
"""

from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Final

# A double holds 15 digits; three less, and 39.2 degrees Fahrenheit are 4 degrees Celsius.
COMPARED_DIGITS: Final = 12
_EXACT: Final = Context(prec=34)
_PI: Final = Decimal("3.141592653589793238462643383279503")

# Per dimension: code and what one of it is in the base unit, the first.
_LISTED: Final = {
    "mass": "KGM 1 GRM 1e-3 MGM 1e-6 MC 1e-9 TNE 1e3 DTN 100 HGM 0.1 DJ 0.01 CGM 1e-5"
    " LBR 0.45359237 ONZ 0.028349523125 STI 6.35029318 LTN 1016.0469088 STN 907.18474",
    "length": "MTR 1 DMT 0.1 CMT 0.01 MMT 1e-3 4H 1e-6 C45 1e-9 KMT 1e3 INH 0.0254 FOT 0.3048"
    " YRD 0.9144 SMI 1609.344 NMI 1852",
    "area": "MTK 1 DMK 0.01 CMK 1e-4 MMK 1e-6 KMK 1e6 HAR 1e4 INK 0.00064516 FTK 0.09290304"
    " YDK 0.83612736",
    "volume": "MTQ 1 LTR 1e-3 DLT 1e-4 CLT 1e-5 MLT 1e-6 4G 1e-9 HLT 0.1 DMQ 1e-3 CMQ 1e-6 MMQ 1e-9"
    " INQ 0.000016387064 FTQ 0.028316846592 YDQ 0.764554857984 GLL 0.003785411784"
    " GLI 0.00454609 OZA 0.0000295735295625 OZI 0.0000284130625",
    "pressure": "PAL 1 A97 100 KPA 1e3 MPA 1e6 BAR 1e5 MBR 100 ATM 101325 PS 6894.757293168",
    "time": "SEC 1 C26 1e-3 B98 1e-6 C47 1e-9 MIN 60 HUR 3600 DAY 86400 WEE 604800",
    "number": "C62 1 EA 1 H87 1 P1 0.01 NX 1e-3 59 1e-6 61 1e-9 DZN 12 GRO 144 MIL 1000",
    "density": "KMQ 1 23 1e3 A93 1e-3 GL 1 M1 1e-3 GP 1e-6 GQ 1e-9",
    "acceleration": "MSK 1 A76 0.01 K40 9.80665 A73 0.3048",
    "frequency": "HTZ 1 KHZ 1e3 MHZ 1e6 A86 1e9",
    "energy": "JOU 1 KJO 1e3 3B 1e6 WHR 3600 KWH 3.6e6 BTU 1055.05585262",
    "power": "WTT 1 C31 1e-3 KWT 1e3 MAW 1e6",
    "force": "NEW 1 B47 1e3",
    "voltage": "VLT 1 2Z 1e-3 KVT 1e3",
    "current": "AMP 1 4K 1e-3 B84 1e-6",
    "resistance": "OHM 1 B49 1e3 B75 1e6",
    "conductivity": "D10 1 H61 0.1 G42 1e-4",
    "illuminance": "LUX 1 KLX 1e3",
    "irradiance": "D54 1",
    "radioactivity": "BQL 1 2Q 1e3 4N 1e6 GBQ 1e9 CUR 3.7e10 MCU 3.7e7",
    "absorbed dose": "A95 1 C13 1e-3 C80 0.01",
    "dose equivalent": "D13 1 C28 1e-3",
    "amount of substance": "C34 1 C18 1e-3 FH 1e-6 B45 1e3",
}


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: a value of it is `(value + before) * factor` in the base unit of its dimension."""

    dimension: str
    factor: Decimal
    before: Decimal = Decimal(0)


def _table() -> dict[str, Unit]:
    units = {}
    for dimension, listed in _LISTED.items():
        words = listed.split()
        for code, factor in zip(words[::2], words[1::2], strict=True):
            units[code] = Unit(dimension, Decimal(factor))
    kelvin, fahrenheit = Decimal(1), _EXACT.divide(Decimal(5), Decimal(9))
    per_hour = _EXACT.divide(Decimal(1), Decimal(3600))
    return {
        **units,
        "KEL": Unit("temperature", kelvin),
        "CEL": Unit("temperature", kelvin, Decimal("273.15")),
        "FAH": Unit("temperature", fahrenheit, Decimal("459.67")),
        "MTS": Unit("speed", Decimal(1)),
        "KMH": Unit("speed", _EXACT.multiply(Decimal(1000), per_hour)),
        "HM": Unit("speed", Decimal("0.44704")),
        "KNT": Unit("speed", _EXACT.multiply(Decimal(1852), per_hour)),
        "C81": Unit("angle", Decimal(1)),
        "DD": Unit("angle", _EXACT.divide(_PI, Decimal(180))),
        "MQS": Unit("volume flow", Decimal(1)),
        "MQH": Unit("volume flow", per_hour),
        "L2": Unit("volume flow", _EXACT.divide(Decimal("1e-3"), Decimal(60))),
        "KGS": Unit("mass flow", Decimal(1)),
        "E93": Unit("mass flow", per_hour),
    }


UNITS: Final = _table()


def compared(value: Decimal) -> float:
    """Return a number as it is compared: COMPARED_DIGITS significant digits."""
    return float(f"{value:.{COMPARED_DIGITS}g}")


def in_base_unit(value: Decimal, code: str, *, difference: bool = False) -> tuple[str, float]:
    """Return dimension and value in its base unit; an unlisted code is its own dimension.

    Args:
        value: a measurement.
        code: its unit.
        difference: it is one of two values, such as a standard deviation: zero stays zero.
    """
    unit = UNITS.get(code)
    if unit is None:
        return code, compared(value)
    shifted = value if difference else _EXACT.add(value, unit.before)
    return unit.dimension, compared(_EXACT.multiply(shifted, unit.factor))
