"""Who may knock: names the server goes by, pages that may speak to it, sizes, and what its answers forbid."""
