"""What a batch may hold, and from which size on an operation is kept out of a shared one.

Bytes are estimated, because the driver encodes what is written only while it sends it: a document counts as
`DOCUMENT_BYTES`, each item of its lists as `ITEM_BYTES`, and an event as its body.
"""

BATCH_OPERATIONS_MAX = 256

BATCH_OPERATIONS_MIN = 16
"""Operations a batch takes however long they take: each batch loads its records anew."""

BATCH_SECONDS_MAX = 0.5
"""Seconds a batch should take. A batch takes only as many operations as the last ones could complete in that time."""

BATCH_DOCUMENTS_MAX = 1_000
"""Documents a transaction may write before it takes in no more operations."""

BATCH_BYTES_MAX = 4 * 1024 * 1024
"""Estimated bytes a transaction may write before it takes in no more operations."""

DOCUMENT_BYTES = 768
ITEM_BYTES = 128

LARGE_READS = 300
"""Records a run may ask for or find before its operation is large: more than a page of a list."""

LARGE_DOCUMENTS = 150
"""Documents a run may write before its operation is large."""

LARGE_BYTES = 512 * 1024
"""Estimated bytes a run may write before its operation is large."""

LARGE_SECONDS = 0.02
"""CPU seconds a run may take, if it is to be repeated, before its operation is large."""

LARGE_RECORD_ITEMS = 300
"""Items that the lists of one record may hold before the operations that read it are large."""

LARGE_DECODED_ITEMS = 1_000
"""The same of a remembered record, which need not be read and decoded again."""

LARGE_TOGETHER = 16
"""Operations that are large only because of a record they read, in one transaction: it is read and decoded once."""
