"""What each route answers, for the document that describes the API to programs.

The answers themselves are plain objects, the same as the command's; a test holds real ones against these.
More fields may come to any of them.
"""
