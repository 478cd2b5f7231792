"""Decimal figures as answers show them: exact, four places, rounded half up. Pure."""

from decimal import ROUND_HALF_UP, Decimal, localcontext

FIGURE_DIGITS = 60
"""Significant digits of whatever is computed on the way to a figure: none that matters is lost before the rounding."""

_PLACES = Decimal("0.0001")


def ratio(part: int, whole: int) -> str:
    """One whole number divided by another (above 0)."""
    with localcontext(prec=FIGURE_DIGITS):
        return rounded(Decimal(part) / whole)


def rounded(figure: Decimal) -> str:
    """A figure that was computed to so many digits, as answers show it."""
    with localcontext(prec=FIGURE_DIGITS):
        return str(figure.quantize(_PLACES, rounding=ROUND_HALF_UP))
