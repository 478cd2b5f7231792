import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.clock import Date
from chassis.errors import Invalid
from services.ics.serial.udi import FNC1, RULES, Udi, read_udi

DI = "09506000134352"
YEAR = 2026


def test_the_bracketed_example_of_the_guide() -> None:
    assert read_udi(f"(01){DI}(17)310630(10)L-A(21)SN1", YEAR) == Udi(
        di=DI, lot_code="L-A", serial_no="SN1", expiry_date=Date("2031-06-30"), manufacture_date=None
    )


@pytest.mark.parametrize("symbology", ["", "]d2", "]C1", "]Q3"])
def test_the_raw_spelling_says_the_same(symbology: str) -> None:
    raw = read_udi(f"{symbology}01{DI}17310630" + f"10L-A{FNC1}21SN1", YEAR)
    assert raw == read_udi(f"(01){DI}(17)310630(10)L-A(21)SN1", YEAR)


def test_separators_that_nothing_needs_are_skipped() -> None:
    assert read_udi(f"{FNC1}01{DI}{FNC1}21SN1{FNC1}", YEAR).serial_no == "SN1"


def test_the_order_of_elements_does_not_matter() -> None:
    assert read_udi(f"(21)SN1(01){DI}", YEAR).di == DI


def test_a_bracketed_value_ends_only_before_an_identifier() -> None:
    assert read_udi(f"(01){DI}(10)L(1)A(B", YEAR).lot_code == "L(1)A(B"


@pytest.mark.parametrize("element", ["(15)301231", "(20)01", "(30)12", "(37)3", "(240)EXTRA", "(91)X", "(99)Y"])
def test_some_elements_are_read_and_ignored(element: str) -> None:
    assert read_udi(f"(01){DI}{element}(21)SN1", YEAR) == read_udi(f"(01){DI}(21)SN1", YEAR)


@pytest.mark.parametrize(
    ("year", "digits", "day"),
    [
        (2026, "260215", "2026-02-15"),
        (2026, "760101", "2076-01-01"),
        (2026, "770101", "1977-01-01"),
        (2051, "010101", "2101-01-01"),
        (2049, "990101", "2099-01-01"),
        (2049, "000101", "2000-01-01"),
        (2026, "280200", "2028-02-29"),
        (2026, "270200", "2027-02-28"),
        (2026, "311200", "2031-12-31"),
    ],
)
def test_two_digits_mean_the_nearest_year_and_day_00_the_last_of_the_month(year: int, digits: str, day: str) -> None:
    assert read_udi(f"(01){DI}(17){digits}", year).expiry_date == day
    assert read_udi(f"(01){DI}(11){digits}", year).manufacture_date == day


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "SN1",
        "]d2",
        "(21)SN1",
        "(01)",
        "(01)0950600013435",
        "(01)09506000134353",
        "(01)0950600013435X",
        "(01)095060001343522",
        f"(01){DI}(02)12345678901231",
        f"(01){DI}(17)311301",
        f"(01){DI}(17)310631",
        f"(01){DI}(17)3106",
        f"(01){DI}(10)",
        f"(01){DI}(10)" + "L" * 21,
        f"(01){DI}(21)" + "S" * 21,
        f"(01){DI}(21)S N",
        f"(01){DI}(21)ß",
        f"(01){DI}(30)12x",
        f"(01){DI}(30)123456789",
        f"(01){DI}(30)٣",
        f"(01){DI}(10)A(10)B",
        f"(1){DI}",
        f"01{DI}02123",
        f"01{DI}1731",
        f"01{DI}10",
        FNC1,
        "01",
    ],
)
def test_what_cannot_be_read_is_refused_by_name(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_udi(text, YEAR)
    assert refused.value.details["fields"][0].path == "udi"


@given(
    st.text(max_size=60) | st.lists(st.sampled_from([*RULES, *"()0123456789A-", DI, FNC1]), max_size=12).map("".join)
)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        udi = read_udi(text, YEAR)
    except Invalid:
        return
    assert len(udi.di) == 14
