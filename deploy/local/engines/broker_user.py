"""The only user of a broker that the launcher runs: a name and a password made for it, kept beside its data.

The broker takes the user from a file of definitions at each start, so that one whose data are older has it too. Where
such a file is, the broker makes no user `guest`.
"""

import json
import secrets
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from deploy.local import ports
from deploy.local.engines.passwords import NAME, kept_password

SALT_BYTES = 4


class BrokerUser:
    """The user of the broker with its files in `directory`; the password is made on first use."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "user.password"

    @property
    def password(self) -> str:
        """The password; only the owner of the stack can read its file."""
        return kept_password(self._file)

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
