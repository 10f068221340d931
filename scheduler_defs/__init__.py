"""Signalbox."""

import gc

# Importing Dagster makes a hundred thousand objects that stay. Python looks for garbage among them after every
# 700th, which takes a tenth of the time that the definitions need to load.
gc.set_threshold(max(5_000, gc.get_threshold()[0]), *gc.get_threshold()[1:])
