"""What the engine raises for a handler that breaks its rules: defects, and never the caller's fault."""


class UnservedQuery(Exception):
    """A query that no declared index serves: a defect, found by the first test that runs it."""


class HeldUp(Exception):
    """A handler of a View or Change awaited something else: a defect, because other operations wait behind it."""


class Undeclared(Exception):
    """An event that the endpoint does not declare: a defect of one of the two."""
