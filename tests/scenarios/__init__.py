"""Cases, each written down once: what a node's sources tell, and what must come of it.

The core is tested against them, and so are the rules and the dashboard: `scenes` gives each case's page at any time.
"""

from __future__ import annotations

from tests.scenarios.case import SHOWING, Alert, Case, Moment, doctor, page, scenes
from tests.scenarios.cases import CASES

__all__ = ["CASES", "SHOWING", "Alert", "Case", "Moment", "doctor", "page", "scenes"]
