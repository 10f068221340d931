"""What a line says: its level, its time, its constant part."""
