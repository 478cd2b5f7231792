from base64 import b64encode

import pytest

from chassis.key_ring import KeyRing, new_key
from chassis.settings import BaseSettings, SettingsError, load
from chassis.testing.keys import key_environ

ONE, TWO = b"\xff" * 32, b"2" * 32
NEEDED = {"MONGODB_URI": "mongodb://x", "AMQP_URL": "amqp://x", "CALLER_KEY": "c" * 32, **key_environ("slc")}


class SealedSettings(BaseSettings):
    shop_keys: KeyRing


def written(key_id: str, key: bytes) -> str:
    return f"{key_id}:{b64encode(key).decode()}"


def test_the_first_key_is_current_and_all_are_found() -> None:
    ring = KeyRing.from_text(f"{written('new', ONE)},\n{written('old', TWO)}")

    assert ring.current == ("new", ONE)
    assert (ring.find("old"), ring.find("other")) == (TWO, None)
    assert list(ring) == [ONE, TWO]
    assert repr(ring) == "KeyRing(new, old)"


def test_a_new_key_is_one() -> None:
    assert KeyRing.from_text(new_key("k1")).current[0] == "k1"
    assert new_key("k1") != new_key("k1")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("nonsense", "key 1 is not written"),
        (f"{written('a', ONE)} {b64encode(TWO).decode()}", "key 2 is not written"),
        (written("a", b"short"), "key 1 is not written"),
        (f"{written('a', ONE)},{written('a', TWO)}", "key id a is there twice"),
        (",".join(written(f"k{n}", ONE) for n in range(17)), "needs 1 to 16 keys"),
    ],
)
def test_a_setting_that_is_no_key_is_named_and_not_quoted(text: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=rf"^SHOP_KEYS: {problem}") as refused:
        load(SealedSettings, {**NEEDED, "SHOP_KEYS": text})
    assert b64encode(TWO).decode() not in str(refused.value)


def test_keys_come_from_settings_and_are_not_shown() -> None:
    settings = load(SealedSettings, {**NEEDED, "SHOP_KEYS": written("a", TWO)})

    assert settings.shop_keys.current == ("a", TWO)
    assert b64encode(TWO).decode() not in repr(settings)
    assert "222" not in repr(settings)


def test_a_derived_key_is_the_same_everywhere_and_another_for_each_purpose() -> None:
    assert KeyRing.derived("secret", "links").current == KeyRing.derived("secret", "links").current
    assert len({KeyRing.derived(s, p).current[1] for s in ("secret", "other") for p in ("links", "seals")}) == 4
    assert len(KeyRing.derived("s" * 200, "links").current[1]) == 32
