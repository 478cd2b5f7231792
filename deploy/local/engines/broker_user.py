"""The only user of a broker that the launcher runs: a name and a password made for it, kept beside its data.

The broker takes the user from a file of definitions at each start, so that one whose data are older has it too. Where
such a file is, the broker makes no user `guest`.
"""

import json
import os
import secrets
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from deploy.local import ports

NAME = "retailstack"
PASSWORD_BYTES = 24
SALT_BYTES = 4


class BrokerUser:
    """The user of the broker with its files in `directory`; the password is made on first use."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "user.password"

    @property
    def password(self) -> str:
        """The password; only the owner of the stack can read its file."""
        if not self._file.exists():
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(self._file, secrets.token_hex(PASSWORD_BYTES))
        return self._file.read_text().strip()

    def uri(self, port: int) -> str:
        """The address of the broker at a port of this machine."""
        return f"amqp://{NAME}:{self.password}@{ports.LOOPBACK}:{port}/"

    def definitions(self) -> str:
        """What the broker loads at its start."""
        user = {
            "name": NAME,
            "password_hash": hashed(self.password, secrets.token_bytes(SALT_BYTES)),
            "hashing_algorithm": "rabbit_password_hashing_sha256",
            "tags": "administrator",
        }
        everything = {"user": NAME, "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
        return json.dumps({"users": [user], "vhosts": [{"name": "/"}], "permissions": [everything]})


def hashed(password: str, salt: bytes) -> str:
    """A password as RabbitMQ stores it: https://www.rabbitmq.com/docs/passwords#computing-password-hash"""
    return b64encode(salt + sha256(salt + password.encode()).digest()).decode()


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as output:
        output.write(text)
    file.chmod(0o600)
