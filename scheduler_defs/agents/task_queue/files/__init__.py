"""Tasks as files: Markdown with front matter, in a folder that anybody edits, in step with the queue."""
