from typing import Any

import pytest
from msgspec.structs import replace

from chassis.clock import FixedClock
from chassis.testing.client import ServiceClient
from services.ics.comment.store import COMMENTS
from services.ics.finding.domain import Marks, Word, marked, tokens_of
from services.ics.finding.store import LOOKED_AT_MAX, MARKS, READ_FIRST, TOKENS_MAX, WORDS
from tests.ics.given import an_id
from tests.reading import reads_of

INSERTED_AT_ONCE = 400


async def comment(ics: ServiceClient, body: str, **given: Any) -> dict[str, Any]:
    said = {"subject_type": "variant", "subject_id": "VAR-1", "body": body} | given
    answer = await ics.post("/comment", **said)
    assert answer.status == 200, answer
    made: dict[str, Any] = answer.data["comment"]
    return made


async def found(ics: ServiceClient, **wanted: Any) -> list[str]:
    """The bodies of all that is found, over all pages."""
    bodies: list[str] = []
    token: dict[str, str] = {}
    while True:
        data = (await ics.plain.post("/search/comments", **wanted, **token)).data
        assert data["count"] == len(data["items"])
        bodies += [hit["comment"]["body"] for hit in data["items"]]
        if data["next_token"] is None:
            return bodies
        token = {"next_token": data["next_token"]}


async def test_words_are_found_anywhere_in_any_case_and_all_of_them(ics: ServiceClient) -> None:
    for body in ("Red bricks in the dock", "BRICKLAYER", "the red dock", "ein Gruß aus KÖLN", "a b"):
        await comment(ics, body)

    assert await found(ics, q="brick") == ["BRICKLAYER", "Red bricks in the dock"]
    assert await found(ics, q="RIC") == ["BRICKLAYER", "Red bricks in the dock"]
    assert await found(ics, q="ed ck") == ["the red dock", "Red bricks in the dock"]
    assert await found(ics, q="dock red bricks") == ["Red bricks in the dock"]
    assert await found(ics, q="köl") == ["ein Gruß aus KÖLN"]
    assert await found(ics, q="uß") == ["ein Gruß aus KÖLN"]
    assert await found(ics, q="e t") == ["the red dock", "Red bricks in the dock"]
    assert await found(ics, q="bricks layer") == []
    assert await found(ics, q="zz") == []


@pytest.mark.parametrize("question", ["x", " x ", "  "])
async def test_a_question_has_two_characters_at_least(ics: ServiceClient, question: str) -> None:
    for path in ("/search/comments", "/search/inbox"):
        answer = await ics.post(path, q=question)
        assert (answer.status, list(answer.problems)) == (400, ["q"])


async def test_a_hit_shows_what_is_around_the_first_match(ics: ServiceClient) -> None:
    await comment(ics, "x" * 300 + " needle " + "y" * 300)
    (hit,) = (await ics.post("/search/comments", q="needle")).data["items"]
    assert (len(hit["snippet"]), "needle" in hit["snippet"]) == (160, True)
    (hit,) = (await ics.post("/search/comments")).data["items"]
    assert hit["snippet"] == "x" * 160


async def test_filters_narrow_with_words_and_without(ics: ServiceClient, clock: FixedClock) -> None:
    since = clock.advance(1)
    first = await comment(ics, "pallet one")
    clock.advance(3600)
    until = clock.advance(1)
    await comment(ics, "pallet two", source="crm", subject_type="zone", subject_id="Z-1")
    await comment(ics.as_caller(actor="ben"), "pallet three", source="scm")
    await ics.post("/comment/status", comment_id=first["comment_id"], status="doomed", expected_revision=1)

    for words in ({"q": "pallet"}, {"q": "p a"}, {}):
        assert await found(ics, **words) == ["pallet three", "pallet two"]
        assert await found(ics, **words, status="all", limit=1) == ["pallet three", "pallet two", "pallet one"]
        assert await found(ics, **words, status="doomed") == ["pallet one"]
        assert await found(ics, **words, source=["crm", "ics"]) == ["pallet two"]
        assert await found(ics, **words, author="ben") == ["pallet three"]
        assert await found(ics, **words, subject_type="zone", subject_id="Z-1") == ["pallet two"]
        assert await found(ics, **words, from_utc=since, to_utc=until, status="all") == ["pallet one"]
        assert await found(ics, **words, from_utc=until, status="all") == ["pallet three", "pallet two"]
        assert await found(ics, **words, to_utc=since, status="all") == []
        assert await found(ics, **words, to_utc="9999-12-31T23:59:59Z") == ["pallet three", "pallet two"]


