from typing import Any

import pytest

from chassis.decoding.fields import read_field
from chassis.errors import Invalid
from chassis.values import Orgcode, Qty, Utc


@pytest.mark.parametrize(
    ("kind", "given", "canonical"),
    [
        (Orgcode, "acme", "ACME"),
        (Utc, "2026-06-01T00:15:00Z", "2026-06-01T00:15:00.000Z"),
        (Qty, 3, 3),
    ],
)
def test_a_value_is_read_in_its_canonical_form(kind: Any, given: Any, canonical: Any) -> None:
    assert read_field("field", given, kind) == canonical


@pytest.mark.parametrize(("kind", "given"), [(Orgcode, "a b"), (Utc, "noon"), (Qty, 0), (Qty, True)])
def test_a_value_that_does_not_fit_is_refused_by_the_name_of_its_field(kind: Any, given: Any) -> None:
    with pytest.raises(Invalid) as refused:
        read_field("lines.2.quantity", given, kind)

    assert [field.path for field in refused.value.details["fields"]] == ["lines.2.quantity"]
