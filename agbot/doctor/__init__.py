"""agbot doctor: questions about this machine, this wallet and the venue, each with an id, a cause and what to type."""

from __future__ import annotations

from agbot.doctor.report import Check, Finding, Report, Row, Status
from agbot.doctor.run import DEADLINE_S, run_all

__all__ = ["DEADLINE_S", "Check", "Finding", "Report", "Row", "Status", "run_all"]
