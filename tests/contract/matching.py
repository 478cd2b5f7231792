"""A text that a regular expression matches, for records made of declarations."""

import random
import re
import string
from re import _constants as op
from re import _parser as parser
from typing import Any

LETTERS = string.ascii_uppercase + string.digits
REPEATED = 8
"""How often a repeated part is repeated, unless it must be more or less often."""


def text_matching(pattern: str, chance: random.Random, least: int, most: int) -> str:
    """A text of `least` to `most` characters that the pattern matches whole. Assertions are left to chance."""
    for _ in range(100):
        made = "".join(_made(part, chance) for part in parser.parse(pattern))
        if least <= len(made) <= most and re.fullmatch(pattern, made):
            return made
    raise TypeError(f"no idea how to match {pattern}")


def _made(part: Any, chance: random.Random) -> str:
    kind, value = part
    if kind is op.LITERAL:
        return chr(value)
    if kind in {op.ANY, op.NOT_LITERAL}:
        return chance.choice(LETTERS)
    if kind is op.IN:
        return _one_of(value, chance)
    if kind in {op.MAX_REPEAT, op.MIN_REPEAT}:
        least, most, inner = value
        # Not the shortest possible, so that texts of one kind are different.
        times = max(least, min(int(most), REPEATED))
        return "".join(_made(each, chance) for _ in range(times) for each in inner)
    if kind is op.SUBPATTERN:
        return "".join(_made(each, chance) for each in value[3])
    if kind is op.BRANCH:
        return "".join(_made(each, chance) for each in chance.choice(value[1]))
    if kind in {op.AT, op.ASSERT, op.ASSERT_NOT}:
        return ""
    raise TypeError(f"no idea how to match {kind}")


def _one_of(choices: Any, chance: random.Random) -> str:
    """One character of a set; of a set that is said by what is not in it, a letter."""
    first, _ = choices[0]
    if first is op.NEGATE:
        return chance.choice(LETTERS)
    kind, value = chance.choice(choices)
    if kind is op.RANGE:
        return chr(chance.randint(*value))
    if kind is op.LITERAL:
        return chr(value)
    return chance.choice(string.digits)
