"""From the command line to an exit code."""

from __future__ import annotations

import asyncio
import os
import sys

from uplink_exporter import logs
from uplink_exporter.app import run_doctor, serve
from uplink_exporter.settings import Command, SettingsError, parse


def main() -> int:
    """Run the command that was asked for."""
    try:
        settings = parse(sys.argv[1:], os.environ)
        logs.set_up(settings.log_level, settings.log_format)
        if settings.command is Command.DOCTOR:
            answer, code = asyncio.run(run_doctor(settings))
            print(answer)
            return code
        asyncio.run(serve(settings))
    except SettingsError as error:
        print(f"uplink-exporter: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
