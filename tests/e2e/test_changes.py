"""`fieldmark change` and `fieldmark forget` against a server that runs, with tokens and without."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest
from binary import BINARY, SECONDS_MAX, port_of, run, serving
from traffic import batch, send


def asked(url: str, *arguments: str, token: str = "") -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FIELDMARK_")}
    environment |= {"FIELDMARK_URL": url} | ({"FIELDMARK_TOKEN": token} if token else {})
    return subprocess.run(
        [BINARY, *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
    )


SHOP = ("--service", "shop", "--environment", "production")


def test_what_a_pipeline_announces_stands_with_what_is_seen(tmp_path):
    with serving(tmp_path / "data") as (_, url):
        announced = asked(
            url, "change", "deploy 1.2.3", *SHOP, "--version", "v1", "--link", "https://ci.example.org/7", "--json"
        )
        assert announced.returncode == 0, announced.stderr
        change = json.loads(announced.stdout)
        assert (change["kind"], change["to_version"], change["first_seen_at"]) == ("deployment", "v1", None)
        before = asked(url, "change", *SHOP)
        assert "deploy 1.2.3: v1, not seen yet" in before.stdout

        assert send(port_of(url), batch("shop", "production", "v1")) == 200
        (row,) = asked(url, "change").stdout.splitlines()
        assert "deploy 1.2.3: v1" in row
        assert "not seen yet" not in row
        assert row.endswith("https://ci.example.org/7")
        amended = asked(url, "change", *SHOP, "--amend", str(change["id"]), "--owner", "ada")
        assert (amended.returncode, amended.stdout) == (0, f"amended {change['id']}: deploy 1.2.3: v1\n")
        (kept,) = json.loads(asked(url, "change", "--json").stdout)["changes"]
        assert (kept["title"], kept["owner"], kept["first_seen_at"] is None) == ("deploy 1.2.3", "ada", False)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["x", "--service", "shop"], "--environment is missing"),
        (["x", *SHOP, "--kind", "party"], "kind is none"),
        (["x", *SHOP, "--at", "tomorrow"], "its at is no time"),
        (["x", *SHOP, "--link", "javascript:x"], "begins with neither"),
        (["two\nlines", *SHOP], "not printable"),
        ([*SHOP, "--amend", "7", "--owner", "ada"], "none of that id"),
        ([*SHOP, "--owner", "ada"], "it has no title"),
        ([*SHOP], "nothing was heard of it"),
    ],
)
def test_says_what_is_wrong_with_a_change(arguments, part, tmp_path):
    with serving(tmp_path / "data") as (_, url):
        done = asked(url, "change", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert part in done.stderr


def test_forgets_while_the_server_runs_and_takes_data_in(tmp_path):
    folder = tmp_path / "data"
    with serving(folder) as (_, url):
        port = port_of(url)
        for service in ["shop", "payments-of-the-shop"]:
            assert send(port, batch(service, "production", "v1")) == 200
        asked(url, "change", "payments-of-the-shop changes", "--service", "payments-of-the-shop", "--environment", "x")
        nobody_there = asked(url, "forget", "shop")
        assert nobody_there.returncode == 2
        assert "say --yes to erase everything of shop in all environments" in nobody_there.stderr

        field = asked(url, "forget", "shop", "customer.phone", "--yes", "--json")
        assert field.returncode == 0, field.stderr
        assert json.loads(field.stdout)["rows"] > 0
        whole = asked(url, "forget", "payments-of-the-shop", "--yes")
        assert whole.stdout.startswith("forgot payments-of-the-shop: "), whole.stderr
        assert asked(url, "forget", "payments-of-the-shop", "--yes").returncode == 2
        assert send(port, batch("shop", "production", "v2")) == 200
        for file in folder.iterdir():
            if file.name != "audit.log":
                assert b"payments-of-the-shop" not in file.read_bytes(), file
        audit = [json.loads(line) for line in (folder / "audit.log").read_text().splitlines()]
        assert [line["action"] for line in audit] == ["change announced", "forgotten", "forgotten"]
        assert audit[1]["field"] == "customer.phone"


def test_forgetting_asks_for_the_name(tmp_path):
    with serving(tmp_path / "data") as (_, url):
        assert send(port_of(url), batch("shop", "production", "v1")) == 200
        for typed, code in [("yes", 2), ("shop", 0)]:
            primary, secondary = pty.openpty()
            process = subprocess.Popen(
                [BINARY, "forget", "shop", "--url", url],
                stdin=secondary,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            os.close(secondary)
            os.write(primary, typed.encode() + b"\n")
            _, errors = process.communicate(timeout=SECONDS_MAX)
            os.close(primary)
            assert process.returncode == code, errors
            assert "Type the service's name" in errors


def test_each_token_does_what_it_is_for(tmp_path):
    folder = tmp_path / "data"

    def made(*arguments: str) -> str:
        created = run("token", "create", "--data", str(folder), *arguments)
        assert created.returncode == 0, created.stderr
        return created.stdout.strip()

    read, write, admin = made(), made(*SHOP), made("--admin")
    with serving(folder) as (_, url):
        assert asked(url, "change", "x", *SHOP).returncode == 2, "nobody"
        assert "for reading alone" in asked(url, "change", "x", *SHOP, token=read).stderr
        assert asked(url, "change", "x", *SHOP, token=write).returncode == 0
        assert (
            "this token is for shop"
            in asked(url, "change", "x", "--service", "other", "--environment", "production", token=write).stderr
        )
        assert asked(url, "change", *SHOP, token=read).returncode == 0
        for token in [read, write]:
            assert "--admin" in asked(url, "forget", "shop", "--yes", token=token).stderr
        assert asked(url, "forget", "shop", "--yes", token=admin).returncode == 0
    for line in (folder / "audit.log").read_text().splitlines():
        assert read[12:] not in line and write[12:] not in line and admin[12:] not in line


def test_of_a_folder_whose_server_is_stopped(tmp_path: Path):
    folder = tmp_path / "data"
    with serving(folder) as (_, url):
        assert send(port_of(url), batch("shop", "production", "v1")) == 200
        running = run("forget", "shop", "--yes", "--data", str(folder))
        assert running.returncode == 2
    assert run("forget", "shop", "--yes", "--data", str(folder)).returncode == 0
