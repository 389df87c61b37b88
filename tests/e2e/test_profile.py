"""`fieldmark profile`: files of documents in every form, saved profiles, comparisons."""

from __future__ import annotations

import gzip
import json
import os
import pty
import random
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from binary import BINARY, SECONDS_MAX, run

import fieldmark

HASH_KEY = "000102030405060708090a0b0c0d0e0f"


def orders(seed: int, count: int, null_share: float = 0.02) -> list[dict[str, Any]]:
    draw = random.Random(seed)
    return [
        {
            "id": draw.randrange(10**6),
            "customer": {"phone": None if draw.random() < null_share else f"+4930{draw.randrange(10**7):07}"},
            "items": [{"price": round(draw.lognormvariate(2, 0.5), 2)} for _ in range(draw.randint(1, 4))],
            "status": draw.choice(["new", "paid"]),
        }
        for _ in range(count)
    ]


def lines(documents: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(document) + "\n" for document in documents)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "before.ndjson").write_text(lines(orders(1, 1000)))
    (tmp_path / "after.ndjson").write_text(lines(orders(2, 1000, null_share=0.38)))
    return tmp_path


def read(*arguments: str, folder: Path, code: int = 0) -> dict[str, Any]:
    result = run("profile", *arguments, "--json", folder=folder)
    assert result.returncode == code, result.stderr
    return dict(json.loads(result.stdout))


