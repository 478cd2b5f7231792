"""A secret in a record: sealed where it is stored, never shown, opened only where code asks a `Sealer` to."""

from typing import Any

MASK = "<sealed>"


class Sealed:
    """The value of a record's field that holds a secret, such as an access token.

    Made from a secret with `Sealed.of(secret)`; the change that keeps the record seals it. What is read from the
    database holds the sealed text only, and `Sealer.open` gives the secret. It has no other way out: `repr`, log lines,
    events, the graph and answers never show it.
    """

    __slots__ = ("_secret", "_text")

    def __init__(self, *, secret: str | None = None, text: str | None = None) -> None:
        self._secret = secret
        self._text = text

    @classmethod
    def of(cls, secret: str) -> "Sealed":
        """A secret on its way to the database."""
        return cls(secret=secret)

    @property
    def text(self) -> str:
        """The sealed text, as it is stored; TypeError while the secret is not sealed yet."""
        if self._text is None:
            raise TypeError("a secret can't be stored before it is sealed")
        return self._text

    @property
    def secret(self) -> str | None:
        """The secret while it is on its way to the database; None once it is sealed."""
        return self._secret

    def __repr__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sealed) and (self._secret, self._text) == (other._secret, other._text)

    def __hash__(self) -> int:
        return hash((self._secret, self._text))


def to_stored(value: Any) -> Any:
    """Msgspec's hook on the way to the database."""
    if isinstance(value, Sealed):
        return value.text
    raise NotImplementedError


def from_stored(kind: type, value: Any) -> Any:
    """Msgspec's hook on the way from the database."""
    if kind is Sealed and isinstance(value, str):
        return Sealed(text=value)
    raise NotImplementedError


def to_shown(value: Any) -> Any:
    """Msgspec's hook where a record is shown to operators."""
    if isinstance(value, Sealed):
        return MASK
    raise NotImplementedError
