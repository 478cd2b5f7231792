"""Executing GraphQL by its fields.

A document is parsed, its root fields are looked up, and what they give is cut down to what was asked for. Nothing
depends on operation names. With a schema, documents are validated first.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
    validate,
    value_from_ast_untyped,
)

Root = Callable[[dict[str, Any]], Any]


class Invalid(Exception):
    """The document is not valid; the text says why."""


class Field:
    """A root field of a request: name, arguments, and the key that `@idempotent` gives it."""

    def __init__(self, node: FieldNode, variables: Mapping[str, Any]) -> None:
        self.node = node
        self.name = node.name.value
        self.shown = node.alias.value if node.alias else self.name
        self.arguments = arguments_of(node, variables)
        self.key = _key(node, variables)


@lru_cache(maxsize=512)
def parsed(query: str) -> DocumentNode:
    """The document. Raises `Invalid`."""
    try:
        return parse(query)
    except GraphQLError as failure:
        raise Invalid(str(failure)) from None


class Validator:
    """Validates documents against a schema, each once."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._valid: set[str] = set()

    def check(self, query: str) -> None:
        """Raise `Invalid` for a document that the schema does not allow."""
        if query not in self._valid:
            problems = validate(self._schema, parsed(query))
            if problems:
                raise Invalid("; ".join(each.message for each in problems))
            self._valid.add(query)


def operation_of(query: str, name: str | None) -> OperationDefinitionNode:
    """The operation to run. Raises `Invalid`."""
    found = [each for each in parsed(query).definitions if isinstance(each, OperationDefinitionNode)]
    named = [each for each in found if name is None or (each.name is not None and each.name.value == name)]
    if len(named) != 1:
        raise Invalid("the operation cannot be told")
    return named[0]


def fields_of(operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> list[Field]:
    """The root fields of an operation."""
    return [Field(node, variables) for node in operation.selection_set.selections if isinstance(node, FieldNode)]


def arguments_of(node: FieldNode, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a field as plain values."""
    return {each.name.value: value_from_ast_untyped(each.value, dict(variables)) for each in node.arguments or ()}


def _key(node: FieldNode, variables: Mapping[str, Any]) -> str | None:
    for directive in node.directives or ():
        if directive.name.value == "idempotent":
            for argument in directive.arguments or ():
                return str(value_from_ast_untyped(argument.value, dict(variables)))
    return None


def project(value: Any, selection: SelectionSetNode | None, variables: Mapping[str, Any]) -> Any:
    """What was asked for of a value: dicts hold fields by name, a callable one takes the field's arguments."""
    if value is None or selection is None:
        return value
    if isinstance(value, list | tuple):
        return [project(each, selection, variables) for each in value]
    found: dict[str, Any] = {}
    for node in selection.selections:
        if isinstance(node, InlineFragmentNode):
            condition = node.type_condition.name.value if node.type_condition else None
            if condition in {None, value["__typename"]}:
                found.update(project(value, node.selection_set, variables))
        elif isinstance(node, FieldNode):
            name = node.name.value
            inner = value[name]
            if callable(inner):
                inner = inner(arguments_of(node, variables))
            shown = node.alias.value if node.alias else name
            found[shown] = project(inner, node.selection_set, variables)
    return found


def connection(found: Callable[[], list[dict[str, Any]]]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A connection over the nodes that `found` gives; cursors are places in the list."""

    def page(arguments: dict[str, Any]) -> dict[str, Any]:
        items = found()
        start = int(arguments.get("after") or 0)
        end = start + int(arguments.get("first") or 50)
        more = end < len(items)
        return {
            "nodes": items[start:end],
            "pageInfo": {"hasNextPage": more, "endCursor": str(end) if more else None},
        }

    return page


def cost_of(selection: SelectionSetNode | None, variables: Mapping[str, Any], times: int = 1) -> int:
    """Points by the published rules: an object 1, a list by the number asked for, scalars 0."""
    points = 0
    for node in selection.selections if selection is not None else ():
        if isinstance(node, InlineFragmentNode):
            points += cost_of(node.selection_set, variables, times)
        elif isinstance(node, FieldNode) and node.selection_set is not None:
            arguments = arguments_of(node, variables)
            asked = arguments.get("first") or (len(arguments["ids"]) if "ids" in arguments else 1)
            inner = int(asked) if node.name.value not in {"nodes", "pageInfo"} or "ids" in arguments else 1
            weight = 0 if node.name.value in {"pageInfo", "userErrors"} else 1
            points += weight * times * (0 if node.name.value == "nodes" and "ids" not in arguments else inner)
            points += cost_of(node.selection_set, variables, times * inner)
    return points
