"""The image is built once; a machine that cannot build one skips, unless it is CI."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.engine import Engine, build, engine, unavailable
from tests.kernel.conftest import namespaces, node
from tests.lacking import refuse
from uplink_exporter import __version__

__all__ = ["namespaces", "node"]

REVISION = "0123456789abcdef0123456789abcdef01234567"
CREATED = "2026-11-23T12:00:00+00:00"
ARGUMENTS = {"VERSION": __version__, "REVISION": REVISION, "CREATED": CREATED}


@pytest.fixture(scope="session")
def podman(namespaces: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A podman that knows the image, and no other but its base."""
    # The first network namespace makes /run/netns a shared mount: podman's world, which is begun after it, sees those
    # that follow even where the root is no shared mount, as in a container.
    if reason := unavailable():
        refuse(reason)
    storage: Path = tmp_path_factory.mktemp("containers")
    with engine(storage) as podman:
        build(podman, *(f"--build-arg={name}={value}" for name, value in ARGUMENTS.items()))
        yield podman


@pytest.fixture
def for_the_group() -> Iterator[None]:
    """What the test writes is readable by its group, which is root's, and by nobody else: as the logs of pods are."""
    before = os.umask(0o027)
    yield
    os.umask(before)
