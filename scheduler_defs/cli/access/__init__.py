"""Who may come to the webserver."""
