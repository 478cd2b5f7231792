"""RE2 patterns: compiled within a memory budget, matched in time linear in the text."""

from functools import lru_cache
from typing import Any

import re2

COMPILED_BYTES_MAX = 1024 * 1024
COMPILED_KEPT_MAX = 1024


class BadPattern(ValueError):
    """A pattern that RE2 does not take, or whose compiled form is over the budget."""


@lru_cache(maxsize=COMPILED_KEPT_MAX)
def compiled(pattern: str, *, ignore_case: bool = False) -> Any:
    """The compiled pattern. Raises `BadPattern`."""
    options = re2.Options()
    options.max_mem = COMPILED_BYTES_MAX
    options.log_errors = False
    options.case_sensitive = not ignore_case
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as failure:
        raise BadPattern("is not a pattern that RE2 takes") from failure


def pattern_problem(pattern: str) -> str:
    """What is wrong with a pattern; empty where nothing is."""
    try:
        compiled(pattern)
    except BadPattern as failure:
        return str(failure)
    return ""


def is_found(pattern: str, text: str) -> bool:
    """Whether a pattern is found in a text; case counts."""
    return compiled(pattern).search(text) is not None
