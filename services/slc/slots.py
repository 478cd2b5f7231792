"""Counters that many processes add to at once: each process adds to a document of its own, readers sum them."""

import os
import socket
from zlib import crc32

SLOTS = 8

SLOT = crc32(f"{socket.gethostname()}-{os.getpid()}".encode()) % SLOTS
"""The slot of this process. Two processes may share one: then their transactions conflict and are retried."""
