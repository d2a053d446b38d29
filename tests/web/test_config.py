"""What is said of a file that cannot be: the line, the key, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.web.rows import HASH
from uplink_exporter.web.config import ConfigError, RateLimit, parse

HERE = Path("/etc/uplink-exporter")


def said(text: str | bytes) -> str:
    with pytest.raises(ConfigError) as refused:
        parse(text if isinstance(text, bytes) else text.encode(), HERE)
    return str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# TLS\ntls_server_config:\n  cert_fil: a\n",
         "line 3: tls_server_config.cert_fil: there is no such key; did you mean cert_file?"),
        ("http_server_config:\n  foo: 1\n",
         "line 2: http_server_config.foo: there is no such key; known are http2, headers"),
        ("\nbasic_auth_users:\n  anna: hunter2\n",
         ("line 3: basic_auth_users.anna: is not a bcrypt hash; make one with `htpasswd -nBC 10 NAME`, and take what"
          " follows `NAME:`")),
        ("tls_server_config:\n  cert_file: a\n  key_file: b\n  client_ca_file: c\n",
         ("line 4: tls_server_config.client_ca_file: nobody is asked for a certificate; add"
          " client_auth_type: RequireAndVerifyClientCert")),
        ("tls_server_config:\n  cert_file: a\n  key_file: b\n  min_version: TLS11\n",
         "line 4: tls_server_config.min_version: OpenSSL does not speak TLS11 any more; allowed is TLS12 or TLS13"),
        ("rate_limit: {interval: 5, burst: 1}",
         "line 1: rate_limit.interval: '5' is no span of time; write it with its unit, such as 500ms or 1s"),
        ("http_server_config: {http2: 'false'}", "line 1: http_server_config.http2: 'false' is neither true nor false"),
        ("rate_limit: {burst: 1}\nrate_limit: {burst: 1}", "line 2: rate_limit: is given twice; leave one of the two"),
        ("- a", "line 1: the file: must be a mapping, such as `key: value`"),
        ("a: [\n", "line 2: is not YAML: expected the node content, but found '<stream end>'"),
        (b"a: b\nc: \xff", "line 2: is not UTF-8"),
        ("[" * 10_000, "line 1: is nested too deeply to be a web config"),
        ("a: 1\n---\nb: 1\n", "line 2: is not YAML: but found another document"),
        ("? [a]\n: b", "line 1: ?: a key must be a word"),
        ('a:\n  "\\U00110000": b', "line 2: is not YAML: a number in it is too large"),
        ('a:\n  "\\UFFFFFFFF": b', "line 2: is not YAML: a number in it is too large"),
        ("%YAML 1." + 5000 * "1" + "\n--- {}", "line 1: is not YAML: a number in it is too large"),
        ('rate_limit: {"a\\nb\\e[1m": 1}',
         "line 1: rate_limit.'a\\nb\\x1b[1m': there is no such key; known are interval, burst"),
        (f"rate_limit: {{interval: {'9' * 400}s, burst: 1}}",
         f"line 1: rate_limit.interval: '{'9' * 60}...' is longer than 292 years"),
        ("rate_limit: {interval: 5\u0663s, burst: 1}",
         "line 1: rate_limit.interval: '5\u0663s' is no span of time; write it with its unit, such as 500ms or 1s"),
        ('tls_server_config:\n  cert: "\\uD800"\n  key: a',
         "line 2: tls_server_config.cert: has half of a character in it (U+D800 to U+DFFF)"),
    ],
)  # fmt: skip
def test_an_error_names_the_line_the_key_and_the_remedy(text: str | bytes, message: str) -> None:
    assert said(text) == message


def test_a_password_that_was_put_for_its_hash_is_not_told_on() -> None:
    assert "hunter2" not in said("basic_auth_users: {anna: hunter2}")


@pytest.mark.parametrize(
    "secret", [f"basic_auth_users:\n  anna: '{HASH}'\n", "tls_server_config: {cert: a, key: s3cret}"]
)
def test_a_secret_is_not_printed_with_the_value(secret: str) -> None:
    shown = repr(parse(secret.encode(), HERE))
    assert HASH not in shown
    assert "s3cret" not in shown


@pytest.mark.parametrize(
    ("interval", "seconds"), [("1s", 1.0), ("500ms", 0.5), ("1m30s", 90.0), ("1.5h", 5400.0), (".5s", 0.5)]
)
def test_a_span_of_time_is_as_go_writes_it(interval: str, seconds: float) -> None:
    config = parse(f"rate_limit: {{interval: {interval}, burst: 3}}".encode(), HERE)
    assert config.rate_limit == RateLimit(interval=seconds, burst=3)


@pytest.mark.parametrize("text", ["", "---\n", "# nothing\n", "tls_server_config:\nrate_limit: {interval: 0}\n"])
def test_what_is_left_empty_is_as_if_it_were_not_there(text: str) -> None:
    config = parse(text.encode(), HERE)
    assert (config.tls, config.users, config.headers, config.rate_limit) == (None, {}, {}, None)


def test_names_of_users_are_text_whatever_yaml_would_make_of_them() -> None:
    users = "".join(f"  {name}: '{HASH}'\n" for name in ("yes", "007", "1e3", "''", "jürgen"))
    assert list(parse(f"basic_auth_users:\n{users}".encode(), HERE).users) == [
        b"yes",
        b"007",
        b"1e3",
        b"",
        "jürgen".encode(),
    ]


words = st.sampled_from(["tls_server_config", "cert_file", "basic_auth_users", "rate_limit", "headers", "TLS13", HASH])
documents = st.recursive(
    words | st.text() | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words | st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary(max_size=200) | documents.map(lambda document: yaml.safe_dump(document).encode()))
def test_whatever_the_file_holds_it_is_a_config_or_an_error_of_one_line(data: bytes) -> None:
    try:
        parse(data, HERE)
    except ConfigError as error:
        assert str(error).startswith("line ")
