"""The embedded server's store: made whole before anything is kept in it, so that no kill finds a table half made."""

from pathlib import Path

from pymongo import MongoClient

from deploy.local import ports
from deploy.local.engines.engine import Engine
from deploy.local.engines.secantus import Secantus

COLLECTIONS = 200


def tables(folder: Path) -> set[str]:
    """The tables of a store, one file each."""
    return {file.name for file in folder.glob("*.wt")}


def test_no_collection_needs_a_table_that_is_not_there(private_mongodb: Engine, tmp_path: Path) -> None:
    before = tables(tmp_path / "mongodb" / "data")
    with MongoClient[dict[str, object]](private_mongodb.uri) as client:
        assert "layout" not in client.list_database_names()
        for number in range(COLLECTIONS):
            client["shop"][f"things-{number}"].insert_one({"_id": 1})

    assert before
    assert tables(tmp_path / "mongodb" / "data") == before


def test_a_store_that_was_not_finished_is_made_anew(tmp_path: Path) -> None:
    left = tmp_path / "data.new"
    left.mkdir()
    (left / "WiredTiger").write_text("half a file")
    server = Secantus(tmp_path, ports.any_free())

    server.start()
    try:
        with MongoClient[dict[str, object]](server.uri) as client:
            client["shop"]["things"].insert_one({"_id": 1})
            assert client["shop"]["things"].find_one({}) == {"_id": 1}
    finally:
        server.stop()
    assert not left.exists()
