import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.ics.finding.domain import (
    MARK_STEP_FIRST,
    MARKS_MAX,
    PIECE_CHARACTERS,
    SNIPPET_CHARACTERS,
    Marks,
    _clusters,
    choices,
    floors,
    fold,
    grams_of,
    marked,
    matches,
    part_of,
    snippet,
    tokens_of,
    words_of,
)

LETTERS = "abcABCäÄßẞσςΣİı \n\t\u00a0-"
texts = st.text(alphabet=LETTERS, min_size=1, max_size=40) | st.text(max_size=40)
questions = st.text(alphabet=LETTERS, min_size=1, max_size=12) | st.text(max_size=12)


def naive(question: str, text: str) -> bool:
    """Whether every word of a question occurs in a text, compared place by place."""
    there = fold(text)
    words = fold(question).split()
    return all(any(there[place:].startswith(word) for place in range(len(there) + 1)) for word in words)


@given(question=questions, text=texts)
def test_matching_agrees_with_looking_at_every_place(question: str, text: str) -> None:
    assert matches(words_of(question), [text]) == naive(question, text)


@given(question=questions, text=texts)
def test_a_text_that_matches_is_kept_under_a_token_that_each_word_finds(question: str, text: str) -> None:
    words = words_of(question)
    if matches(words, [text]):
        for part in map(part_of, words):
            found = [token for token in tokens_of([text]) if part in token]
            assert found
            assert all(set(choices(part)) <= set(grams_of(token)) for token in found)


@given(text=texts)
def test_folding_folds_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(text=texts)
def test_each_cluster_folds_by_itself(text: str) -> None:
    """So a place in the folded text is one in the text."""
    assert "".join(_clusters(text)) == text
    assert "".join(map(fold, _clusters(text))) == fold(text)


@pytest.mark.parametrize(
    "spellings",
    [
        ("Café", "CAFÉ", "cafe", "Cafe\u0301", "ＣＡＦＥ"),
        ("Straße", "STRASSE", "strasse"),
        ("한글", "\u1112\u1161\u11ab\u1100\u1173\u11af"),
        ("ﬁn", "FIN"),
        ("ΣΊΣΥΦΟΣ", "Σίσυφος"),
        ("İstanbul", "istanbul"),
    ],
)
def test_spellings_of_one_word_are_alike(spellings: tuple[str, ...]) -> None:
    assert len({fold(each) for each in spellings}) == 1
    for question in spellings:
        assert all(matches(words_of(question), [f"a {text} b"]) for text in spellings)


def test_a_snippet_shows_the_text_as_it_is_written() -> None:
    text = "x " * 100 + "Cafe\u0301 Zoe\u0308 " + "y " * 100
    shown = snippet(words_of("café"), [text])
    assert "Cafe\u0301 Zoe\u0308" in shown
    assert shown in text


@given(text=st.text(alphabet="abcXYZ äÖßẞσς", max_size=30))
def test_case_makes_no_difference(text: str) -> None:
    assert fold(text.upper()) == fold(text.lower()) == fold(text)


@given(texts=st.lists(texts.filter(bool), min_size=1, max_size=2), question=questions)
def test_a_snippet_is_a_piece_of_a_text_that_shows_a_match(texts: list[str], question: str) -> None:
    words = words_of(question)
    shown = snippet(words, texts)
    assert 1 <= len(shown) <= SNIPPET_CHARACTERS
    assert any(shown in text for text in texts)
    if words and matches(words, texts):
        assert any(word in fold(shown) for word in words)


def test_a_snippet_has_its_match_in_the_middle_or_as_near_as_the_text_allows() -> None:
    text = "x" * 200 + "needle" + "y" * 200
    shown = snippet(["needle"], [text])
    assert (len(shown), shown.index("needle")) == (160, 77)
    assert snippet(["needle"], ["needle" + "y" * 200]).startswith("needle")
    assert snippet(["needle"], ["x" * 200 + "needle"]).endswith("needle")
    assert snippet([], ["title", "body"]) == "title"
    assert snippet(["body"], ["title", "a body"]) == "a body"


def test_a_snippet_is_found_in_the_text_though_folding_makes_it_longer() -> None:
    text = "ß" * 200 + " Größe " + "ß" * 200
    shown = snippet(words_of("GRÖSSE"), [text])
    assert (len(shown), shown.index("Größe")) == (160, 77)
    assert snippet(words_of("SSS"), ["x" * 200 + "ßß"]).endswith("xßß")


def test_words_of_a_question_are_folded_and_come_longest_first() -> None:
    assert words_of(" Red  BRICK red\tx ") == ["brick", "red", "x"]
    assert [choices(part) for part in ("brick", "red", "x")] == [["bric", "rick"], ["red"], []]


@given(word=st.text(alphabet="abc", min_size=1, max_size=200), data=st.data())
def test_any_part_of_a_long_word_lies_whole_in_one_of_its_pieces(word: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(word) - 1))
    part = part_of(word[start:])
    tokens = tokens_of([word])
    assert any(part in token for token in tokens)
    assert all(len(token) <= PIECE_CHARACTERS for token in tokens)


@given(count=st.integers(min_value=0, max_value=400))
def test_marks_stay_few_and_in_order(count: int) -> None:
    marks = Marks(marks_id="ACME/comment", step=2)
    for number in range(count):
        marks = marked(marks, f"{number:06}")
    assert len(marks.ids) <= MARKS_MAX
    assert marks.ids == sorted(set(marks.ids))
    assert len(marks.ids) == count // 2


def test_too_many_marks_are_thinned_out_and_come_half_as_often() -> None:
    full = Marks(marks_id="ACME/comment", ids=[f"{number:06}" for number in range(MARKS_MAX)])
    grown = marked(replace(full, since=MARK_STEP_FIRST - 1), f"{MARKS_MAX:06}")
    assert (grown.step, grown.since, len(grown.ids)) == (2 * MARK_STEP_FIRST, 0, MARKS_MAX // 2)
    assert set(grown.ids) < {*full.ids, f"{MARKS_MAX:06}"}


@given(ids=st.lists(st.integers(0, 99), unique=True).map(sorted), below=st.none() | st.integers(0, 99))
def test_stretches_go_back_without_a_gap_to_the_very_beginning(ids: list[int], below: int | None) -> None:
    marks = [f"{one:02}" for one in ids]
    top = None if below is None else f"{below:02}"
    stops = floors(marks, top)
    assert stops[-1] is None
    reached = [stop for stop in stops if stop is not None]
    assert reached == sorted(reached, reverse=True)
    assert all(top is None or stop < top for stop in reached)
