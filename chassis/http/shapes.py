"""The schemas of a service's requests and answers, each answer wrapped in the service's envelope."""

from collections.abc import Sequence
from typing import Any

from chassis.endpoint import Answer, Endpoint, Request
from chassis.errors import ErrorObject
from chassis.http.decode import keyed, wire_struct
from chassis.http.envelope import GridBuild, GridError, Stats
from chassis.http.meanings import Meanings
from chassis.http.schemas import REF, Components, Schema, renamed
from chassis.service import Service


class Shapes:
    """The schemas of all requests and answers of a service, the answers wrapped in its envelope."""

    def __init__(self, service: Service, endpoints: Sequence[Endpoint], meanings: Meanings) -> None:
        self.meanings = meanings
        grid = service.envelope == "visualgrid"
        wires = [request_struct(endpoint) for endpoint in endpoints]
        answers = list(dict.fromkeys(each.answer for each in endpoints if issubclass(each.answer, Answer)))
        ground: list[Any] = [GridError, GridBuild] if grid else [ErrorObject, Stats]
        found = Components(wires, [*answers, *ground], meanings)
        data_names = {answer.__name__: f"{answer.__name__}Data" for answer in answers}
        self.named: dict[str, Schema] = {
            data_names.get(name, name): renamed(schema, data_names) for name, schema in found.named.items()
        }
        self.requests = dict(zip((endpoint.call for endpoint in endpoints), found.requests, strict=False))
        for answer in answers:
            self.named[answer.__name__] = _wrapped(REF.format(name=data_names[answer.__name__]), grid=grid)
        for schema in sorted({each.schema for each in endpoints} - {""}):
            shared = [data_names[each.answer.__name__] for each in endpoints if each.schema == schema]
            self.named[f"{schema}Data"] = self._union(shared)
            self.named[schema] = _wrapped(REF.format(name=f"{schema}Data"), grid=grid)
        self.named["Failure"] = _failure(grid=grid)

    def _union(self, names: Sequence[str]) -> Schema:
        """An object with the fields of all these schemas; those that one of them may lack are not required."""
        schemas = [self.named[name] for name in names]
        required = set.intersection(*(set(each.get("required", ())) for each in schemas))
        properties = {name: field for each in schemas for name, field in each["properties"].items()}
        return {"type": "object", "properties": properties, "required": sorted(required)}


def schema_name(endpoint: Endpoint) -> str:
    """The name of an endpoint's answer in the documents."""
    return endpoint.schema or endpoint.answer.__name__


def request_struct(endpoint: Endpoint) -> type[Request]:
    """What the endpoint decodes: its request and the common fields beside it."""
    return wire_struct(
        endpoint.request or Request,
        with_key=keyed(endpoint),
        action=endpoint.action,
        name=endpoint.request.__name__ if endpoint.request else _camel(endpoint.call) + "Request",
    )


def _camel(call: str) -> str:
    return "".join(word.capitalize() for word in call.split("_"))


def _wrapped(data_ref: str, *, grid: bool) -> Schema:
    return _envelope(True, "data", {"$ref": data_ref, "description": "What the call answers."}, grid=grid)


def _failure(*, grid: bool) -> Schema:
    ref = REF.format(name="GridError" if grid else "ErrorObject")
    return _envelope(False, "error", {"$ref": ref, "description": "Why the call was refused."}, grid=grid)


def _envelope(success: bool, name: str, content: Schema, *, grid: bool) -> Schema:
    flag, about, kind = ("ok", "build", "GridBuild") if grid else ("success", "stats", "Stats")
    properties = {
        flag: {"const": success, "description": "True for an answer, false for a refusal."},
        name: content,
        about: {"$ref": REF.format(name=kind), "description": "Which service answered, and how."},
    }
    return {"type": "object", "properties": properties, "required": list(properties)}
