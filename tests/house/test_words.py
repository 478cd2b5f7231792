"""The rules of our words hold, and would notice if they did not."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.house import words


@pytest.mark.parametrize("rule", words.RULES, ids=lambda rule: rule.__name__)
def test_the_rule_holds_everywhere(rule: Callable[[], Iterator[str]]) -> None:
    broken = list(rule())
    assert not broken, "\n".join([(rule.__doc__ or "").strip(), *broken])


@pytest.mark.parametrize(
    ("first", "second", "broken"),
    [
        ("chassis/a.py", "chassis/b.py", 1),
        ("chassis/a.py", "services/ics/b.py", 1),
        ("services/ics/a.py", "services/ics/zone/b.py", 1),
        ("services/ics/a.py", "services/ops/b.py", 0),
        ("gateway/a.py", "services/ops/b.py", 0),
    ],
)
def test_a_class_name_with_two_meanings_is_noticed(first: str, second: str, broken: int) -> None:
    files = [(Path(path), "class Page: ...\nclass _Own: ...\n") for path in (first, second)]
    assert len(list(words.doubles(files))) == broken


def test_a_pronoun_that_is_not_for_everybody_is_noticed() -> None:
    source = 'x = 1\n# what he sent\n"""\nhis\n"""\n'
    assert [number for number, text in words.prose_of(source) if words.PEOPLE.search(text)] == [2, 4]
