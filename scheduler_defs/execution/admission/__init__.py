"""Through here goes every run that is created, whoever launches it: completed, unique, or refused."""
