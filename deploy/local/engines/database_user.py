"""The only user of the embedded database: a name and a password made for it, kept beside its data.

The user is made while the database listens without asking for one: in a new store, and in one of an earlier release.
"""

from hashlib import sha256
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure

from deploy.local import ports
from deploy.local.engines.passwords import NAME, kept_password
from deploy.local.private_file import write_private

ROLES = ["root"]
ALREADY_EXISTS = 51003
"""The server's error code for a user that exists."""


class DatabaseUser:
    """The user of the database with its files in `directory`; the password is made on first use."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "user.password"
        self._made = directory / "user.made"

    @property
    def password(self) -> str:
        """The password; only the owner of the stack can read its file."""
        return kept_password(self._file)

    def uri(self, port: int) -> str:
        """The address of the database at a port of this machine."""
        # retryWrites=false: past 10,000 retryable writes the server sorts all of them at each write; our writes are
        # transactions, which are retried as a whole. Without `replicaSet` (clients learn it) the address has no
        # ampersand and needs no quotes in a shell.
        return f"mongodb://{NAME}:{self.password}@{ports.LOOPBACK}:{port}/?retryWrites=false"

    @property
    def is_made(self) -> bool:
        """Whether the store has the user with this password."""
        return self._made.exists() and self._made.read_text() == self._mark()

    def make(self, client: MongoClient[dict[str, Any]]) -> None:
        """Make the user, or give the one that exists this password."""
        try:
            client.admin.command("createUser", NAME, pwd=self.password, roles=ROLES)
        except OperationFailure as failure:
            if failure.code != ALREADY_EXISTS:
                raise
            client.admin.command("updateUser", NAME, pwd=self.password, roles=ROLES)
        write_private(self._made, self._mark())

    def _mark(self) -> str:
        return sha256(self.password.encode()).hexdigest()
