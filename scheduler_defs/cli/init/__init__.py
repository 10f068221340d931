"""`signalbox init`: a small yard to begin with, and what other schedulers had, as declarations."""
