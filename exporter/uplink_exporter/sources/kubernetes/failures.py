"""What the API server and the way to it may answer, with a reason of the closed set."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from uplink_exporter.facts import Reason, SourceError
from uplink_exporter.sources.kubernetes.terms import Resource

LONGEST_RETRY_AFTER = 300
"""Seconds. A server that asks for more does not know what a node's agent is for."""


class ApiError(SourceError):
    """The API server answered with an HTTP status that is no success, or sent it as an event.

    `retry_after` are the seconds for which it asks to be left alone.
    """

    def __init__(self, status: int, message: str, retry_after: float = 0.0) -> None:
        refused = status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
        super().__init__(Reason.PERMISSION if refused else Reason.IO, message)
        self.status = status
        self.retry_after = retry_after


def refusal(code: int, resource: Resource, status: object, retry_after: str = "") -> ApiError:
    """What a code that is no success means, in the server's words (a `Status` object) and with what to do about it."""
    said = f"{code}: {_message(status) or resource.name}"
    if 300 <= code < 400:
        return redirected(code)
    if code == HTTPStatus.UNAUTHORIZED:
        return ApiError(code, f"{said}; the token has expired or is of another cluster")
    if code == HTTPStatus.FORBIDDEN:
        return ApiError(code, f"{said}; grant the verb {resource.verb} on {resource.name}")
    return ApiError(code, f"{said} ({resource.verb} {resource.name})", parse_retry_after(retry_after))


def redirected(code: int) -> ApiError:
    """That something answered which is no API server: those do not redirect."""
    return ApiError(code, f"{code}: a redirect, and no API server sends one; give the address of the API server itself")


def parse_retry_after(text: str) -> float:
    """Seconds out of a Retry-After header, 0 for none. Dates are not heeded: the wall clock may be wrong by years."""
    return float(min(int(text), LONGEST_RETRY_AFTER)) if re.fullmatch("[0-9]{1,9}", text) else 0.0


def _message(status: object) -> str:
    text = status.get("message") if isinstance(status, dict) else None
    return _line(text) if isinstance(text, str) else ""


def _line(text: str) -> str:
    return re.sub(r"[^ -~]+", " ", text[:300]).strip()


@contextmanager
def judged() -> Iterator[None]:
    """Every failure of files, sockets, TLS and HTTP, with a reason of the closed set."""
    from aiohttp import ClientConnectionError, ClientError, ClientPayloadError, ServerDisconnectedError

    try:
        yield
    except TimeoutError as error:
        raise SourceError(Reason.TIMEOUT, str(error) or "no answer in time") from error
    except (ServerDisconnectedError, ClientPayloadError, ConnectionResetError) as error:
        raise SourceError(Reason.CLOSED, f"the API server hung up: {_line(str(error))}") from error
    except PermissionError as error:
        raise SourceError(Reason.PERMISSION, _plain(error)) from error
    except (ClientConnectionError, OSError) as error:
        raise SourceError(Reason.IO, _plain(error)) from error
    except ClientError as error:
        raise SourceError(Reason.PARSE, f"not HTTP: {_line(str(error))}") from error


def _plain(error: Exception) -> str:
    """What went wrong, without the addresses of sockets and Python objects that the libraries add."""
    from ssl import SSLCertVerificationError, SSLError

    cause = getattr(error, "os_error", error)
    if isinstance(cause, SSLCertVerificationError):
        return f"certificate refused: {cause.verify_message}"
    if isinstance(cause, SSLError) or not isinstance(cause, OSError) or not cause.errno or cause.errno < 0:
        return str(cause)
    return os.strerror(cause.errno)
