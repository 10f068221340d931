"""`signalbox doctor`: checks of what a healthy-looking stack can still suffer from, with what to do."""
