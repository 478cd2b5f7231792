"""Money that callers name: canonical amounts in active currencies. Pure."""

from typing import Final

from iso4217 import Currency

from chassis.decoding.fields import exact
from chassis.values import Money

AMOUNT: Final = exact(r"^(0|[1-9][0-9]{0,11})(\.[0-9]{1,4})?$")
"""An amount as callers may name it: no sign, no leading zero, at most 12 digits before the point and 4 behind it."""

CURRENCIES: Final = frozenset(currency.code for currency in Currency) - {"XTS", "X" * 3}
"""The active alphabetic codes of ISO 4217 (list one), without those for tests and for no currency."""


def money_problems(path: str, money: Money) -> list[tuple[str, str]]:
    """What is wrong with an amount of money in a request, as (path, problem)."""
    found = []
    if not AMOUNT.search(money.amount):
        found.append((f"{path}.amount", "is no canonical amount from 0 up, such as 0.5 or 12.50"))
    if money.currency not in CURRENCIES:
        found.append((f"{path}.currency", "is no active currency of ISO 4217"))
    return found
