"""The GraphQL documents: one operation a file, in the folder `documents`, named as the operation."""

from importlib.resources import files

DOCUMENTS: dict[str, str] = {
    path.name.removesuffix(".graphql"): path.read_text(encoding="utf-8")
    for path in files(__package__).joinpath("documents").iterdir()
    if path.name.endswith(".graphql")
}
"""Operation name -> document."""
