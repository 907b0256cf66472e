"""The record of a team: runs, comparisons and verdicts, behind an API and pages."""