def piped(data: bytes, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([BINARY, "profile", "-", *arguments], input=data, capture_output=True, timeout=SECONDS_MAX)


def test_a_table_for_people(folder: Path) -> None:
    result = run("profile", "before.ndjson", folder=folder)
    assert result.returncode == 0
    assert result.stderr == ""
    assert result.stdout.startswith("before.ndjson: 1000 documents, 8 fields\n")
    row = next(line for line in result.stdout.splitlines() if line.startswith("customer.phone"))
    path, types, null, missing, distinct, formats, values = re.split(r" {2,}", row)
    assert (path, types, missing, values) == ("customer.phone", "string", "0 %", "12 bytes")
    assert 1 <= float(null.removesuffix(" %")) <= 4
    assert distinct.startswith("~")
    assert formats == "number, phone"
    assert "\x1b" not in result.stdout


def field_of(profile: dict[str, Any], path: str) -> dict[str, Any]:
    return next(field for field in profile["fields"] if field["field"] == path)


def test_values_of_revealed_fields_alone_are_shown(folder: Path) -> None:
    hidden = read("before.ndjson", folder=folder)
    shown = read("before.ndjson", "--reveal", "status", "--reveal", "items[].price", "--save", "s", folder=folder)
    assert "revealed" not in json.dumps(hidden)
    documents = orders(1, 1000)
    paid = sum(document["status"] == "paid" for document in documents)
    prices = [item["price"] for document in documents for item in document["items"]]
    counts = {value["value"]: value["count"] for value in field_of(shown, "status")["revealed"]}
    assert counts == {"paid": paid, "new": 1000 - paid}
    numbers = field_of(shown, "items[].price")["numbers"]
    assert (numbers["min"], numbers["max"]) == (min(prices), max(prices))
    assert "revealed" not in field_of(shown, "customer.phone")
    assert read("s", folder=folder)["fields"] == shown["fields"]

    table = run("profile", "s", folder=folder).stdout
    assert re.search(r"^status .* `(paid|new)` 5\d %, `(paid|new)` (4\d|50) %", table, re.MULTILINE), table
    assert "+4930" not in table + json.dumps(shown)

    wrong = run("profile", "before.ndjson", "--reveal", "a..b", folder=folder)
    assert wrong.returncode == 2
    assert "'a..b' names no field" in wrong.stderr


def test_a_comparison_says_which_revealed_value_moved(folder: Path) -> None:
    sent = [document | {"status": "sent"} for document in orders(2, 1000)]
    (folder / "sent.ndjson").write_text(lines(sent))
    found = read("--compare", "before.ndjson", "sent.ndjson", "--reveal", "status", folder=folder, code=1)
    mix = next(finding for finding in found["findings"] if finding["statistic"] == "mix")
    assert mix["category"] == "sent"
    assert mix["sentence"].startswith("status mix, `sent` 0 % → 100 %")
    hidden = read("--compare", "before.ndjson", "sent.ndjson", folder=folder, code=1)
    assert all(finding["category"] is None for finding in hidden["findings"])
    assert "`" not in json.dumps(hidden)


def test_every_form_gives_the_same(folder: Path) -> None:
    documents = orders(1, 1000)
    (folder / "array.json").write_text(json.dumps(documents))
    (folder / "pretty.json").write_text("\n".join(json.dumps(document, indent=2) for document in documents))
    (folder / "indented-array.json").write_text(json.dumps(documents, indent=1))
    expected = read("before.ndjson", "--hash-key", HASH_KEY, folder=folder)
    for name in ("array.json", "pretty.json", "indented-array.json"):
        assert read(name, "--hash-key", HASH_KEY, folder=folder) == expected, name
    data = (folder / "before.ndjson").read_bytes()
    assert json.loads(piped(data, "--json", "--hash-key", HASH_KEY).stdout) == expected
    halves = data.splitlines(keepends=True)
    (folder / "a").write_bytes(b"".join(halves[:300]))
    (folder / "b").write_bytes(b"".join(halves[300:]))
    assert read("a", "b", "--hash-key", HASH_KEY, folder=folder) == expected


def test_python_gives_the_same(folder: Path) -> None:
    printed = read("before.ndjson", "--hash-key", HASH_KEY, folder=folder)
    with (folder / "before.ndjson").open("rb") as stream:
        profile = fieldmark.profile(stream, hash_key=HASH_KEY)
    assert profile.to_dict() == {key: value for key, value in printed.items() if key not in ("remarks", "notes")}
    (folder / "python.profile").write_bytes(profile.encode())
    assert read("python.profile", folder=folder) == printed
    run("profile", "before.ndjson", "--hash-key", HASH_KEY, "--save", "cli.profile", folder=folder)
    assert fieldmark.Profile.decode((folder / "cli.profile").read_bytes()).to_dict() == profile.to_dict()


def test_one_document_is_a_profile_too() -> None:
    result = json.loads(piped(b'{"a": {"b": [1, 2]}}', "--json").stdout)
    assert [field["field"] for field in result["fields"]] == ["", "a", "a.b", "a.b[]"]


def test_saved_profiles_merge_into_that_of_everything(folder: Path) -> None:
    key = ("--hash-key", HASH_KEY)
    for name in ("before", "after"):
        assert run("profile", f"{name}.ndjson", "--save", f"{name}.profile", *key, folder=folder).returncode == 0
    merged = read("--merge", "before.profile", "after.profile", "--save", "both.profile", folder=folder)
    assert merged == read("before.ndjson", "after.ndjson", *key, folder=folder)
    assert read("both.profile", folder=folder) == merged
    assert merged["notes"] == []
    assert bytes.fromhex(HASH_KEY) not in (folder / "both.profile").read_bytes()
    assert (folder / "before.profile").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in folder.glob("*.part")) == []


def test_profiles_under_different_keys_merge_without_hashes_and_say_so(folder: Path) -> None:
    for name in ("before", "after"):
        run("profile", f"{name}.ndjson", "--save", f"{name}.profile", folder=folder)
    merged = read("before.profile", "after.profile", folder=folder)
    assert merged["documents"] == 2000
    assert merged["hash_key_id"] is None
    assert "after.profile is not hashed under the key" in merged["notes"][0]
    # A data file is hashed as the saved profile was.
    together = read("before.profile", "after.ndjson", folder=folder)
    assert together["notes"] == []
    assert together["hash_key_id"] is not None


