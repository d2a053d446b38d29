"""The flight recorder: what must outlive a restart of ours, in a SQLite file in the state directory."""

from uplink_exporter.record.contents import Record, begin, read
from uplink_exporter.record.writer import Progress, finish, watch

__all__ = ["Progress", "Record", "begin", "finish", "read", "watch"]