async def test_a_revised_comment_is_found_by_what_it_says_now(ics: ServiceClient) -> None:
    made = await comment(ics, "walrus")
    await ics.post("/comment/revise", comment_id=made["comment_id"], expected_revision=1, body="penguin")
    assert await found(ics, q="penguin") == ["penguin"]
    assert await found(ics, q="walrus") == []


async def test_nothing_is_found_beyond_the_org(ics: ServiceClient) -> None:
    await comment(ics, "walrus")
    stranger = ics.as_caller(orgcode="OTHR0001")
    assert await found(stranger, q="walrus") == []
    assert await found(stranger) == []


async def test_a_token_is_good_for_its_question_only(ics: ServiceClient) -> None:
    for number in range(3):
        await comment(ics, f"pallet {number}")
    token = (await ics.post("/search/comments", q="pallet", limit=1)).data["next_token"]
    assert (await ics.post("/search/comments", q="pallet", limit=2, next_token=token)).status == 200
    for path, body in (
        ("/search/comments", {"q": "palle", "next_token": token}),
        ("/search/comments", {"q": "pallet", "status": "all", "next_token": token}),
        ("/search/comments", {"q": "pallet", "next_token": token[:-1]}),
        ("/search/comments", {"q": "pallet", "next_token": "0" + token}),
        ("/search/inbox", {"q": "pallet", "next_token": token}),
    ):
        answer = await ics.post(path, **body)
        assert (answer.status, list(answer.problems)) == (400, ["next_token"]), body
    elsewhere = await ics.as_caller(orgcode="OTHR0001").post("/search/comments", q="pallet", next_token=token)
    assert (elsewhere.status, list(elsewhere.problems)) == (400, ["next_token"])