def test_a_difference_is_found(folder: Path) -> None:
    # Which of a thousand identifiers fall together depends on the key, and by chance that is a difference.
    key = ("--hash-key", HASH_KEY)
    run("profile", "before.ndjson", "--save", "before.profile", *key, folder=folder)
    for before in ("before.ndjson", "before.profile"):
        words = run("profile", "--compare", before, "after.ndjson", *key, folder=folder)
        assert words.returncode == 1
        assert words.stdout.startswith(f"Changed  after.ndjson compared with {before}\n")
        assert re.search(r"worse +changed +customer\.phone null 2 % → 3\d %, on 1 000 documents", words.stdout)
        assert "since" not in words.stdout
        verdict = read("--compare", before, "after.ndjson", *key, folder=folder, code=1)
        assert verdict["state"] == "changed"
        assert [finding["signal"] for finding in verdict["findings"]] == ["customer.phone null"]
        assert verdict["notes"] == []


def test_no_difference_is_green_and_too_few_documents_are_not(folder: Path) -> None:
    (folder / "again.ndjson").write_text(lines(orders(3, 1000)))
    (folder / "few.ndjson").write_text(lines(orders(4, 7)))
    (folder / "none.ndjson").write_text("")
    assert read("--compare", "before.ndjson", "again.ndjson", folder=folder)["state"] == "no_change"
    few = run("profile", "--compare", "before.ndjson", "few.ndjson", folder=folder)
    assert few.returncode == 3
    assert few.stdout.startswith("Not enough documents (7 of about ")
    assert read("--compare", "none.ndjson", "again.ndjson", folder=folder, code=3)["state"] == "cannot_compare"
    assert run("profile", "none.ndjson", folder=folder).returncode == 3


def test_what_cannot_be_read_is_counted_and_named(folder: Path) -> None:
    text = (folder / "before.ndjson").read_text()
    (folder / "torn.ndjson").write_text(text + '{"id": 7, "cust\n{"id": 8}\n')
    result = run("profile", "torn.ndjson", folder=folder)
    assert result.returncode == 1
    assert "1001 documents" in result.stdout
    assert "1 document could not be read: 1 truncated" in result.stdout
    assert f"torn.ndjson: truncated at byte {len(text) + 15}" in result.stdout
    (folder / "mixed.json").write_text('[{"a": 1},\n{"a": 2}]\n{"a": 3}\n')
    mixed = run("profile", "mixed.json", folder=folder)
    assert mixed.returncode == 1
    assert "mixed: more follows the end of the array at byte 21" in mixed.stdout


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ([], ["no file is given"]),
        (["missing.json"], ["opening missing.json", "No such file"]),
        (["."], ["reading .", "the files in it"]),
        (["table.csv"], ["reading table.csv", "not json at byte 0", "JSON lines"]),
        (["packed.gz"], ["packed.gz", "gzip", "zcat"]),
        (["wide.json"], ["UTF-16", "iconv"]),
        (["torn.profile"], ["torn.profile", "reading a saved profile", "damaged"]),
        (["before.ndjson", "--hash-key", "secret"], ["--hash-key", "32 hexadecimal digits"]),
        (["before.ndjson", "--form", "csv"], ["--form"]),
        (["--compare", "before.ndjson"], ["--compare"]),
        (["--compare", "before.ndjson", "missing.json"], ["missing.json"]),
        (["--compare", "-", "-"], ["given twice"]),
        (["--compare", "before.ndjson", "after.ndjson", "--save", "x"], ["--save"]),
        (["before.ndjson", "--save", "no/such/place"], ["no/such/place", "--save"]),
        (["before.ndjson", "--save", ""], ["--save", "empty"]),
        (["before.ndjson", "--reveal", "a..b"], ["--reveal", "'a..b' names no field"]),
    ],
)
def test_mistakes_are_told(arguments: list[str], parts: list[str], folder: Path) -> None:
    (folder / "table.csv").write_text("id,phone\n1,2\n3,4\n")
    (folder / "packed.gz").write_bytes(gzip.compress(b"{}"))
    (folder / "wide.json").write_bytes('{"a": 1}'.encode("utf-16"))
    run("profile", "before.ndjson", "--save", "whole.profile", folder=folder)
    (folder / "torn.profile").write_bytes((folder / "whole.profile").read_bytes()[:-10])
    result = run("profile", *arguments, folder=folder)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("fieldmark: ")
    for part in parts:
        assert part in result.stderr
    assert "secret" not in result.stderr


