"""The probes that come with Signalbox, one module per kind of thing. They read, and never change anything."""
