"""Decimal figures as answers show them: exact, four places, rounded half up. Pure."""

from decimal import ROUND_HALF_UP, Decimal, localcontext

_PLACES = Decimal("0.0001")
_DIGITS = 60


def ratio(part: int, whole: int) -> str:
    """One whole number divided by another (above 0)."""
    with localcontext(prec=_DIGITS):
        return str((Decimal(part) / whole).quantize(_PLACES, rounding=ROUND_HALF_UP))
