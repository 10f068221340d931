"""What several pages show: the ledger's record of schedules, small charts, reports in Markdown."""
