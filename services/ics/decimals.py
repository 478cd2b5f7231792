"""Decimal numbers in answers: exact arithmetic, four decimal places, rounded half up. Pure."""

from decimal import ROUND_HALF_UP, Decimal, localcontext

FIGURE_DIGITS = 60
"""Precision of intermediate results, in significant digits: enough that only the final rounding changes the value."""

_PLACES = Decimal("0.0001")


def ratio(part: int, whole: int) -> str:
    """`part / whole` as text with four decimal places. `whole` must be above 0."""
    with localcontext(prec=FIGURE_DIGITS):
        return rounded(Decimal(part) / whole)


def rounded(figure: Decimal) -> str:
    """The number as text with four decimal places. Compute `figure` with `FIGURE_DIGITS` significant digits."""
    with localcontext(prec=FIGURE_DIGITS):
        return str(figure.quantize(_PLACES, rounding=ROUND_HALF_UP))