@pytest.mark.parametrize("arguments", [["before.ndjson"], ["before.ndjson", "--json"]])
def test_an_answer_that_cannot_be_written_is_told(arguments: list[str], folder: Path) -> None:
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [BINARY, "profile", *arguments], stdout=full, stderr=subprocess.PIPE, cwd=folder, timeout=SECONDS_MAX
        )
    assert result.returncode == 2
    assert b"writing the answer to standard output" in result.stderr


def test_no_value_is_shown_or_saved(folder: Path) -> None:
    secret = {"password": "hunter2-hunter2", "pin": 77001133, "x@example.org": 1, "4111111111111111": "k"}
    (folder / "secret.ndjson").write_text(lines([secret] * 60))
    result = run("profile", "secret.ndjson", "--save", "secret.profile", folder=folder)
    shown = result.stdout + run("profile", "secret.ndjson", "--json", folder=folder).stdout
    saved = (folder / "secret.profile").read_bytes()
    for planted in ("hunter2", "77001133", "77 001 133", "x@example", "411111"):
        assert planted not in shown
        assert planted.encode() not in saved


def test_memory_does_not_grow_with_the_file() -> None:
    line = json.dumps(orders(1, 1)[0]).encode() + b"\n"
    block = line * (2**20 // len(line))
    process = subprocess.Popen([BINARY, "profile", "-", "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    for _ in range(100):
        process.stdin.write(block)
    peak = next(
        int(row.split()[1])
        for row in Path(f"/proc/{process.pid}/status").read_text().splitlines()
        if row.startswith("VmHWM")
    )
    process.stdin.close()
    assert json.loads(process.stdout.read())["documents"] == 100 * (len(block) // len(line))
    assert process.wait(SECONDS_MAX) == 0
    assert peak < 64 * 1024, f"{peak} kB at 100 MiB"


def test_a_document_beyond_the_limit_is_told_and_takes_no_memory() -> None:
    process = subprocess.Popen([BINARY, "profile", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None and process.stderr is not None
    process.stdin.write(b'{"items": [0')
    for _ in range(100):
        process.stdin.write(b", 123456" * 2**17)
    peak = next(
        int(row.split()[1])
        for row in Path(f"/proc/{process.pid}/status").read_text().splitlines()
        if row.startswith("VmHWM")
    )
    process.stdin.write(b"]}")
    process.stdin.close()
    told = process.stderr.read().decode()
    assert process.wait(SECONDS_MAX) == 2
    assert "a document of more than 16 MiB at byte 0; give what is in it as documents, one a line" in told
    assert peak < 64 * 1024, f"{peak} kB at 100 MiB"


def test_progress_is_for_terminals(folder: Path) -> None:
    """The input goes on until the first line of progress is there."""
    primary, secondary = pty.openpty()
    data = (folder / "before.ndjson").read_bytes()
    process = subprocess.Popen(
        [BINARY, "profile", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=secondary
    )
    os.close(secondary)
    assert process.stdin is not None
    shown = b""
    os.set_blocking(primary, False)
    deadline = time.monotonic() + SECONDS_MAX
    while b"documents" not in shown and time.monotonic() < deadline:
        process.stdin.write(data)
        process.stdin.flush()
        try:
            shown += os.read(primary, 4096)
        except BlockingIOError:
            continue
    process.stdin.close()
    assert process.wait(SECONDS_MAX) == 0
    assert b"standard input" in shown
    assert b"documents" in shown
    os.close(primary)
