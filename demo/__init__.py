"""A demonstration yard: fake agents, one repository, dependent tasks; everything lands in order."""
