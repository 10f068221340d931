"""The yard over MCP, for agents and assistants: each tool is a route of the API, with its rules."""
