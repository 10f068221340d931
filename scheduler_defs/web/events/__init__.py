"""Live events over HTTP (Server-Sent Events): one reader for all clients, and no thread for any of them."""
