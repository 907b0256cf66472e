"""The kinds of jobs that there are."""

from __future__ import annotations

from saeval.evalsuite.service.jobs.kinds import JobKind

KINDS: dict[str, JobKind] = {}
