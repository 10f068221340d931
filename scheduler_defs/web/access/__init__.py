"""The access table at the webserver's doors: who comes, what each route and mutation needs, the login."""
