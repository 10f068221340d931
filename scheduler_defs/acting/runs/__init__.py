"""Runs that somebody asks for: launched now, by a webhook, ended, launched again."""
