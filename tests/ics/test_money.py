import pytest

from chassis.values import Money
from services.ics.money import CURRENCIES, money_problems


@pytest.mark.parametrize("amount", ["0", "0.0", "4.50", "0.0001", "999999999999.9999", "12"])
def test_canonical_amounts_are_taken(amount: str) -> None:
    assert money_problems("cost", Money(amount=amount, currency="EUR")) == []


@pytest.mark.parametrize("amount", ["-1", "-0", "007", "00", "1000000000000", "1.23456", "1.", "1\n"])
def test_other_amounts_are_refused(amount: str) -> None:
    (problem,) = money_problems("cost", Money(amount=amount, currency="EUR"))
    assert problem[0] == "cost.amount"


@pytest.mark.parametrize("currency", ["DEM", "X" * 3, "XTS", "ABC", "HRK", "eur"])
def test_a_currency_that_is_not_active_is_refused(currency: str) -> None:
    (problem,) = money_problems("cost", Money(amount="1", currency=currency))
    assert problem[0] == "cost.currency"


def test_active_currencies_are_those_of_list_one() -> None:
    assert {"EUR", "USD", "JPY", "CHW", "XAU", "XDR"} <= CURRENCIES
    assert len(CURRENCIES) > 170
