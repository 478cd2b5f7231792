"""The house rules hold, and would notice if they did not."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.house import rules


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_the_rule_holds_everywhere(rule: Callable[[], Iterator[str]]) -> None:
    broken = list(rule())
    assert not broken, "\n".join([(rule.__doc__ or "").strip(), *broken])


def test_a_handler_that_calls_out_is_noticed() -> None:
    source = """
@endpoints.post("/create")
async def ics_zone_create(change, http):
    zone = await change.get(1)
    await zone.keep()
    await http.post("/")
"""
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.AsyncFunctionDef)
    noticed = list(rules._foreign_awaits_of(Path(rules.ROOT / "services/x.py"), function))
    assert len(noticed) == 1
    assert "services/x.py:6" in noticed[0]


@pytest.mark.parametrize("line", ["--index-url=https://example.org/simple", 'cd "/home/somebody"', "# /root/x"])
def test_an_address_that_does_not_belong_here_is_noticed(line: str) -> None:
    assert rules.PACKAGE_HOSTS.search(line) or rules.MACHINE_PATHS.search(line)
