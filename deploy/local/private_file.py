"""Files that only the owner of the stack can read."""

import os
from pathlib import Path


def write_private(file: Path, text: str) -> None:
    """Write a file atomically; only its owner can read it."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as output:
        output.write(text)
    fresh.replace(file)
