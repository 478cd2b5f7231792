"""Passwords that the launcher makes for its engines, in files that only their owner can read."""

import secrets
from pathlib import Path

from deploy.local.private_file import write_private

NAME = "retailstack"
"""The user of every engine that the launcher runs with a password."""

PASSWORD_BYTES = 24


def kept_password(file: Path) -> str:
    """The password in a file; made on first use."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(file, secrets.token_hex(PASSWORD_BYTES))
    return file.read_text().strip()
