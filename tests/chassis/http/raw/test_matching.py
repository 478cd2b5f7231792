import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.endpoint import Endpoints
from chassis.errors import NotFound
from chassis.http.raw.matching import PathParameters, pattern_of, plain_path
from chassis.raw import BodyStream, Content
from chassis.unit import View


def parameters() -> PathParameters:
    endpoints = Endpoints("shop")

    @endpoints.raw("GET", "/x/{key:path}")
    async def shop_x(key: str) -> Content:
        """X."""
        return Content()

    return PathParameters(endpoints.raw_declared[0])


PARAMETERS = parameters()


def test_a_segment_has_no_slash_and_a_rest_may_have() -> None:
    one, rest = pattern_of("/a/{name}.txt"), pattern_of("/a/{key:path}")
    assert one.fullmatch("/a/b.txt") is not None
    assert one.fullmatch("/a/b/c.txt") is None
    assert rest.fullmatch("/a/b/c.txt")["key"] == "b/c.txt"  # type: ignore[index]
    assert rest.fullmatch("/a/") is None
    assert plain_path("/a/{key:path}") == "/a/{key}"


@pytest.mark.parametrize("path", ["/a/{", "/a/{Name}", "/a/{key:path}/b", "/a/}b"])
def test_a_path_that_can_not_be_read_is_a_defect(path: str) -> None:
    with pytest.raises(ValueError, match="/a/"):
        pattern_of(path)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_value_leads_out_of_a_folder(text: str) -> None:
    from urllib.parse import quote  # noqa: PLC0415

    for sent in (quote(text, safe="/"), quote(text, safe="/").replace(".", "%2e")):
        try:
            key = PARAMETERS.read({"key": sent})["key"]
        except NotFound:
            continue
        assert key == text
        assert not {"", ".", ".."} & set(key.split("/"))
        assert "\\" not in key
        assert key.isprintable() or not any(ord(sign) < 32 for sign in key)


def test_declarations_that_can_not_be_are_refused_at_import() -> None:
    endpoints = Endpoints("shop")

    async def shop_lost(name: str) -> Content:
        """Lost."""
        return Content()

    async def shop_view(view: View) -> Content:
        """View."""
        return Content()

    async def shop_text(name: str) -> str:
        """Text."""
        return name

    async def shop_body(body: BodyStream) -> Content:
        """Body."""
        return Content()

    with pytest.raises(TypeError, match=r"does not take the parameters of its path: \['other'\]"):
        endpoints.raw("GET", "/{other}")(shop_lost)
    with pytest.raises(TypeError, match="asks for view"):
        endpoints.raw("GET", "/x")(shop_view)
    with pytest.raises(TypeError, match="does not say which answers it gives"):
        endpoints.raw("GET", "/{name}")(shop_text)
    with pytest.raises(TypeError, match="declared as GET, which it can't be"):
        endpoints.raw("GET", "/x")(shop_body)
