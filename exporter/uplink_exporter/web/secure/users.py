"""Who may ask: HTTP's basic authentication (RFC 7617) against the bcrypt hashes of the web config."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import bcrypt

from uplink_exporter.lean import without_openssl
from uplink_exporter.web.secure.turns import Turns

with without_openssl():  # neither needs any of it
    from hashlib import blake2b
    from hmac import compare_digest

# bcrypt's own bound. Go compares what lies within; the library refuses what lies beyond.
_LONGEST = 72
MOST_WRONG = 128


@dataclass(slots=True)
class Users:
    """Checks passwords, each once: what was right and what was wrong is kept, as a digest that means nothing elsewhere.

    Right ones are kept apart from wrong ones, so that no number of guesses makes a scrape wait for bcrypt again.
    """

    turns: Turns = field(default_factory=Turns)
    secret: bytes = field(default_factory=lambda: os.urandom(32), repr=False)
    right: dict[bytes, bytes] = field(default_factory=dict, repr=False)
    wrong: dict[bytes, None] = field(default_factory=dict, repr=False)

    async def admit(self, known: Mapping[bytes, bytes], authorization: str, address: str) -> bool:
        """Whether this header is one of a known user, with the right password."""
        given = credentials(authorization)
        if given is None:
            return False
        user, password = given
        hashed = known.get(user) or self._any_hash(known, user)
        digest = self._digest(user, hashed, password)
        if user in known and compare_digest(self.right.get(user, b""), digest):
            return True
        if digest in self.wrong:
            return False

        def check() -> bool:
            return bcrypt.checkpw(password[:_LONGEST], hashed)

        right = await self.turns.take(address, check) and user in known
        self._keep(user, digest, right)
        return right

    def _any_hash(self, known: Mapping[bytes, bytes], user: bytes) -> bytes:
        # An unknown user costs what a known one does: one of the hashes that there are, always the same for a name.
        hashes = sorted(known.values())
        return hashes[int.from_bytes(self._digest(user), "big") % len(hashes)]

    def _digest(self, *parts: bytes) -> bytes:
        made = blake2b(key=self.secret, digest_size=32)
        for part in parts:
            made.update(len(part).to_bytes(8, "big") + part)
        return made.digest()

    def _keep(self, user: bytes, digest: bytes, right: bool) -> None:
        if right:
            self.right[user] = digest
            return
        self.wrong[digest] = None
        if len(self.wrong) > MOST_WRONG:
            del self.wrong[next(iter(self.wrong))]


def credentials(authorization: str) -> tuple[bytes, bytes] | None:
    """The user and the password of an Authorization header, None if it is none of the scheme Basic."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(token.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None
    user, colon, password = decoded.partition(b":")
    return (user, password) if colon else None
