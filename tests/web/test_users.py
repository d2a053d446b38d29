"""Who gives the right password is let in, at the cost of one hash; who tries others delays nobody else."""

from __future__ import annotations

import asyncio
import threading
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import bcrypt
import pytest

from tests.builders import NETWORK, node
from tests.web.pki import Pki
from tests.web.rows import USERS
from tests.web.served import secured
from uplink_exporter.web.config import parse
from uplink_exporter.web.secure.guard import nearby
from uplink_exporter.web.secure.turns import Turns
from uplink_exporter.web.secure.users import MOST_WRONG, Users, credentials

CHEAP, DEAR = (bcrypt.hashpw(b"secret", bcrypt.gensalt(rounds)) for rounds in (4, 6))
# bcrypt's own base64, of which the last character of 22 holds 2 bits of the salt and 4 that are nothing.
ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
KNOWN = {b"anna": CHEAP, b"bert": DEAR}


def basic(user: str, password: str | bytes) -> str:
    secret = password if isinstance(password, bytes) else password.encode()
    return f"Basic {b64encode(user.encode() + b':' + secret).decode()}"


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The hashes that passwords were checked against."""
    seen: list[bytes] = []
    real: Callable[[bytes, bytes], bool] = bcrypt.checkpw

    def checkpw(password: bytes, hashed_password: bytes) -> bool:
        seen.append(hashed_password)
        return real(password, hashed_password)

    monkeypatch.setattr(bcrypt, "checkpw", checkpw)
    return seen


async def test_each_password_is_hashed_once_right_or_wrong(hashed: list[bytes]) -> None:
    users = Users()
    for _ in range(3):
        assert await users.admit(KNOWN, basic("anna", "secret"), "a")
        assert not await users.admit(KNOWN, basic("anna", "wrong"), "a")
    assert hashed == [CHEAP, CHEAP]


async def test_no_number_of_guesses_makes_a_scrape_wait_for_the_hash_again(hashed: list[bytes]) -> None:
    users = Users()
    assert await users.admit(KNOWN, basic("anna", "secret"), "a")
    for guess in range(MOST_WRONG + 10):
        assert not await users.admit(KNOWN, basic("anna", str(guess)), "a")
    hashed.clear()
    assert await users.admit(KNOWN, basic("anna", "secret"), "a")
    assert hashed == []
    assert len(users.wrong) == MOST_WRONG


async def test_a_changed_hash_counts_at_once() -> None:
    users, changed = Users(), {b"anna": bcrypt.hashpw(b"other", bcrypt.gensalt(4))}
    assert await users.admit(KNOWN, basic("anna", "secret"), "a")
    assert not await users.admit(changed, basic("anna", "secret"), "a")
    assert await users.admit(changed, basic("anna", "other"), "a")
    assert not await users.admit({b"bert": DEAR}, basic("anna", "other"), "a")


async def test_an_unknown_user_costs_what_a_known_one_does(hashed: list[bytes]) -> None:
    users = Users()
    for number in range(64):
        assert not await users.admit(KNOWN, basic(f"nobody{number}", "secret"), "a")
    assert len(hashed) == 64
    assert set(hashed) == {CHEAP, DEAR}
    first = list(hashed)
    users.wrong.clear()
    for number in range(64):
        await users.admit(KNOWN, basic(f"nobody{number}", "secret"), "a")
    assert hashed[64:] == first  # or who asks twice would tell the two apart


async def test_a_password_counts_up_to_the_bound_of_bcrypt_as_in_go() -> None:
    known = {b"anna": bcrypt.hashpw(b"a" * 72, bcrypt.gensalt(4))}
    assert await Users().admit(known, basic("anna", "a" * 80), "a")
    assert not await Users().admit(known, basic("anna", "a" * 71), "a")


@pytest.mark.parametrize("more", range(16))
async def test_bits_that_a_salt_has_too_many_do_not_count_as_in_go(more: int) -> None:
    last = ALPHABET[ALPHABET.index(chr(CHEAP[28])) + more]
    text = f"{CHEAP[:28].decode()}{last}{CHEAP[29:].decode()}"
    known = parse(f"basic_auth_users: {{anna: '{text}'}}".encode(), Path("/")).users
    assert await Users().admit(known, basic("anna", "secret"), "a")
    assert not await Users().admit(known, basic("anna", "wrong"), "a")


async def test_bytes_are_compared_whatever_they_mean() -> None:
    known = {b"anna": bcrypt.hashpw("pässword".encode(), bcrypt.gensalt(4))}
    assert await Users().admit(known, basic("anna", "pässword"), "a")
    assert not await Users().admit(known, basic("anna", "pässword".encode("latin-1")), "a")


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("Basic YTpi", (b"a", b"b")),
        ("basic YTpi", (b"a", b"b")),
        ("Basic OmI=", (b"", b"b")),
        ("Basic YTpiOmM=", (b"a", b"b:c")),
        ("Basic  YTpi", None),
        ("Basic OmI", None),
        ("Basic YQ==", None),
        ("Basic YTpi!", None),
        ("Bearer YTpi", None),
        ("Basic", None),
        ("Basic ü", None),
        ("", None),
    ],
)
def test_credentials_are_read_as_the_toolkit_reads_them(header: str, found: tuple[bytes, bytes] | None) -> None:
    assert credentials(header) == found


async def test_whoever_tries_many_at_once_delays_another_address_by_one_check() -> None:
    turns, order = Turns(), list[str]()
    first = threading.Event()

    def check(name: str) -> Callable[[], bool]:
        def run() -> bool:
            first.wait(5)
            order.append(name)
            return True

        return run

    guesses = [asyncio.create_task(turns.take("attacker", check("guess"))) for _ in range(20)]
    await asyncio.sleep(0)
    scrape = asyncio.create_task(turns.take("prometheus", check("scrape")))
    await asyncio.sleep(0)
    first.set()
    assert all(await asyncio.gather(scrape, *guesses))
    assert order.index("scrape") == 1


async def test_who_has_left_is_not_checked_and_one_check_runs_at_a_time() -> None:
    turns, running, most = Turns(), 0, 0
    lock, go_on = threading.Lock(), threading.Event()

    def check() -> bool:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        go_on.wait(5)
        with lock:
            running -= 1
        return True

    asked = [asyncio.create_task(turns.take("a", check)) for _ in range(50)]
    await asyncio.sleep(0.01)
    for task in asked[:-1]:
        task.cancel()  # the first is being checked: its thread goes on, and nothing starts beside it
    await asyncio.sleep(0.01)
    go_on.set()
    assert await asked[-1]
    assert most == 1
    assert turns.waiting == {}


async def test_a_check_that_fails_fails_for_who_asked_alone() -> None:
    def broken() -> bool:
        raise ValueError("no salt")

    turns = Turns()
    with pytest.raises(ValueError, match="no salt"):
        await turns.take("a", broken)
    assert await turns.take("a", lambda: True)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("192.0.2.1", 1), ("192.0.2.1", 2), True),
        (("192.0.2.1", 1), ("192.0.2.2", 1), False),
        (("2001:db8::1", 1, 0, 0), ("2001:db8::2", 1, 0, 0), True),
        (("2001:db8::1", 1, 0, 0), ("2001:db8:0:1::1", 1, 0, 0), False),
        (("::ffff:192.0.2.1", 1, 0, 0), ("::ffff:192.0.2.2", 1, 0, 0), False),
        (None, "", True),
    ],
)
def test_the_addresses_of_one_machine_count_as_one(one: object, other: object, same: bool) -> None:
    assert (nearby(one) == nearby(other)) is same


async def test_a_file_that_is_cut_to_nothing_as_it_is_written_lets_nobody_in(tmp_path: Path, pki: Pki) -> None:
    async with secured(node(NETWORK), tmp_path, pki, USERS) as secure, secure.server.client() as client:
        assert (await client.ask("/metrics")).status == 401
        secure.write("\n")
        assert (await client.ask("/metrics")).status == 500
        secure.write("{}")
        assert (await client.ask("/metrics")).status == 200
