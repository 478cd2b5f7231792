from pathlib import Path
from typing import Annotated, Literal

import pytest
from msgspec import Meta

from chassis.settings import BaseSettings, Secret, SettingsError, load
from chassis.testing.keys import key_environ

LEAST = {"MONGODB_URI": "mongodb://u:hunter2@db/", "AMQP_URL": "amqp://u:hunter2@mq/", "CALLER_KEY": "hunter2" * 5}
LEAST |= key_environ("shop")


class ShopSettings(BaseSettings):
    """Settings of a service that needs a little of everything."""

    shop_sweep_limit: Annotated[int, Meta(ge=1, le=100)] = 50
    shop_share: float = 0.5
    shop_open: bool = True
    shop_mode: Literal["slow", "fast"] = "slow"
    shop_note: str | None = None
    shop_limit: int | None = None


def test_what_is_left_out_has_its_default() -> None:
    settings = load(ShopSettings, LEAST)
    assert (settings.http_host, settings.log_level, settings.shop_sweep_limit) == ("127.0.0.1", "info", 50)
    assert settings.ops_grpc == ()
    assert settings.replica
    assert settings.shutdown_seconds == 20.0


def test_values_are_read_as_what_they_are() -> None:
    given = {
        "SHOP_SWEEP_LIMIT": "7",
        "SHOP_SHARE": "0.25",
        "SHOP_OPEN": "False",
        "SHOP_MODE": "fast",
        "SHOP_NOTE": " closed on mondays ",
        "SHOP_LIMIT": "3",
        "ICS_GRPC": "a:1, b:2,",
        "HTTP_PORT": "8080",
        "UNRELATED": "x",
    }
    settings = load(ShopSettings, {**LEAST, **given})
    assert (settings.shop_sweep_limit, settings.shop_share, settings.shop_open) == (7, 0.25, False)
    assert (settings.shop_mode, settings.shop_note, settings.shop_limit) == ("fast", "closed on mondays", 3)
    assert (settings.ics_grpc, settings.http_port) == (("a:1", "b:2"), 8080)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SHOP_SWEEP_LIMIT", "fifty", 'SHOP_SWEEP_LIMIT: "fifty" is not a whole number'),
        ("SHOP_SWEEP_LIMIT", "0", 'SHOP_SWEEP_LIMIT: "0" is out of range: expected `int` >= 1'),
        ("SHOP_SHARE", "half", 'SHOP_SHARE: "half" is not a number'),
        ("SHOP_OPEN", "perhaps", 'SHOP_OPEN: "perhaps" is neither true nor false'),
        ("SHOP_MODE", "warp", 'SHOP_MODE: "warp" is none of slow, fast'),
        ("SHOP_LIMIT", "x", 'SHOP_LIMIT: "x" is not a whole number'),
        ("HTTP_PORT", "70000", 'HTTP_PORT: "70000" is out of range: expected `int` <= 65535'),
        ("MONGODB_URI", "", "MONGODB_URI is not set (nor is MONGODB_URI_FILE)"),
        ("CALLER_KEY", "short", "CALLER_KEY is too short: 32 bytes or more are needed"),
        ("CALLER_KEY_FILE", "/nowhere", "CALLER_KEY and CALLER_KEY_FILE are both set; one of them has to go"),
        ("PAGE_KEY_FILE", "/nowhere", "PAGE_KEY_FILE: can't read /nowhere: No such file or directory"),
    ],
)
def test_a_wrong_value_is_named_in_one_line(name: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(ShopSettings, {**LEAST, name: value})
    assert str(refused.value) == said


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    place = tmp_path / "key"
    place.write_text("s" * 40 + "\n")
    least = {name: value for name, value in LEAST.items() if name != "CALLER_KEY"}
    assert load(ShopSettings, {**least, "CALLER_KEY_FILE": str(place)}).caller_key == "s" * 40

    place.write_text("")
    with pytest.raises(SettingsError, match="is empty"):
        load(ShopSettings, {**least, "CALLER_KEY_FILE": str(place)})
    place.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="not UTF-8 text"):
        load(ShopSettings, {**least, "CALLER_KEY_FILE": str(place)})


def test_secrets_do_not_show() -> None:
    settings = load(ShopSettings, LEAST)
    assert "hunter2" not in repr(settings)
    assert "hunter2" in settings.mongodb_uri
    assert repr(Secret("x")) == "Secret('…')"
