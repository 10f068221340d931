"""Signalbox."""

import gc

# Importing Dagster makes a hundred thousand objects that stay. Python looks for garbage among them after each
# 700 new ones, which takes a tenth of the time that the definitions need to load.
if 0 < gc.get_threshold()[0] < 5_000:
    gc.set_threshold(5_000, *gc.get_threshold()[1:])
