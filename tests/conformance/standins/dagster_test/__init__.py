"""Stands for Dagster's unpublished package of this name, as far as its published tests need it."""
