"""Schedules: their rule, policies, defaults and conditions."""
