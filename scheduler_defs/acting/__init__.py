"""What people do to a running yard, once for every door: the command, REST, pages."""
