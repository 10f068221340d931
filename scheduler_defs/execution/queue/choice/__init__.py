"""Which of the waiting runs start: read what waits, choose within limits, say why one waits."""
