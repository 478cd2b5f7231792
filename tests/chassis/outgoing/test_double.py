from collections.abc import AsyncIterator

import pytest

from chassis.outgoing.message import OutgoingFailed
from chassis.testing.http import FakeAnswer, FakeHttpClient, SentCall


async def test_a_double_records_and_answers() -> None:
    fake = FakeHttpClient()
    fake.answer("POST", "https://shop.example/*", json={"id": 7})

    answer = await fake.request("POST", "https://shop.example/orders?a=1", peer="shop", json={"n": 1})

    assert answer.json(dict[str, int]) == {"id": 7}
    [call] = fake.calls
    assert (call.method, call.url.path, call.url.query["a"], call.json()) == ("POST", "/orders", "1", {"n": 1})
    assert call.headers["content-type"] == "application/json"


async def test_a_double_retries_and_follows_as_the_real_one_does() -> None:
    fake = FakeHttpClient()
    there = FakeAnswer(status=302, headers={"Location": "https://b.example/x"})
    fake.answer("GET", "https://a.example/", FakeAnswer(failure="broken"), FakeAnswer(status=503), there)
    fake.answer("GET", "https://b.example/x", FakeAnswer(body=b"end"))
    fake.answer("GET", "https://down.example/", FakeAnswer(failure="timeout"))

    answer = await fake.request("GET", "https://a.example/", peer="shop", redirects=1)
    with pytest.raises(OutgoingFailed) as failure:
        await fake.request("GET", "https://down.example/", peer="shop")

    assert answer.body == b"end"
    assert failure.value.kind == "timeout"
    assert [str(call.url) for call in fake.calls] == ["https://a.example/"] * 3 + ["https://b.example/x"] + [
        "https://down.example/"
    ] * 3


async def test_a_double_answers_what_a_function_makes_of_the_call() -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    def echo(call: SentCall) -> FakeAnswer:
        return FakeAnswer(body=call.body[::-1])

    fake = FakeHttpClient()
    fake.answer_with("PUT", "*", echo)
    async with fake.stream("PUT", "https://store.example/k", peer="store", body=parts()) as answer:
        assert b"".join([part async for part in answer]) == b"owteno"


async def test_a_call_nobody_expects_is_a_failed_test() -> None:
    with pytest.raises(AssertionError, match=r"nothing says how GET https://a\.example/ is answered"):
        await FakeHttpClient().request("GET", "https://a.example/", peer="shop")
