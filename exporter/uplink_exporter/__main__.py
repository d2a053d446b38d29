"""From the command line to an exit code."""

from __future__ import annotations

import os
import sys

from uplink_exporter.commands import healthcheck


def main() -> int:
    """Run the command that was asked for."""
    listening = healthcheck.quick(sys.argv[1:], os.environ)
    return _main() if listening is None else healthcheck.run(listening)


def _main() -> int:
    # Imported only here: the health check does without.
    from contextlib import nullcontext

    from uplink_exporter import logs
    from uplink_exporter.commands.output import written
    from uplink_exporter.lean import give_back_freed_memory, without_openssl
    from uplink_exporter.settings import AnsweredError, Command, SettingsError, parse
    from uplink_exporter.sources.kubernetes import Access

    give_back_freed_memory()
    try:
        settings = parse(sys.argv[1:], os.environ)
        if settings.command is Command.HEALTHCHECK:
            return healthcheck.run([(address.host, address.port) for address in settings.listen])
        logs.set_up(settings.log_level, settings.log_format)
        logs.warn(settings.warnings)
        access = Access(environ=os.environ, kubeconfig=settings.kubeconfig, api_servers=settings.api_servers)
        encrypts = access.wanted(settings.kubernetes)
        with nullcontext() if encrypts else without_openssl():
            from uplink_exporter.app import run  # asyncio comes with it
        return run(settings, access if encrypts else None)
    except AnsweredError as answer:
        return written(str(answer), 0)
    except SettingsError as error:
        print(f"uplink-exporter: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