async def many(ics: ServiceClient, bodies: list[str]) -> None:
    """Comments as if they had been made one by one long ago, which would take too long here."""
    assert ics.caller is not None
    org = ics.caller.orgcode or ""
    pattern = (await comment(ics, "pattern"))["comment_id"]
    kept = ics.application.runtime.database.collection(COMMENTS.collection)
    (document,) = await kept.find({"_id": pattern})
    record = COMMENTS.from_document(document)
    fresh = [COMMENTS.to_document(replace(record, comment_id=an_id(), body=body)) for body in bodies]
    await insert(ics, COMMENTS.collection, fresh)
    ids = sorted(document["_id"] for document in fresh)
    words = [Word(word_id=f"{org}/{token}", orgcode=org, word=token) for token in tokens_of(bodies)]
    await insert(ics, WORDS.collection, [WORDS.to_document(word) for word in words])
    marks = ics.application.runtime.database.collection(MARKS.collection)
    await marks.update_one({"_id": f"{org}/comment"}, {"$set": {"ids": ids[:: len(ids) // 20]}})


async def insert(ics: ServiceClient, name: str, documents: list[dict[str, Any]]) -> None:
    """Insert documents in transactions, since the embedded engine syncs each write of a plain bulk by itself."""
    database = ics.application.runtime.database
    for first in range(0, len(documents), INSERTED_AT_ONCE):
        async with database.transaction() as transaction:
            some = documents[first : first + INSERTED_AT_ONCE]
            await database.collection(name).insert_many(some, session=transaction)
            await transaction.commit()


async def test_pages_hold_all_that_matches_once_however_much_lies_between(ics: ServiceClient) -> None:
    bodies = [f"pallet {number}" if number % 7 else f"pallet needle {number}" for number in range(1200)]
    await many(ics, bodies)
    needles = [body for body in bodies[::-1] if "needle" in body]

    assert await found(ics, q="needle", limit=50) == needles
    assert await found(ics, q="eedle PAL", limit=256) == needles
    assert await found(ics, q="pallet", limit=256) == bodies[::-1]
    assert await found(ics, q="pallet 1199") == ["pallet 1199"]
    assert len(needles) > READ_FIRST


async def test_a_page_ends_early_rather_than_look_at_everything(ics: ServiceClient) -> None:
    # Each word of the question is everywhere, both together nowhere but at the very end.
    bodies = ["red blue", *["red", "blue"] * (LOOKED_AT_MAX + 500)]
    await many(ics, bodies)
    first = (await ics.post("/search/comments", q="red blue")).data
    assert (first["items"], first["count"]) == ([], 0)
    assert first["next_token"] is not None
    assert await found(ics, q="red blue") == ["red blue"]


async def test_the_tokens_of_a_rare_reference_cost_what_they_cost_among_few(
    ics: ServiceClient, mongodb_engine: str
) -> None:
    if mongodb_engine != "embedded":
        pytest.skip("this server stops reading at the limit of a query")
    database = ics.application.runtime.database
    costs = []
    for first, end in ((0, 400), (400, 4_000)):
        await many(ics, [f"ref{number:06}" for number in range(first, end)])
        for reference in ("ref000123", "ref000124"):
            assert await found(ics, q=reference) == [reference]
        async with reads_of(WORDS.collection) as reads:
            assert await found(ics, q="ref000125") == ["ref000125"]
        costs.append((await reads.documents(database), reads.queries))

    (few, queries), (many_, queries_among_many) = costs
    assert many_ <= 1.2 * few
    assert queries_among_many <= queries


async def test_a_search_costs_the_same_among_hundreds_and_among_thousands_of_comments(
    ics: ServiceClient, mongodb_engine: str
) -> None:
    if mongodb_engine != "embedded":
        pytest.skip("this server stops reading at the limit of a query")
    costs: dict[str, list[tuple[int, int]]] = {"ref000123": [], "ef": []}
    for size in (200, 2_000, 8_000):
        crowd = ics.as_caller(orgcode=f"C{size}{an_id()[-8:]}".upper()).plain
        await many(crowd, [f"ref{number:06}" for number in range(size)])
        await mark_all(crowd)
        for question, found_ in (("ref000123", 1), ("ef", 20)):
            await crowd.post("/search/comments", q=question, limit=20)
            async with reads_of(WORDS.collection, MARKS.collection, COMMENTS.collection) as reads:
                answer = await crowd.post("/search/comments", q=question, limit=20)
            assert len(answer.data["items"]) == found_
            costs[question].append((await reads.documents(crowd.application.runtime.database), reads.queries))

    for _, few, many_ in costs.values():
        assert many_[0] <= 1.2 * few[0], costs
        assert many_[1] <= few[1], costs
        assert few[0] <= 12 * TOKENS_MAX, costs


async def mark_all(ics: ServiceClient) -> None:
    """Mark an org's comments as creating them one by one does."""
    assert ics.caller is not None
    database = ics.application.runtime.database
    marks = Marks(marks_id=f"{ics.caller.orgcode}/comment")
    for document in await database.collection(COMMENTS.collection).find({"orgcode": ics.caller.orgcode}):
        marks = marked(marks, document["_id"])
    await database.collection(MARKS.collection).update_one({"_id": marks.marks_id}, {"$set": {"ids": marks.ids}})


async def test_inbox_items_are_found_by_title_and_body_together(ics: ServiceClient) -> None:
    for title, body, more in (
        ("Dock 4", "the RED door sticks", {"recipient": "anna"}),
        ("Red dock", None, {"source": "crm"}),
        ("Gate", "red", {}),
    ):
        assert (await ics.post("/inbox/create", title=title, body=body, **more)).status == 200

    async def hits(**wanted: Any) -> list[tuple[str, str]]:
        items = (await ics.plain.post("/search/inbox", **wanted)).data["items"]
        return [(hit["item"]["title"], hit["snippet"]) for hit in items]

    assert await hits(q="red dock") == [("Red dock", "Red dock"), ("Dock 4", "Dock 4")]
    assert await hits(q="door") == [("Dock 4", "the RED door sticks")]
    assert await hits(q="red", recipient="anna") == [("Dock 4", "the RED door sticks")]
    assert await hits(source=["crm"]) == [("Red dock", "Red dock")]
    assert await hits(q="re", state="done") == []
    assert await hits(status="archived") == []
    assert len(await hits(q="re", status="all")) == 3


async def test_accents_and_forms_of_characters_make_no_difference(ics: ServiceClient) -> None:
    await comment(ics, "Cafe\u0301 cre\u0300me for the ﬁtter")
    for question in ("CAFÉ", "creme fitter", "ＣＡＦＥ"):
        assert await found(ics, q=question) == ["Cafe\u0301 cre\u0300me for the ﬁtter"], question
    (hit,) = (await ics.plain.post("/search/comments", q="café")).data["items"]
    assert hit["snippet"] == hit["comment"]["body"], "the text is shown as it is written"
    item = (await ics.plain.post("/inbox/create", title="Señor Núñez calls")).data["item"]
    (hit,) = (await ics.plain.post("/search/inbox", q="senor nunez")).data["items"]
    assert hit["item"] == item
