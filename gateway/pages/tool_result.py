"""The result of an MCP tool, made from the answer of a service."""

import msgspec
from msgspec import Raw, Struct


class _Answer(Struct):
    data: Raw = Raw()


def tool_result(answer: bytes, is_error: bool) -> bytes:
    """The result as JSON text: the answer as text and, unless it is an error, its data."""
    text = answer.decode("utf-8", "replace")
    result = {"content": [{"type": "text", "text": text}], "isError": is_error}
    if not is_error and text.startswith("{"):
        try:
            data = msgspec.json.decode(text, type=_Answer).data
        except msgspec.DecodeError:
            return msgspec.json.encode(result)
        result["structuredContent"] = data or Raw(text)
    return msgspec.json.encode(result)
