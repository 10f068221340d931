"""Which sessions of agents' programs there are: whose, on which task, where, and what they have used."""
