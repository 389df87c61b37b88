from __future__ import annotations

from typing import Any

import pytest

from fieldmark import FieldmarkMiddleware, _core
from fieldmark.filters import Filter
from fieldmark.settings import Settings, SettingsError, misspelt, resolve, service_name

KEY = "00112233445566778899aabbccddeeff"


@pytest.mark.parametrize(
    ("environ", "arguments", "expected"),
    [
        ({}, {}, Settings()),
        ({"FIELDMARK_SERVICE": "orders"}, {}, Settings(service="orders")),
        ({"FIELDMARK_SERVICE": "orders"}, {"service": "shop"}, Settings(service="shop")),
        ({"FIELDMARK_SERVICE": "  "}, {"service": ""}, Settings()),
        ({"FIELDMARK_ENVIRONMENT": "staging"}, {}, Settings(environment="staging")),
        ({"FIELDMARK_VERSION": "9f2c1ab"}, {}, Settings(version="9f2c1ab")),
        ({"FIELDMARK_URL": "https://marks.example:8443/base/"}, {}, Settings(url="https://marks.example:8443/base")),
        ({"FIELDMARK_TOKEN": "secret"}, {}, Settings(token="secret")),
        ({"FIELDMARK_HASH_KEY": KEY}, {}, Settings(hash_key=KEY)),
        ({"FIELDMARK_DISABLED": "1"}, {}, Settings(disabled=True)),
        ({"FIELDMARK_DISABLED": "True"}, {"disabled": False}, Settings(disabled=False)),
        ({"FIELDMARK_DISABLED": "no"}, {}, Settings()),
        ({"FIELDMARK_DISABLED": ""}, {}, Settings()),
        ({"FIELDMARK_BODIES": "off"}, {}, Settings(bodies=False)),
        ({"FIELDMARK_BODIES": "off"}, {"bodies": True}, Settings()),
        ({"FIELDMARK_BODIES": ""}, {}, Settings()),
        ({"FIELDMARK_EXCLUDE": "/health, GET /internal/*,"}, {}, Settings(exclude=("/health", "GET /internal/*"))),
        ({"FIELDMARK_EXCLUDE": "/health"}, {"exclude": []}, Settings()),
        ({"FIELDMARK_REVEAL": "status, items[].currency,"}, {}, Settings(reveal=("status", "items[].currency"))),
        ({"FIELDMARK_REVEAL": "status"}, {"reveal": []}, Settings()),
        ({}, {"reveal": ["POST /a request b.c", '"a,b"']}, Settings(reveal=("POST /a request b.c", '"a,b"'))),
        ({"FIELDMARK_DROP": "a.b, POST /a request c"}, {}, Settings(drop=("a.b", "POST /a request c"))),
        ({"FIELDMARK_DROP": "a"}, {"drop": "b"}, Settings(drop=("b",))),
        ({"FIELDMARK_SAMPLE": "0.25"}, {}, Settings(sample=0.25)),
        ({"FIELDMARK_SAMPLE": "0.25"}, {"sample": 0}, Settings(sample=0.0)),
        ({"FIELDMARK_SAMPLE": " "}, {}, Settings()),
        ({"FIELDMARK_INCLUDE": "(unmatched)"}, {"exclude": "*"}, Settings(include=("(unmatched)",), exclude=("*",))),
    ],
)
def test_an_argument_wins_over_the_environment_and_that_over_the_default(
    environ: dict[str, str], arguments: dict[str, Any], expected: Settings
) -> None:
    assert resolve(environ, **arguments) == expected


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"FIELDMARK_URL": "marks.example"}, "FIELDMARK_URL"),
        ({"FIELDMARK_URL": "ftp://marks.example"}, "FIELDMARK_URL"),
        ({"FIELDMARK_URL": "http:///orders"}, "FIELDMARK_URL"),
        ({"FIELDMARK_URL": "http://marks.example:port"}, "FIELDMARK_URL"),
        ({"FIELDMARK_URL": "http://marks.example/?x=1"}, "FIELDMARK_URL"),
        ({"FIELDMARK_HASH_KEY": "short"}, "FIELDMARK_HASH_KEY"),
        ({"FIELDMARK_DISABLED": "perhaps"}, "FIELDMARK_DISABLED"),
        ({"FIELDMARK_BODIES": "perhaps"}, "FIELDMARK_BODIES"),
        ({"FIELDMARK_DROP": "a,b c"}, "FIELDMARK_DROP"),
        ({"FIELDMARK_SAMPLE": "10 %"}, "FIELDMARK_SAMPLE"),
        ({"FIELDMARK_SAMPLE": "1.1"}, "FIELDMARK_SAMPLE"),
        ({"FIELDMARK_SAMPLE": "nan"}, "FIELDMARK_SAMPLE"),
        ({"FIELDMARK_INCLUDE": "orders"}, "FIELDMARK_INCLUDE"),
        ({"FIELDMARK_EXCLUDE": "/health,get /health"}, "FIELDMARK_EXCLUDE"),
        ({"FIELDMARK_SERVICE": "x" * 201}, "service"),
        ({"FIELDMARK_SERVICE": "ü" * 101}, "service"),  # the server counts bytes
        ({"FIELDMARK_ENVIRONMENT": "a\nb"}, "environment"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_named_without_its_value(environ: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named) as caught:
        resolve(environ)
    assert next(iter(environ.values())) not in str(caught.value)


@pytest.mark.parametrize(
    ("listed", "is_field"),
    [
        ("status", True),
        ("customer.country", True),
        ("items[].price", True),
        ("[].a", True),
        ("[]", True),
        ("prices.{}.amount", True),
        ('"odd name".b', True),
        ('"a \\" quote"', True),
        ("POST /orders request customer.country", True),
        ("GET /o/{id} response 2xx items[][].a", True),
        ('GET /o request "a request b"', True),
        ("POST /orders customer.country", False),
        ("POST /orders request", False),
        (" request a", False),
        ("GET /a response 6xx b", False),
        ("a..b", False),
        (".a", False),
        ("a.", False),
        ("items[0]", False),
        ("a[]b", False),
        ('"a', False),
        ("a b", False),
    ],
)
def test_a_field_to_reveal_is_what_the_recorder_takes_for_one(listed: str, is_field: bool) -> None:
    if is_field:
        assert resolve({"FIELDMARK_REVEAL": f"status,{listed}"}).reveal == ("status", listed)
        _core.Recorder(reveal=[listed])
        return
    for environ, arguments in [({"FIELDMARK_REVEAL": f"status,{listed}"}, {}), ({}, {"reveal": [listed]})]:
        with pytest.raises(SettingsError, match="FIELDMARK_REVEAL") as caught:
            resolve(environ, **arguments)  # type: ignore[arg-type]
        assert f"'{listed.strip()}' names no field" in str(caught.value)
    with pytest.raises(ValueError, match="names no field"):
        _core.Recorder(reveal=[listed])


def test_secrets_do_not_show_in_representations() -> None:
    shown = repr(resolve({"FIELDMARK_TOKEN": "secret", "FIELDMARK_HASH_KEY": KEY}))
    assert "secret" not in shown
    assert KEY not in shown


@pytest.mark.parametrize(
    ("title", "folder", "expected"),
    [
        ("Orders API", "src", "orders-api"),
        ("FastAPI", "orders", "orders"),
        (None, "My Shop", "my-shop"),
        ("", "", "service"),
        (3, "/", "service"),
        ("Bücher & mehr", "src", "bücher-mehr"),
        ("x" * 300, "src", "x" * 200),
        ("x" + "ü" * 300, "src", "x" + "ü" * 99),
    ],
)
def test_a_service_without_a_name_is_named_after_its_title_or_folder(title: object, folder: str, expected: str) -> None:
    assert service_name(title, folder) == expected


@pytest.mark.parametrize(
    ("include", "exclude", "route", "left_out"),
    [
        ([], ["/health"], "GET /health", True),
        ([], ["/health"], "HEAD /health", True),
        ([], ["/health"], "GET /healthy", False),
        ([], ["/health"], "GET /api/health", False),
        ([], ["GET /internal/*"], "GET /internal/a/{b}", True),
        ([], ["GET /internal/*"], "POST /internal/a/{b}", False),
        ([], ["*/health"], "GET /api/health", True),
        ([], ["/orders/{id}"], "GET /orders/{id}", True),
        ([], ["/o.ders"], "GET /orders", False),
        ([], ["(unmatched)"], "(unmatched)", True),
        ([], ["/*"], "(unmatched)", False),
        (["/orders/*"], [], "GET /orders/{id}", False),
        (["/orders/*"], [], "GET /carts/{id}", True),
        (["/orders/*"], ["DELETE /orders/*"], "DELETE /orders/{id}", True),
        (["WEBSOCKET /feed"], [], "WEBSOCKET /feed", False),
    ],
)
def test_routes_are_left_out_by_patterns(include: list[str], exclude: list[str], route: str, left_out: bool) -> None:
    chosen = Filter(include, exclude)
    assert [chosen.leaves_out(route), chosen.leaves_out(route)] == [left_out, left_out]


def test_a_name_that_is_no_setting_says_which_may_be_meant() -> None:
    with pytest.raises(SettingsError, match=r"there is no enviroment=; is it environment=\?"):
        resolve({}, enviroment="test")  # type: ignore[call-arg]
    with pytest.raises(SettingsError, match=r"there is no colour=$"):
        resolve({}, colour="red")  # type: ignore[call-arg]


def test_a_variable_that_is_misspelt_is_told_and_others_are_left_alone() -> None:
    environ = {
        "FIELDMARK_ENVIROMENT": "test",
        "FIELDMARK_SERVE_LISTEN": "0.0.0.0",
        "FIELDMARK_PAGE": "/",
        "FIELDMARK_URL": "http://a",
        "FIELDMARK_": "",
        "PATH": "/bin",
    }
    assert misspelt(environ) == ["reading settings: there is no FIELDMARK_ENVIROMENT; is it FIELDMARK_ENVIRONMENT?"]


@pytest.mark.parametrize("settings", [{"enviroment": "test"}, {"bodies": 7}, {"service": 7}, {"include": 7}])
def test_what_is_no_setting_never_stops_an_application(
    settings: dict[str, object], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIELDMARK_VERSON", "1")
    FieldmarkMiddleware(lambda *_: None, **settings)  # type: ignore[arg-type]
    assert "fieldmark" in {record.name for record in caplog.records}
