"""From the command line to an exit code."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext

from uplink_exporter import logs
from uplink_exporter.lean import give_back_freed_memory, without_openssl
from uplink_exporter.settings import SettingsError, parse
from uplink_exporter.sources.api_access import Access


def main() -> int:
    """Run the command that was asked for."""
    give_back_freed_memory()
    try:
        settings = parse(sys.argv[1:], os.environ)
        logs.set_up(settings.log_level, settings.log_format)
        access = Access(environ=os.environ, kubeconfig=settings.kubeconfig, api_servers=settings.api_servers)
        encrypts = access.wanted(settings.kubernetes)
        with nullcontext() if encrypts else without_openssl():
            from uplink_exporter.app import run  # asyncio comes with it
        return run(settings, access if encrypts else None)
    except SettingsError as error:
        print(f"uplink-exporter: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
