"""The verdict: what is wrong with this node's uplink, why, and what to do. It reads facts; it measures nothing."""

from __future__ import annotations

from uplink_exporter.diagnosis.flannel import RECOVERY
from uplink_exporter.diagnosis.judge import diagnose, judged
from uplink_exporter.diagnosis.likely import addressed, candidates
from uplink_exporter.diagnosis.verdict import Diagnosis, Evidence, Verdict
from uplink_exporter.diagnosis.view import Expectation, Expected, View, expected_uplinks
from uplink_exporter.diagnosis.words import LABEL, duration

__all__ = [
    "LABEL",
    "RECOVERY",
    "Diagnosis",
    "Evidence",
    "Expectation",
    "Expected",
    "Verdict",
    "View",
    "addressed",
    "candidates",
    "diagnose",
    "duration",
    "expected_uplinks",
    "judged",
]
