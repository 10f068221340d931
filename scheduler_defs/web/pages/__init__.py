"""Pages for people, below `/signalbox/`: rendered here, acting through the API, no request elsewhere."""
