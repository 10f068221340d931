"""Backups: one file with the whole database, its restoration, and the drill that proves it."""
