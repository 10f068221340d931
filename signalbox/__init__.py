"""Signalbox for other Dagster projects: `type: signalbox.Yard` in a `defs.yaml`.

The program itself is `scheduler_defs`; its command is `signalbox`.
"""

from signalbox.yard import Yard

__all__ = ["Yard"]
